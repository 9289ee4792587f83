#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "rig.h"
#include "server.h"
#include "unit/check.h"

static struct server server;
static char dir[64], address[64];

static void write_profile(const char *name, const char *text)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void drop_profile(const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s.json", dir, name);
	unlink(path);
}

static int start(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%.40s/modbusXXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	server_init(&server, 0, 200);
	server_start(&server);
	snprintf(address, sizeof(address), "tcp:127.0.0.1:%u", server.port);
	memset(&rig, 0, sizeof(rig));
	rig.connect = address;
	rig.profiles = dir;
	rig.devices[0] = "meter 1 unit=7 profile=p";
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (rig.self)
		rig_end();
	server_fini(&server);
	drop_profile("p");
	return rmdir(dir);
}

static void run(const char *profile)
{
	write_profile("p", profile);
	int r = rig_begin(getenv("MODBUS_SO"));
	if (r < 0)
		fail_msg("%s", rig.why);
	assert_int_equal(rig_start(), 0);
}

static void put(int at, const uint16_t *words, size_t n)
{
	memcpy(server.map->tab_registers + at, words, n * 2);
	memcpy(server.map->tab_input_registers + at, words, n * 2);
}

static const struct rig_point *get(const char *name)
{
	const struct rig_point *p = rig_point(name, 0);
	if (!p)
		fail_msg("no point of %s", name);
	return p;
}

static const char *awaited;
static uint32_t awaited_from;

static bool has_come(void)
{
	return rig_point(awaited, awaited_from) != NULL;
}

static bool await(const char *name, uint32_t from, int ms)
{
	awaited = name;
	awaited_from = from;
	return rig_until(has_come, ms);
}

/* 0x12345678 and 0x0123456789ABCDEF in every order, floats that only fit one of them. */
static void every_type_and_order_is_read_exactly(void **state)
{
	(void)state;
	put(0, (uint16_t[]){ 65535, 0xFFFE, 0x3412 }, 3);
	put(10, (uint16_t[]){ 0x1234, 0x5678, 0x5678, 0x1234, 0x3412, 0x7856, 0x7856, 0x3412 }, 8);
	put(20, (uint16_t[]){ 0x0123, 0x4567, 0x89AB, 0xCDEF, 0xCDEF, 0x89AB, 0x4567, 0x0123 }, 8);
	put(30, (uint16_t[]){ 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE }, 8);
	put(40, (uint16_t[]){ 0x40B8, 0x51EC, 0x51EC, 0x40B8 }, 4); /* 5.76f */
	put(50, (uint16_t[]){ 0x3FB9, 0x9999, 0x9999, 0x999A, 0x9A99, 0x9999, 0x9999, 0xB93F }, 8);
	put(60, (uint16_t[]){ 0x4D65, 0x7465, 0x7220, 0x2000, 0xFFFF }, 5); /* "Meter  " */
	put(70, (uint16_t[]){ 0x8001, 235, 0xFF38 }, 3);
	server.map->tab_bits[5] = 1;
	server.map->tab_input_bits[6] = 1;
	run("{\"interval\":\"1h\",\"registers\":["
	    "{\"name\":\"u16\",\"kind\":\"holding\",\"address\":0,\"type\":\"u16\"},"
	    "{\"name\":\"i16\",\"kind\":\"holding\",\"address\":1,\"type\":\"i16\"},"
	    "{\"name\":\"u16.swapped\",\"kind\":\"holding\",\"address\":2,\"type\":\"u16\",\"order\":\"BADC\"},"
	    "{\"name\":\"abcd\",\"kind\":\"holding\",\"address\":10,\"type\":\"u32\"},"
	    "{\"name\":\"cdab\",\"kind\":\"holding\",\"address\":12,\"type\":\"u32\",\"order\":\"CDAB\"},"
	    "{\"name\":\"badc\",\"kind\":\"holding\",\"address\":14,\"type\":\"u32\",\"order\":\"BADC\"},"
	    "{\"name\":\"dcba\",\"kind\":\"holding\",\"address\":16,\"type\":\"i32\",\"order\":\"DCBA\"},"
	    "{\"name\":\"u64\",\"kind\":\"input\",\"address\":20,\"type\":\"u64\"},"
	    "{\"name\":\"u64.cdab\",\"kind\":\"input\",\"address\":24,\"type\":\"u64\",\"order\":\"CDAB\"},"
	    "{\"name\":\"u64.most\",\"kind\":\"input\",\"address\":30,\"type\":\"u64\"},"
	    "{\"name\":\"i64\",\"kind\":\"input\",\"address\":34,\"type\":\"i64\"},"
	    "{\"name\":\"f32\",\"kind\":\"input\",\"address\":40,\"type\":\"f32\",\"unit\":\"V\"},"
	    "{\"name\":\"f32.cdab\",\"kind\":\"input\",\"address\":42,\"type\":\"f32\",\"order\":\"CDAB\"},"
	    "{\"name\":\"f64\",\"kind\":\"input\",\"address\":50,\"type\":\"f64\"},"
	    "{\"name\":\"f64.dcba\",\"kind\":\"input\",\"address\":54,\"type\":\"f64\",\"order\":\"DCBA\"},"
	    "{\"name\":\"text\",\"kind\":\"input\",\"address\":60,\"type\":\"string\",\"length\":5},"
	    "{\"name\":\"bit15\",\"kind\":\"input\",\"address\":70,\"type\":\"bool\",\"bit\":15},"
	    "{\"name\":\"bit1\",\"kind\":\"input\",\"address\":70,\"type\":\"bool\",\"bit\":1},"
	    "{\"name\":\"scaled\",\"kind\":\"input\",\"address\":71,\"type\":\"i16\",\"scale\":0.1,\"unit\":\"Cel\"},"
	    "{\"name\":\"offset\",\"kind\":\"input\",\"address\":72,\"type\":\"i16\",\"scale\":0.01,\"offset\":50},"
	    "{\"name\":\"coil\",\"kind\":\"coil\",\"address\":5},"
	    "{\"name\":\"discrete\",\"kind\":\"discrete\",\"address\":6}]}");
	assert_true(await("discrete", 0, 3000) && await("coil", 0, 3000) && await("bit1", 0, 3000));
	assert_true(await("u16", 0, 3000));
	assert_int_equal(get("u16")->v.u, 65535);
	assert_int_equal(get("u16")->type, SB_T_U64);
	assert_int_equal(get("i16")->v.i, -2);
	assert_int_equal(get("u16.swapped")->v.u, 0x1234);
	const char *orders[] = { "abcd", "cdab", "badc", "dcba" };
	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		assert_int_equal(get(orders[i])->v.u, 0x12345678);
	assert_true(get("u64")->v.u == 0x0123456789ABCDEF && get("u64")->type == SB_T_U64);
	assert_true(get("u64.cdab")->v.u == 0x0123456789ABCDEF);
	assert_true(get("u64.most")->v.u == UINT64_MAX);
	assert_true(get("i64")->v.i == -2 && get("i64")->type == SB_T_I64);
	assert_true(get("f32")->v.f == (double)5.76f && get("f32.cdab")->v.f == (double)5.76f);
	assert_true(get("f64")->v.f == 0.1 && get("f64.dcba")->v.f == 0.1);
	assert_string_equal(get("text")->text, "Meter");
	assert_true(get("bit15")->v.i == 1 && get("bit1")->v.i == 0);
	assert_true(get("scaled")->v.f == 23.5 && get("scaled")->type == SB_T_F64);
	assert_true(get("offset")->v.f == 48);
	assert_true(get("coil")->v.i == 1 && get("coil")->type == SB_T_BOOL);
	assert_int_equal(get("discrete")->v.i, 1);
	assert_string_equal(rig.series[get("f32")->series - 1].unit, "V");
	assert_true(llabs(get("u16")->ts_ns - clock_utc()) < 10 * NS_PER_S);
	assert_int_equal(rig.ups, 1);
	assert_int_equal(rig.health_state, SB_HEALTH_OK);
	assert_in_range(server.requests, 4, 6); /* neighbours share requests */
}

static void numbers_that_are_none_become_bad_points_with_the_last_value(void **state)
{
	(void)state;
	put(0, (uint16_t[]){ 0x41C8, 0x0000, 1234 }, 3); /* 25.0f */
	run("{\"interval\":\"50ms\",\"registers\":["
	    "{\"name\":\"f\",\"kind\":\"input\",\"address\":0,\"type\":\"f32\"},"
	    "{\"name\":\"n\",\"kind\":\"input\",\"address\":2,\"type\":\"u16\",\"invalid\":\"0x8000\"}]}");
	assert_true(await("n", 0, 2000));
	put(0, (uint16_t[]){ 0x7FC0, 0x0000, 0x8000 }, 3); /* not a number */
	uint32_t from = rig.n_points;
	for (int i = 0; i < 400 && !rig_count("n", SB_Q_SENSOR, 0); i++)
		assert_true(await("f", from, 2000));
	assert_true(rig_until(has_come, 300));
	assert_true(rig_count("f", SB_Q_SENSOR, 0) == 1 && rig_count("n", SB_Q_SENSOR, 0) == 1);
	assert_true(get("f")->v.f == 25.0);
	assert_int_equal(get("n")->v.u, 1234);
	from = rig.n_points;
	put(0, (uint16_t[]){ 0x41C8, 0x0000, 5 }, 3);
	assert_true(await("n", from, 2000));
	assert_int_equal(get("n")->quality, SB_Q_GOOD);
}

#define TWO                                                                     \
	"{\"interval\":\"40ms\",\"registers\":["                                \
	"{\"name\":\"a\",\"kind\":\"holding\",\"address\":0,\"type\":\"u16\"}," \
	"{\"name\":\"b\",\"kind\":\"holding\",\"address\":1,\"type\":\"u16\"}]}"

static bool is_down(void)
{
	return rig.downs > 0;
}

static void a_server_that_goes_is_told_once_and_comes_back_by_itself(void **state)
{
	(void)state;
	put(0, (uint16_t[]){ 11, 22 }, 2);
	run(TWO);
	assert_true(await("b", 0, 2000));
	server_stop(&server);
	assert_true(rig_until(is_down, 3000));
	assert_int_equal(rig.health_state, SB_HEALTH_DOWN);
	uint32_t from = rig.n_points;
	await("never", from, 1500); /* while it tries again and again */
	assert_int_equal(rig.downs, 1);
	assert_int_equal(rig_count("a", SB_Q_NO_COMM, 0), 1);
	assert_int_equal(rig_count("b", SB_Q_NO_COMM, 0), 1);
	assert_int_equal(get("b")->v.u, 22);
	put(0, (uint16_t[]){ 11, 33 }, 2);
	server_start(&server);
	from = rig.n_points;
	assert_true(await("b", from, 8000));
	assert_int_equal(get("b")->v.u, 33);
	assert_int_equal(get("b")->quality, SB_Q_GOOD);
	assert_int_equal(rig.ups, 2);
	assert_int_equal(rig.health_state, SB_HEALTH_OK);
}

static void a_server_that_is_silent_is_down_after_three_requests(void **state)
{
	(void)state;
	run(TWO);
	assert_true(await("b", 0, 2000));
	server.is_deaf = true;
	assert_true(rig_until(is_down, 3000));
	assert_int_equal(rig_count("a", SB_Q_NO_COMM, 0), 1);
	server.is_deaf = false;
	assert_true(await("a", rig.n_points, 5000));
	assert_int_equal(get("a")->quality, SB_Q_GOOD);
}

static void a_register_the_device_lacks_stands_alone(void **state)
{
	(void)state;
	put(198, (uint16_t[]){ 8, 9 }, 2);
	run("{\"interval\":\"40ms\",\"registers\":["
	    "{\"name\":\"first\",\"kind\":\"holding\",\"address\":196,\"type\":\"u16\"},"
	    "{\"name\":\"last\",\"kind\":\"holding\",\"address\":199,\"type\":\"u16\"},"
	    "{\"name\":\"missing\",\"kind\":\"holding\",\"address\":200,\"type\":\"u16\"},"
	    "{\"name\":\"far\",\"kind\":\"holding\",\"address\":210,\"type\":\"u16\"}]}");
	assert_true(await("last", 0, 2000) && await("first", 0, 2000));
	assert_int_equal(get("last")->v.u, 9);
	await("never", 0, 300);
	assert_null(rig_point("missing", 0));
	assert_int_equal(rig.fates, 2); /* each of the two, once */
	assert_non_null(strstr(rig.fate_reason, "illegal data address: holding 2"));
	assert_int_equal(rig.downs, 0);
}

static void one_dead_device_does_not_stop_the_others_of_its_bus(void **state)
{
	(void)state;
	rig.devices[0] = "alive unit=1 profile=p";
	rig.devices[1] = "behind-gateway unit=101 profile=p";
	rig.devices[2] = "dead unit=99 profile=p";
	run(TWO);
	assert_true(await("b", 0, 3000));
	await("never", 0, 2000);
	assert_true(rig_count("a", SB_Q_GOOD, 0) > 10);
	assert_int_equal(rig.ups, 1);
	assert_int_equal(rig.health_state, SB_HEALTH_DEGRADED);
	assert_non_null(strstr(rig.health, "1 of 3 devices answer"));
}

static void back_pressure_stops_the_polls_until_there_is_room(void **state)
{
	(void)state;
	run(TWO);
	assert_true(await("b", 0, 2000));
	rig.is_full = true;
	await("never", 0, 100);
	uint32_t requests = server.requests, from = rig.n_points;
	await("never", 0, 300);
	assert_int_equal(server.requests, requests);
	rig.is_full = false;
	const struct sb_source *source = rig.ops->ext(rig.self, "sb.source/1");
	source->writable(rig.self);
	assert_true(await("b", from, 1000)); /* sooner than by itself */
}

static void a_deadband_holds_small_changes_back(void **state)
{
	(void)state;
	put(0, (uint16_t[]){ 100, 0 }, 2);
	run("{\"interval\":\"40ms\",\"registers\":["
	    "{\"name\":\"calm\",\"kind\":\"holding\",\"address\":0,\"type\":\"u16\",\"deadband\":5},"
	    "{\"name\":\"all\",\"kind\":\"holding\",\"address\":1,\"type\":\"u16\"}]}");
	assert_true(await("all", 0, 2000));
	put(0, (uint16_t[]){ 104, 0 }, 2);
	await("never", 0, 300);
	assert_int_equal(rig_count("calm", SB_Q_GOOD, 0), 1);
	assert_true(rig_count("all", SB_Q_GOOD, 0) > 3);
	put(0, (uint16_t[]){ 105, 0 }, 2);
	assert_true(await("calm", rig.n_points, 2000));
	assert_int_equal(get("calm")->v.u, 105);
}

static void a_device_the_host_does_not_want_sends_nothing(void **state)
{
	(void)state;
	rig.is_unknown = true;
	run(TWO);
	await("never", 0, 300);
	assert_int_equal(rig.n_points, 0);
	assert_int_equal(server.requests, 1);
	assert_int_equal(rig.ups, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		T(every_type_and_order_is_read_exactly),
		T(numbers_that_are_none_become_bad_points_with_the_last_value),
		T(a_server_that_goes_is_told_once_and_comes_back_by_itself),
		T(a_server_that_is_silent_is_down_after_three_requests),
		T(a_register_the_device_lacks_stands_alone),
		T(one_dead_device_does_not_stop_the_others_of_its_bus),
		T(back_pressure_stops_the_polls_until_there_is_room),
		T(a_deadband_holds_small_changes_back),
		T(a_device_the_host_does_not_want_sends_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
