#define LOG_MODULE "test"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/log.h"
#include "check.h"

static char written[65536];

/* What f() writes to stderr. */
static const char *capture(void (*f)(void))
{
	char path[] = "log-XXXXXX";
	int fd = mkstemp(path);
	int before = dup(STDERR_FILENO);
	ssize_t n = 0;

	assert_true(fd >= 0 && before >= 0);
	dup2(fd, STDERR_FILENO);
	f();
	dup2(before, STDERR_FILENO);
	n = pread(fd, written, sizeof(written) - 1, 0);
	assert_true(n >= 0);
	written[n] = 0;
	close(before);
	close(fd);
	unlink(path);
	return written;
}

static int count(const char *text, const char *what)
{
	int n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void write_plain(void)
{
	clock_set(1790000000123000000, 1);
	assert_int_equal(log_error(-ENOENT, "cannot open %s", "x.conf"), -ENOENT);
	assert_int_equal(log_warn(SB_E_STALE, "gone"), SB_E_STALE);
	log_info("ready");
	log_debug("not wanted");
	clock_set(0, 0);
}

static void a_line_is_logfmt_and_tells_the_fault(void **state)
{
	(void)state;
	assert_string_equal(capture(write_plain),
	                    "time=2026-09-21T14:13:20.123Z level=error module=test "
	                    "msg=\"cannot open x.conf: No such file or directory\"\n"
	                    "time=2026-09-21T14:13:20.123Z level=warn module=test "
	                    "msg=\"gone: the object behind this handle is gone\"\n"
	                    "time=2026-09-21T14:13:20.123Z level=info module=test msg=\"ready\"\n");
}

static void write_evil(void)
{
	log_info("device %s", "a\"\nlevel=error msg=\"forged\x1b[2J\\\xff\xe2\x80\xae");
}

static void a_device_cannot_forge_a_line(void **state)
{
	const char *text = capture(write_evil);

	(void)state;
	assert_int_equal(count(text, "\n"), 1);
	assert_non_null(strstr(text, "msg=\"device a\\\"\\x0alevel=error msg=\\\"forged\\x1b[2J"
	                             "\\\\\\xff\\xe2\\x80\\xae\"\n"));
}

static void write_long(void)
{
	static char text[10000];

	memset(text, '\n', sizeof(text) - 1);
	log_info("%s", text);
	memset(text, '"', sizeof(text) - 1);
	log_info("%s", text);
}

static void an_endless_line_is_cut(void **state)
{
	const char *text = capture(write_long);

	(void)state;
	assert_int_equal(count(text, "\n"), 2);
	assert_int_equal(count(text, "\"\n"), 2);
	assert_true(strlen(text) < 10000);
}

static void write_flood(void)
{
	clock_set(1790000000000000000, 100 * NS_PER_S);
	for (int i = 0; i < 1000; i++)
		log_warn(0, "the same again");
	log_info("something else");
	clock_set(1790000001000000000, 101 * NS_PER_S + 1);
	log_info("a second later");
	clock_set(0, 0);
}

static void a_flood_is_folded_into_a_count(void **state)
{
	const char *text = capture(write_flood);

	(void)state;
	assert_int_equal(count(text, "the same again\""), 10);
	assert_int_equal(count(text, "something else"), 1);
	assert_int_equal(count(text, "the same again [repeated 990 times more]"), 1);
}

static void levels_are_read_from_text(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;

	(void)state;
	assert_int_equal(log_level_parse("error", &level), 0);
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
	log_init(LOG_LEVEL_WARN);
	assert_false(log_wanted(LOG_LEVEL_INFO));
	assert_true(log_wanted(LOG_LEVEL_WARN));
	log_init(LOG_LEVEL_INFO);
}

static void hear(void *ud, enum log_level level, const char *text)
{
	char *heard = ud;

	snprintf(heard + strlen(heard), 200 - strlen(heard), "%d %s\n", (int)level, text);
}

static void write_unwanted(void)
{
	log_init(LOG_LEVEL_ERROR);
	log_warn(-ENOENT, "cannot open %s", "x.conf");
	log_info("not of interest");
	log_init(LOG_LEVEL_INFO);
}

static void who_asked_hears_what_went_wrong_on_his_thread(void **state)
{
	char heard[200] = "";

	(void)state;
	log_listen(hear, heard);
	assert_string_equal(capture(write_unwanted), "");
	log_listen(NULL, NULL);
	capture(write_unwanted);
	assert_string_equal(heard, "3 cannot open x.conf: No such file or directory\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_logfmt_and_tells_the_fault),
		cmocka_unit_test(a_device_cannot_forge_a_line),
		cmocka_unit_test(an_endless_line_is_cut),
		cmocka_unit_test(a_flood_is_folded_into_a_count),
		cmocka_unit_test(levels_are_read_from_text),
		cmocka_unit_test(who_asked_hears_what_went_wrong_on_his_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
