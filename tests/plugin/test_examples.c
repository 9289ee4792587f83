/* The plugins people learn from, on the real host with services that only remember. */
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "host/host.h"
#include "kit.h"

#define MAX_POINTS 64

/* What the fake services saw; written on io/0, read by the test after `points` moved. */
static struct {
	struct sb_point seen[MAX_POINTS];
	char names[MAX_POINTS][64]; /* series are numbered from 1 in order of their names */
	size_t n_names;
	_Atomic int points, batches, full, refused;
	struct sb_point room[16];
	struct sb_batch batch;
} fake;

static int32_t find_device(struct sb_host *h, struct sb_str id, sb_device *out)
{
	(void)h;
	*out = id.n;
	return memchr(id.p, '#', id.n) ? SB_E_NAME : 0;
}

static int32_t find_series(struct sb_host *h, const struct sb_series_key *key, sb_series *out)
{
	(void)h;
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)key->name.n, key->name.p);
	size_t i = 0;
	while (i < fake.n_names && strcmp(fake.names[i], name) != 0)
		i++;
	if (i == fake.n_names)
		memcpy(fake.names[fake.n_names++], name, sizeof(name));
	*out = i + 1;
	return 0;
}

static struct sb_batch *acquire(struct sb_host *h, uint32_t points, uint32_t blob_bytes)
{
	(void)h;
	(void)blob_bytes;
	if (points > 16 || fake.full) {
		fake.refused++;
		return NULL;
	}
	fake.batch = (struct sb_batch){ .size = sizeof(fake.batch), .cap = 16 };
	fake.batch.points = fake.room;
	return &fake.batch;
}

static void complete(void *ud)
{
	struct instance *in = ud;
	const struct sb_source *source = instance_ext(in, "sb.source/1");
	const struct sb_completion c = { .status = 0 };
	struct frame f;
	if (!source) /* wants to hear nothing */
		return;
	frame_enter(&f, in, "source.completed");
	source->completed(instance_self(in), &c, 1);
	frame_leave(&f);
}

static int32_t commit(struct sb_host *h, struct sb_batch *b)
{
	int at = fake.points;
	for (uint32_t i = 0; i < b->count && at < MAX_POINTS; i++)
		fake.seen[at++] = b->points[i];
	fake.points = at;
	fake.batches++;
	instance_post(instance_of(h), complete, instance_of(h));
	return SB_PENDING;
}

static const struct sb_devices devices = { .size = sizeof(devices),
	                                   .resolve = find_device,
	                                   .configured = find_device };
static const struct sb_telemetry telemetry = {
	.size = sizeof(telemetry), .acquire = acquire, .commit = commit, .resolve = find_series
};

static void begin(struct kit *k, const char *module, const char *set)
{
	memset(&fake, 0, sizeof(fake));
	kit_begin(k);
	kit_add(k, module, 0, 0600);
	kit_make(k);
	assert_int_equal(host_provide(k->host, "sb.devices/1", &devices), 0);
	assert_int_equal(host_provide(k->host, "sb.telemetry/1", &telemetry), 0);
	assert_int_equal(host_load(k->host), 0);
	assert_int_equal(kit_configure(k, set, NULL), 0);
	assert_int_equal(host_start(k->host, NULL), 0);
}

static void await(_Atomic int *what, int least)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	for (int i = 0; i < 1500 && *what < least; i++)
		nanosleep(&pause, NULL);
	assert_true(*what >= least);
}

static void heartbeat_tells_uptime_memory_and_load(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "heartbeat", "heartbeat.interval=20ms");
	await(&fake.batches, 2);
	host_stop(k.host, NULL, 0);
	assert_string_equal(fake.names[0], "uptime_s");
	assert_string_equal(fake.names[1], "free_bytes");
	assert_string_equal(fake.names[2], "load");
	assert_true(fake.seen[0].v.f >= 0);
	assert_true(fake.seen[1].v.f > 100000);
	kit_end(&k);
}

static void heartbeat_starts_by_itself_and_skips_when_full(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "heartbeat", "heartbeat.interval=10ms");
	fake.full = 1;
	await(&fake.refused, 2);
	int before = fake.batches;
	fake.full = 0;
	await(&fake.batches, before + 2);
	kit_end(&k);
}

static int dial(const struct kit *k)
{
	char ready[128];
	assert_true(host_ready_text(k->host, ready, sizeof(ready)) > 0);
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	to.sin_port = htons((uint16_t)strtol(strrchr(ready, ':') + 1, NULL, 10));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (void *)&to, sizeof(to)), 0);
	return fd;
}

static void the_line_adapter_answers_what_is_stored(void **state)
{
	(void)state;
	struct kit k;
	char answers[64] = "";
	static const char lines[] = "b1 temp 61.5\nnonsense\nb# temp 1\nb1 temp 62\n";
	begin(&k, "adapter-line", "line.listen=127.0.0.1:0");
	int fd = dial(&k);
	assert_int_equal(write(fd, lines, sizeof(lines) - 1), sizeof(lines) - 1);
	/* Refusals need no disk, so they may be answered before what was stored. */
	assert_int_equal(recv(fd, answers, 26, MSG_WAITALL), 26);
	assert_non_null(strstr(answers, "ok 1\n"));
	assert_non_null(strstr(answers, "error 2\n"));
	assert_non_null(strstr(answers, "error 3\n"));
	assert_non_null(strstr(answers, "ok 4\n"));
	assert_int_equal(fake.points, 2);
	assert_true(fake.seen[0].v.f == 61.5);
	close(fd);
	kit_end(&k);
}

static void the_csv_codec_makes_points_or_says_why_not(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "codec-csv", "csv.enabled=yes");
	struct instance *in = host_instance(k.host, "sb.codec/1", 0);
	const struct sb_codec *codec = instance_ext(in, "sb.codec/1");
	struct sb_batch out = { .size = sizeof(out), .cap = 2, .points = fake.room };
	static const char text[] = "temp.supply,61.5,Cel\npump.on,true\n";
	struct sb_decode d = { .size = sizeof(d), .content_type = SB_STR("text/csv"), .out = &out };
	d.payload = (struct sb_bytes){ (const uint8_t *)text, sizeof(text) - 1 };
	assert_int_equal(codec->claims(instance_self(in), &d), 2);
	assert_int_equal(codec->decode(instance_self(in), &d), 0);
	assert_int_equal(out.count, 2);
	assert_int_equal(fake.room[1].type, SB_T_BOOL);
	assert_int_equal(codec->decode(instance_self(in), &d), -ENOBUFS);
	d.payload = (struct sb_bytes){ (const uint8_t *)"x,warm", 6 };
	assert_int_equal(codec->decode(instance_self(in), &d), SB_E_MALFORMED);
	assert_string_equal(d.why, "\"warm\" is neither a number nor true or false");
	kit_end(&k);
}

static void the_template_runs_as_it_is(void **state)
{
	(void)state;
	struct kit k;
	begin(&k, "acme", "acme.interval=10ms");
	kit_assert_instance(&k, "acme", "state", "running");
	kit_end(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heartbeat_tells_uptime_memory_and_load),
		cmocka_unit_test(heartbeat_starts_by_itself_and_skips_when_full),
		cmocka_unit_test(the_line_adapter_answers_what_is_stored),
		cmocka_unit_test(the_csv_codec_makes_points_or_says_why_not),
		cmocka_unit_test(the_template_runs_as_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
