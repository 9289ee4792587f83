#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/plugin.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/own.h"
#include "check.h"
#include "host/elf.h"

static void our_own_program_is_no_plugin(void **state)
{
	(void)state;
	struct elf_facts facts;
	char why[160] = "";
	_own_(closep) int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_int_equal(elf_read(fd, &facts, why, sizeof(why)), -ENOEXEC);
	assert_string_equal(why, "not a Signalbox plugin: it has no Signalbox note");
}

static void every_prefix_of_an_elf_file_is_survived(void **state)
{
	(void)state;
	struct elf_facts facts;
	char why[160];
	_own_(buffer_fini) struct buffer b = { 0 };
	assert_int_equal(file_read_all("/proc/self/exe", 64u << 20, &b), 0);
	for (size_t n = 0; n < b.n; n += n < 4096 ? 1 : 4001) {
		/* A copy of exactly this size, so that sanitizers see every step too far. */
		_own_(freep) uint8_t *copy = malloc(n ? n : 1);
		memcpy(copy, b.p, n);
		why[0] = 0;
		assert_true(elf_parse(copy, n, &facts, why, sizeof(why)) < 0);
		assert_string_not_equal(why, "");
	}
}

static void flipped_bits_in_the_headers_are_survived(void **state)
{
	(void)state;
	struct elf_facts facts;
	char why[160];
	_own_(buffer_fini) struct buffer b = { 0 };
	assert_int_equal(file_read_all("/proc/self/exe", 64u << 20, &b), 0);
	for (size_t bit = 0; bit < 1024u * 8; bit++) {
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		(void)elf_parse(b.p, b.n, &facts, why, sizeof(why));
		b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_own_program_is_no_plugin),
		cmocka_unit_test(every_prefix_of_an_elf_file_is_survived),
		cmocka_unit_test(flipped_bits_in_the_headers_are_survived),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
