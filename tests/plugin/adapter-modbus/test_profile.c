#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/own.h"
#include "link.h"
#include "plan.h"
#include "profile.h"
#include "unit/check.h"
#include "value.h"

static char path[64], why[512];

static int load(const char *text, struct profile **out)
{
	snprintf(path, sizeof(path), "/tmp/profileXXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	int r = profile_new(out, path, why, sizeof(why));
	unlink(path);
	return r;
}

#define REG "\"name\":\"a\",\"kind\":\"holding\",\"address\":1,\"type\":\"u16\""

static void mistakes_are_told_with_file_and_member(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "{", ":1:" },
		{ "[]", "no object" },
		{ "{}", ": registers: must be a list" },
		{ "{\"registers\":[]}", ": registers: must be a list" },
		{ "{\"registers\":[1]}", "registers[0]: must be an object" },
		{ "{\"registers\":[{}]}", "registers[0].name: is missing" },
		{ "{\"registers\":[{" REG "}],\"colour\":1}", ": colour: unknown member" },
		{ "{\"registers\":[{" REG "},{" REG "}]}", "the name \"a\" is used twice" },
		{ "{\"registers\":[{" REG ",\"name\":\"b\"}]}", ":1:" },
		{ "{\"registers\":[{" REG ",\"bitt\":1}]}", "registers[0].bitt: unknown member" },
		{ "{\"registers\":[{" REG ",\"bit\":1}]}", "registers[0].bit: is for a bool" },
		{ "{\"registers\":[{" REG ",\"scale\":0}]}", "registers[0].scale: must not be 0" },
		{ "{\"registers\":[{" REG ",\"scale\":\"1\"}]}",
		  "registers[0].scale: must be a number" },
		{ "{\"registers\":[{" REG ",\"order\":\"ACBD\"}]}",
		  "registers[0].order: \"ACBD\" is none" },
		{ "{\"registers\":[{" REG ",\"interval\":\"0s\"}]}",
		  "registers[0].interval: must be a time" },
		{ "{\"registers\":[{" REG ",\"interval\":\"25h\"}]}",
		  "registers[0].interval: must be a time" },
		{ "{\"registers\":[{" REG ",\"invalid\":-1}]}", "registers[0].invalid: must be" },
		{ "{\"registers\":[{" REG ",\"invalid\":\"0xzz\"}]}",
		  "registers[0].invalid: must be" },
		{ "{\"registers\":[{" REG ",\"invalid\":\"0x\"}]}",
		  "registers[0].invalid: must be" },
		{ "{\"registers\":[{" REG ",\"length\":4}]}",
		  "registers[0].length: is for strings" },
		{ "{\"registers\":[{" REG "}],\"max_registers\":126}",
		  ": max_registers: must be a whole" },
		{ "{\"registers\":[{\"name\":\"a\",\"kind\":\"holding\",\"address\":65535,\"type\":\"u32\"}]}",
		  "registers[0].address: reaches beyond" },
		{ "{\"registers\":[{\"name\":\"a\",\"kind\":\"holding\",\"address\":-1,\"type\":\"u32\"}]}",
		  "registers[0].address: must be a whole number from 0 to 65535" },
		{ "{\"registers\":[{\"name\":\"a\",\"kind\":\"coil\",\"address\":1,\"type\":\"u16\"}]}",
		  "registers[0].type: a coil is a bool" },
		{ "{\"registers\":[{\"name\":\"a\",\"kind\":\"holding\",\"address\":1,\"type\":\"bool\"}]}",
		  "registers[0].bit: is missing" },
		{ "{\"registers\":[{\"name\":\"a\",\"kind\":\"holding\",\"address\":1,\"type\":\"string\"}]}",
		  "registers[0].length: is missing" },
		{ "{\"registers\":[{\"name\":\"\",\"kind\":\"holding\",\"address\":1,\"type\":\"u16\"}]}",
		  "registers[0].name: name and unit" },
		{ "{\"max_registers\":2,\"registers\":[{\"name\":\"a\",\"kind\":\"holding\",\"address\":1,"
		  "\"type\":\"u64\"}]}",
		  "registers[0].type: is longer than max_registers" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct profile *p = NULL;
		why[0] = 0;
		assert_int_equal(load(bad[i].text, &p), -EINVAL);
		assert_null(p);
		if (!strstr(why, bad[i].says) || strncmp(why, path, strlen(path)) != 0)
			fail_msg("%s\n  gives: %s\n  expected: %s", bad[i].text, why, bad[i].says);
	}
}

static void every_profile_we_ship_is_sound(void **state)
{
	(void)state;
	glob_t g;
	char pattern[512];
	snprintf(pattern, sizeof(pattern), "%s/*.json", getenv("MODBUS_PROFILES"));
	assert_int_equal(glob(pattern, 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct profile *p = NULL;
		if (profile_new(&p, g.gl_pathv[i], why, sizeof(why)) < 0)
			fail_msg("%s", why);
		profile_free(p);
	}
	globfree(&g);
}

static struct plan *plan_of(const char *text, struct profile **p)
{
	struct plan *plan = NULL;
	if (load(text, p) < 0)
		fail_msg("%s", why);
	assert_int_equal(plan_new(&plan, *p, 0), 0);
	return plan;
}

static void neighbours_share_a_request_within_the_limits(void **state)
{
	(void)state;
	struct profile *p;
	struct plan *plan =
		plan_of("{\"max_gap\":4,\"max_registers\":20,\"registers\":["
	                "{\"name\":\"d\",\"kind\":\"holding\",\"address\":30,\"type\":\"u32\"},"
	                "{\"name\":\"a\",\"kind\":\"holding\",\"address\":1,\"type\":\"u16\"},"
	                "{\"name\":\"b\",\"kind\":\"holding\",\"address\":6,\"type\":\"u16\"},"
	                "{\"name\":\"c\",\"kind\":\"holding\",\"address\":12,\"type\":\"u64\"},"
	                "{\"name\":\"c2\",\"kind\":\"holding\",\"address\":18,\"type\":\"u64\"},"
	                "{\"name\":\"c3\",\"kind\":\"holding\",\"address\":26,\"type\":\"u16\"},"
	                "{\"name\":\"slow\",\"kind\":\"holding\",\"address\":2,\"type\":\"u16\","
	                "\"interval\":\"1h\"},"
	                "{\"name\":\"in\",\"kind\":\"input\",\"address\":2,\"type\":\"u16\"}]}",
	                &p);
	static const struct {
		uint16_t address, count;
	} expected[] = { { 2, 1 }, { 1, 6 }, { 12, 20 }, { 2, 1 } };
	assert_int_equal(plan->n, ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		assert_int_equal(plan->requests[i].address, expected[i].address);
		assert_int_equal(plan->requests[i].count, expected[i].count);
	}
	plan_free(plan);
	profile_free(p);
}

static void a_split_cuts_at_the_widest_gap_and_ends_with_single_values(void **state)
{
	(void)state;
	struct profile *p;
	struct plan *plan =
		plan_of("{\"registers\":["
	                "{\"name\":\"a\",\"kind\":\"holding\",\"address\":0,\"type\":\"u16\"},"
	                "{\"name\":\"b\",\"kind\":\"holding\",\"address\":2,\"type\":\"u16\"},"
	                "{\"name\":\"c\",\"kind\":\"holding\",\"address\":9,\"type\":\"u16\"},"
	                "{\"name\":\"d\",\"kind\":\"holding\",\"address\":10,\"type\":\"u16\"}]}",
	                &p);
	assert_int_equal(plan->n, 1);
	assert_int_equal(plan_split(plan, 0), 0);
	assert_int_equal(plan->requests[0].count, 3);
	assert_int_equal(plan->requests[1].address, 9);
	assert_int_equal(plan->requests[1].count, 2);
	assert_int_equal(plan_split(plan, 0), 0);
	assert_int_equal(plan_split(plan, 1), 0);
	assert_int_equal(plan->n, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(plan->requests[i].count, 1);
	plan_free(plan);
	profile_free(p);
}

static void bus_addresses_are_checked(void **state)
{
	(void)state;
	static const char *const good[] = {
		"tcp:127.0.0.1:1502",
		"tcp:plc.example",
		"tcp:[::1]:502",
		"tcp:[::1]",
		"rtu:/dev/ttyUSB0",
		"rtu:/dev/ttyUSB0:19200:8E1",
		"rtu:/dev/serial/by-path/pci-0000:00:14.0-usb:9600:8N1"
	};
	static const char *const bad[] = {
		"",          "udp:host",     "tcp:",        "tcp:::1:502",
		"tcp:[::1",  "tcp:[::1]x",   "tcp:[::1]:x", "tcp:host:123456",
		"rtu:ttyS0", "rtu:/dev/t:12"
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct link *link = NULL;
		if (link_new(&link, good[i], 1000000000, why, sizeof(why)) < 0)
			fail_msg("%s: %s", good[i], why);
		link_free(link);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct link *link = NULL;
		if (link_new(&link, bad[i], 1000000000, why, sizeof(why)) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes_are_told_with_file_and_member),
		cmocka_unit_test(every_profile_we_ship_is_sound),
		cmocka_unit_test(neighbours_share_a_request_within_the_limits),
		cmocka_unit_test(a_split_cuts_at_the_widest_gap_and_ends_with_single_values),
		cmocka_unit_test(bus_addresses_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
