/* An adapter: a TCP server that takes lines "DEVICE METRIC VALUE" and answers "ok N" when line N is
 * on disk, "error N" when it will not be.
 *
 * Shows: a listener, batches, withheld acknowledgements, back-pressure by NULL from acquire(). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/plugin.h>

#define MAX_LINE    512
#define MAX_PENDING 1024

struct pending { /* an answer that waits for the disk */
	sb_conn conn;
	uint32_t line;
};

struct peer {
	struct adapter *adapter;
	sb_conn conn;
	uint32_t lines;
	int is_paused;
	struct peer *next;
};

struct adapter {
	struct sb_host *host;
	struct peer *peers;
	const struct sb_stream *stream;
	const struct sb_devices *devices;
	const struct sb_telemetry *telemetry;
	char listen[128];
	struct pending pending[MAX_PENDING]; /* a ring: completions come in the order of commits */
	uint32_t first, count;
};

static const struct sb_core *core;

static void answer(struct adapter *a, sb_conn conn, const char *word, uint32_t line)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%s %u\n", word, line);
	const struct sb_bytes bytes = { (const uint8_t *)text, (size_t)n };
	/* SB_E_STALE: the peer has gone. SB_AGAIN: it does not read; it has lost its answers. */
	if (a->stream->write(a->host, conn, bytes) == SB_AGAIN)
		a->stream->close(a->host, conn);
}

static int32_t store(struct adapter *a, const char *device, const char *metric, double value)
{
	struct sb_series_key key = { .size = sizeof(key), .type = SB_T_F64 };
	struct sb_point p = { .ts_ns = SB_TS_UNKNOWN, .type = SB_T_F64 };
	p.v.f = value;
	key.name = sb_str_of(metric, strlen(metric));
	int32_t r = a->devices->resolve(a->host, sb_str_of(device, strlen(device)), &key.device);
	if (r >= 0)
		r = a->telemetry->resolve(a->host, &key, &p.series);
	if (r < 0)
		return r;
	struct sb_batch *b = a->telemetry->acquire(a->host, 1, 0);
	if (!b)
		return SB_AGAIN;
	b->points[0] = p;
	b->count = 1;
	b->device = key.device;
	b->ack = SB_ACK_STORED;
	return a->telemetry->commit(a->host, b);
}

/* One line, 0-terminated. SB_AGAIN: not now. */
static int32_t take_line(struct peer *peer, sb_conn conn, char *text)
{
	struct adapter *a = peer->adapter;
	char device[129];
	char metric[129];
	double value = 0;
	int32_t r = SB_E_MALFORMED;
	if (a->count == MAX_PENDING)
		return SB_AGAIN;
	if (sscanf(text, "%128s %128s %lf", device, metric, &value) == 3 && isfinite(value))
		r = store(a, device, metric, value);
	if (r == SB_AGAIN)
		return r;
	peer->lines++;
	if (r == SB_PENDING) {
		struct pending *p = &a->pending[(a->first + a->count++) % MAX_PENDING];
		p->conn = conn;
		p->line = peer->lines;
	} else {
		answer(a, conn, r < 0 ? "error" : "ok", peer->lines);
	}
	return 0;
}

static int32_t on_open(void *ud, sb_conn conn, struct sb_str name, void **conn_ud)
{
	struct adapter *a = ud;
	struct peer *peer = calloc(1, sizeof(*peer));
	(void)name;
	if (!peer)
		return -ENOMEM;
	peer->adapter = a;
	peer->conn = conn;
	peer->next = a->peers;
	a->peers = peer;
	*conn_ud = peer;
	return 0;
}

static int64_t on_data(void *conn_ud, sb_conn conn, struct sb_bytes bytes)
{
	struct peer *peer = conn_ud;
	size_t used = 0;
	while (used < bytes.n) {
		const uint8_t *from = bytes.p + used;
		const uint8_t *stop = memchr(from, '\n', bytes.n - used);
		char line[MAX_LINE];
		size_t n = stop ? (size_t)(stop - from) : bytes.n - used;
		if (n >= sizeof(line))
			return SB_E_MALFORMED; /* closes */
		if (!stop)
			break; /* the rest comes again, with more behind it */
		memcpy(line, from, n);
		line[n] = 0;
		if (take_line(peer, conn, line) == SB_AGAIN) {
			peer->is_paused = 1; /* resume_all() reads on */
			peer->adapter->stream->pause(peer->adapter->host, conn);
			break;
		}
		used += n + 1;
	}
	return (int64_t)used;
}

static void on_close(void *conn_ud, sb_conn conn, int32_t why)
{
	struct peer *peer = conn_ud;
	struct peer **at = &peer->adapter->peers;
	(void)conn;
	(void)why;
	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	free(peer);
}

/* ---- what the host tells */

static void resume_all(void *self)
{
	struct adapter *a = self;
	for (struct peer *p = a->peers; p; p = p->next) {
		if (!p->is_paused)
			continue;
		p->is_paused = 0;
		a->stream->resume(a->host, p->conn);
	}
}

static void completed(void *self, const struct sb_completion *c, uint32_t n)
{
	struct adapter *a = self;
	for (uint32_t i = 0; i < n; i++) {
		const struct pending p = a->pending[a->first];
		a->first = (a->first + 1) % MAX_PENDING;
		a->count--;
		answer(a, p.conn, c[i].status < 0 || c[i].rejected ? "error" : "ok", p.line);
	}
	resume_all(a);
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	struct adapter *a = calloc(1, sizeof(*a));
	(void)d;
	if (!a)
		return -ENOMEM;
	a->host = host;
	a->stream = core->service(host, "sb.stream/1");
	a->devices = core->service(host, "sb.devices/1");
	a->telemetry = core->service(host, "sb.telemetry/1");
	*self = a;
	return 0;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct adapter *a = self;
	struct sb_str listen = SB_STR("");
	int32_t r = config->str(config, "/listen", &listen);
	snprintf(a->listen, sizeof(a->listen), "%.*s", (int)listen.n, listen.p);
	return r;
}

static int32_t start(void *self)
{
	struct adapter *a = self;
	const struct sb_listen l = {
		.size = sizeof(l),
		.max_in_bytes = MAX_LINE * 8,
		.address = sb_str_of(a->listen, strlen(a->listen)),
		.name = SB_STR("line"),
		.open = on_open,
		.data = on_data,
		.close = on_close,
		.ud = a,
	};
	return a->stream->listen(a->host, &l, NULL);
}

static const void *ext(void *self, const char *id)
{
	static const struct sb_source source = { .size = sizeof(source),
		                                 .completed = completed,
		                                 .writable = resume_all };
	(void)self;
	return strcmp(id, "sb.source/1") == 0 ? &source : NULL;
}

static const struct sb_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.configure = configure,
	.start = start,
	.destroy = free,
	.ext = ext,
};

static const char *const provides[] = { "sb.source/1", NULL };
static const char *const needs[] = { "sb.stream/1", "sb.devices/1", "sb.telemetry/1", NULL };

static const struct sb_descriptor descriptor = {
	.size = sizeof(descriptor),
	.flags = SB_RUN_LOOP,
	.id = "adapter-line",
	.name = "Lines over TCP",
	.version = "1.0.0",
	.vendor = "Signalbox",
	.license = "0BSD",
	.summary = "Takes lines of device, metric and value",
	.section = "line",
	.provides = provides,
	.needs = needs,
	.config_schema = "{ \"type\": \"object\", \"properties\": {"
			 "\"listen\": { \"type\": \"string\", \"format\": \"address\","
			 " \"default\": \"127.0.0.1:7777\", \"maxLength\": 120,"
			 " \"description\": \"address and port to serve\" } } }",
	.ops = &ops,
};

static int32_t init(const struct sb_core *c, const char *path)
{
	(void)path;
	core = c;
	return 0;
}

static const struct sb_descriptor *describe(uint32_t index)
{
	return index == 0 ? &descriptor : NULL;
}

SB_PLUGIN("adapter-line", "1.0.0", 0, init, NULL, describe);
