#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "host/host.h"
#include "kit.h"

static void refused(const char *module, const char *why)
{
	struct kit k;
	kit_begin(&k);
	kit_add(&k, module, 0, 0600);
	kit_host(&k);
	kit_assert_refused(&k, module, why);
	kit_end(&k);
}

static void a_newer_minor_is_refused_before_its_constructor_runs(void **state)
{
	(void)state;
	unsetenv("SIGNALBOX_TEST_CONSTRUCTOR");
	refused("bad-minor", "needs plugin interface 1.99");
	assert_null(getenv("SIGNALBOX_TEST_CONSTRUCTOR"));
}

static void another_major_is_refused(void **state)
{
	(void)state;
	refused("bad-major", "made for plugin interface 2");
}

static void a_file_without_note_is_refused(void **state)
{
	(void)state;
	refused("bad-nonote", "it has no Signalbox note");
}

static void a_wrong_magic_is_refused(void **state)
{
	(void)state;
	refused("bad-magic", "wrong magic 0x12345678");
}

static void an_entry_that_contradicts_its_note_is_refused(void **state)
{
	(void)state;
	refused("bad-entry", "its entry says interface 1.7");
	refused("bad-id", "its note says it is something-else");
}

static void an_undefined_symbol_is_refused_with_its_name(void **state)
{
	(void)state;
	refused("bad-undefined", "signalbox_symbol_of_nobody");
}

static void a_missing_service_is_refused_with_its_id(void **state)
{
	(void)state;
	refused("bad-needs", "needs the service sb.wishful/3");
}

static void a_bad_descriptor_is_refused(void **state)
{
	(void)state;
	refused("bad-descriptor", "create or destroy is missing");
}

static void a_bad_schema_is_refused(void **state)
{
	(void)state;
	refused("bad-schema", "\"wobble\" is not a type");
	refused("bad-default", "the default of n must be at most 5");
}

static void a_text_file_is_refused(void **state)
{
	(void)state;
	struct kit k;
	kit_begin(&k);
	kit_write(
		&k, "poem.so",
		"Shall I compare thee to a summer's day? Thou art more lovely and more temperate.");
	kit_host(&k);
	kit_assert_refused(&k, "poem.so", "not an ELF file");
	kit_end(&k);
}

static void a_truncated_file_is_refused_at_every_length(void **state)
{
	(void)state;
	struct kit k;
	kit_begin(&k);
	for (size_t n = 100; n < 12000; n += 1300) {
		kit_add(&k, "probe", n, 0600);
		k.host = host_free(k.host);
		kit_host(&k);
		kit_assert_refused(&k, "probe.so", n < 1000 ? "" : "truncated");
	}
	kit_end(&k);
}

static void a_file_that_others_may_write_is_refused(void **state)
{
	(void)state;
	struct kit k;
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0620);
	kit_host(&k);
	kit_assert_refused(&k, "probe.so", "writable by others (mode 620)");
	kit_end(&k);
}

static void a_directory_that_others_may_write_is_refused(void **state)
{
	(void)state;
	struct kit k;
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0600);
	assert_int_equal(chmod(k.so, 0777), 0);
	kit_host(&k);
	kit_assert_refused(&k, "plugins", "writable by others (mode 777)");
	kit_end(&k);
}

static void a_symbolic_link_is_refused(void **state)
{
	(void)state;
	struct kit k;
	char link[160];
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0600);
	snprintf(link, sizeof(link), "%s/other.so", k.so);
	assert_int_equal(symlink("probe.so", link), 0);
	kit_host(&k);
	kit_assert_refused(&k, "other.so", "a symbolic link");
	kit_end(&k);
}

static void the_same_id_twice_is_refused(void **state)
{
	(void)state;
	struct kit k;
	char command[256];
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0600);
	snprintf(command, sizeof(command), "cp '%s/probe.so' '%s/zzz.so'", k.so, k.so);
	assert_int_equal(system(command), 0);
	kit_host(&k);
	kit_assert_refused(&k, "zzz.so", "probe is there already, from");
	kit_end(&k);
}

static void with_an_allow_list_only_listed_files_are_loaded(void **state)
{
	(void)state;
	struct kit k;
	char list[128];
	char command[256];
	kit_begin(&k);
	kit_add(&k, "probe", 0, 0600);
	snprintf(list, sizeof(list), "%s/plugins.allow", k.dir);
	const char *const dirs[] = { k.so, NULL };
	const struct host_config config = { .plugin_dirs = dirs,
		                            .io_threads = 1,
		                            .allow_file = list };
	snprintf(command, sizeof(command), "echo '# nothing' > '%s'", list);
	assert_int_equal(system(command), 0);
	assert_int_equal(host_new(&k.host, &config), 0);
	assert_int_equal(host_load(k.host), 0);
	kit_assert_refused(&k, "probe.so", "not in ");
	k.host = host_free(k.host);
	snprintf(command, sizeof(command), "cd '%s' && sha256sum *.so >> '%s'", k.so, list);
	assert_int_equal(system(command), 0);
	assert_int_equal(host_new(&k.host, &config), 0);
	assert_int_equal(host_load(k.host), 0);
	assert_true(host_has_section(k.host, "probe"));
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_minor_is_refused_before_its_constructor_runs),
		cmocka_unit_test(another_major_is_refused),
		cmocka_unit_test(a_file_without_note_is_refused),
		cmocka_unit_test(a_wrong_magic_is_refused),
		cmocka_unit_test(an_entry_that_contradicts_its_note_is_refused),
		cmocka_unit_test(an_undefined_symbol_is_refused_with_its_name),
		cmocka_unit_test(a_missing_service_is_refused_with_its_id),
		cmocka_unit_test(a_bad_descriptor_is_refused),
		cmocka_unit_test(a_bad_schema_is_refused),
		cmocka_unit_test(a_text_file_is_refused),
		cmocka_unit_test(a_truncated_file_is_refused_at_every_length),
		cmocka_unit_test(a_file_that_others_may_write_is_refused),
		cmocka_unit_test(a_directory_that_others_may_write_is_refused),
		cmocka_unit_test(a_symbolic_link_is_refused),
		cmocka_unit_test(the_same_id_twice_is_refused),
		cmocka_unit_test(with_an_allow_list_only_listed_files_are_loaded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
