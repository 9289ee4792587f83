#include <modbus/modbus.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"
#include "unit/check.h"

/* A serial line: two pseudo terminals and a thread that is the wire between them. */
struct line {
	int master[2], slave[2];
	char path[2][64];
	pthread_t wire, server;
	atomic_bool stopping;
	modbus_t *bus;
	modbus_mapping_t *map;
};

static struct line line;
static char dir[64], profile[96], address[96];

static void *carry(void *arg)
{
	struct line *l = arg;
	char buf[256];
	while (!l->stopping) {
		struct pollfd p[] = { { l->master[0], POLLIN, 0 }, { l->master[1], POLLIN, 0 } };
		if (poll(p, 2, 20) <= 0)
			continue;
		for (int i = 0; i < 2; i++) {
			if (!(p[i].revents & POLLIN))
				continue;
			ssize_t n = read(l->master[i], buf, sizeof(buf));
			if (n > 0 && write(l->master[1 - i], buf, (size_t)n) != n)
				return NULL;
		}
	}
	return NULL;
}

static void *serve(void *arg)
{
	struct line *l = arg;
	uint8_t query[MODBUS_RTU_MAX_ADU_LENGTH];
	while (!l->stopping) {
		int n = modbus_receive(l->bus, query);
		if (n > 0)
			modbus_reply(l->bus, query, n, l->map);
	}
	return NULL;
}

static int start(void **state)
{
	(void)state;
	memset(&line, 0, sizeof(line));
	for (int i = 0; i < 2; i++)
		assert_int_equal(openpty(&line.master[i], &line.slave[i], line.path[i], NULL, NULL),
		                 0);
	line.bus = modbus_new_rtu(line.path[0], 19200, 'E', 8, 1);
	line.map = modbus_mapping_new(10, 10, 100, 100);
	modbus_set_slave(line.bus, 17);
	assert_int_equal(modbus_connect(line.bus), 0);
	modbus_set_indication_timeout(line.bus, 0, 50000);
	assert_int_equal(pthread_create(&line.wire, NULL, carry, &line), 0);
	assert_int_equal(pthread_create(&line.server, NULL, serve, &line), 0);
	snprintf(dir, sizeof(dir), "/tmp/modbusXXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(profile, sizeof(profile), "%s/p.json", dir);
	return 0;
}

static int end(void **state)
{
	(void)state;
	rig_end();
	line.stopping = true;
	pthread_join(line.server, NULL);
	pthread_join(line.wire, NULL);
	modbus_close(line.bus);
	modbus_free(line.bus);
	modbus_mapping_free(line.map);
	for (int i = 0; i < 2; i++) {
		close(line.master[i]);
		close(line.slave[i]);
	}
	unlink(profile);
	return rmdir(dir);
}

static bool has_both(void)
{
	return rig_point("flow", 0) && rig_point("valve", 0);
}

static bool is_other_down(void)
{
	return rig_point("flow", 3) && strstr(rig.health, "1 of 2") != NULL;
}

static void a_serial_line_is_polled_by_the_same_code(void **state)
{
	(void)state;
	FILE *f = fopen(profile, "w");
	assert_non_null(f);
	fputs("{\"interval\":\"50ms\",\"registers\":["
	      "{\"name\":\"flow\",\"kind\":\"input\",\"address\":40,\"type\":\"i32\",\"scale\":0.001},"
	      "{\"name\":\"valve\",\"kind\":\"coil\",\"address\":3}]}",
	      f);
	fclose(f);
	line.map->tab_input_registers[40] = 0xFFFF;
	line.map->tab_input_registers[41] = 0xFB2E; /* -1234 */
	line.map->tab_bits[3] = 1;
	snprintf(address, sizeof(address), "rtu:%s:19200:8E1", line.path[1]);
	memset(&rig, 0, sizeof(rig));
	rig.connect = address;
	rig.profiles = dir;
	rig.devices[0] = "pump unit=17 profile=p";
	rig.devices[1] = "absent unit=18 profile=p";
	if (rig_begin(getenv("MODBUS_SO")) < 0)
		fail_msg("%s", rig.why);
	assert_int_equal(rig_start(), 0);
	assert_true(rig_until(has_both, 5000));
	assert_true(rig_point("flow", 0)->v.f == -1.234);
	assert_int_equal(rig_point("valve", 0)->v.i, 1);
	assert_true(rig_until(is_other_down, 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_serial_line_is_polled_by_the_same_code, start,
		                                end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
