#include "fake.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_journal.h"
#include "fake_services.h"

static struct fake *of(struct sb_host *host)
{
	return (struct fake *)(void *)host;
}

/* ---- core, loop */

static int64_t now_value;

static void log_line(struct sb_host *h, int32_t level, struct sb_str msg, const struct sb_kv *kv,
                     uint32_t n)
{
	(void)h, (void)level, (void)msg, (void)kv, (void)n;
}

static int32_t log_enabled(struct sb_host *h, int32_t level)
{
	(void)h, (void)level;
	return 1;
}

static int32_t core_fail(struct sb_host *h, int32_t r, struct sb_str why)
{
	(void)h, (void)why;
	return r;
}

static int64_t now_ns(int32_t clock)
{
	(void)clock;
	return now_value;
}

static int32_t loop_timer(struct sb_host *h, int64_t delay, int64_t period, sb_task_fn fn, void *ud,
                          sb_timer *out)
{
	(void)delay, (void)period;
	of(h)->tick = fn;
	of(h)->tick_ud = ud;
	*out = 1;
	return 0;
}

static void loop_cancel(struct sb_host *h, sb_timer t)
{
	(void)t;
	of(h)->tick = NULL;
}

static const struct sb_loop loop = { .size = sizeof(loop),
	                             .timer = loop_timer,
	                             .timer_cancel = loop_cancel };

/* ---- streams */

static struct fake_conn *conn_of(struct fake *f, sb_conn handle)
{
	struct fake_conn *c = f->conns;
	while (c && c->handle != handle)
		c = c->next;
	return c && !c->closed ? c : NULL;
}

static int32_t stream_listen(struct sb_host *h, const struct sb_listen *spec, uint32_t *port)
{
	of(h)->listen = *spec;
	*port = 1883;
	return 0;
}

static int32_t stream_write(struct sb_host *h, sb_conn handle, struct sb_bytes b)
{
	struct fake *f = of(h);
	struct fake_conn *c = conn_of(f, handle);
	if (!c || c->closing)
		return SB_E_STALE;
	if (c->out_n && c->out_n + b.n > f->out_limit) {
		c->blocked = true;
		return SB_AGAIN;
	}
	c->out = realloc(c->out, c->out_n + b.n + 1);
	memcpy(c->out + c->out_n, b.p, b.n);
	c->out_n += b.n;
	return 0;
}

static int32_t stream_pause(struct sb_host *h, sb_conn handle)
{
	struct fake_conn *c = conn_of(of(h), handle);
	if (c)
		c->paused = true;
	return 0;
}

static int32_t stream_resume(struct sb_host *h, sb_conn handle)
{
	struct fake_conn *c = conn_of(of(h), handle);
	if (c) {
		c->paused = false;
		c->ready = true;
	}
	return 0;
}

static int32_t stream_close(struct sb_host *h, sb_conn handle)
{
	struct fake_conn *c = conn_of(of(h), handle);
	if (c)
		c->closing = true;
	return 0;
}

static uint32_t stream_unsent(struct sb_host *h, sb_conn handle)
{
	struct fake_conn *c = conn_of(of(h), handle);
	return c ? (uint32_t)c->out_n : 0;
}

static const struct sb_stream stream = { .size = sizeof(stream),
	                                 .listen = stream_listen,
	                                 .write = stream_write,
	                                 .pause = stream_pause,
	                                 .resume = stream_resume,
	                                 .close = stream_close,
	                                 .unsent = stream_unsent };

/* ---- metrics, configuration */

static uint64_t *cell(struct sb_host *h, const char *name)
{
	struct fake *f = of(h);
	for (uint32_t i = 0; i < f->n_cells; i++)
		if (strcmp(f->names[i], name) == 0)
			return &f->cells[i];
	assert(f->n_cells < 128);
	f->names[f->n_cells] = name;
	return &f->cells[f->n_cells++];
}

static uint64_t *counter(struct sb_host *h, const char *name, const char *help)
{
	(void)help;
	return cell(h, name);
}

static int64_t *gauge(struct sb_host *h, const char *name, const char *help)
{
	(void)help;
	return (int64_t *)cell(h, name);
}

int64_t fake_metric(const struct fake *f, const char *name)
{
	for (uint32_t i = 0; i < f->n_cells; i++)
		if (strcmp(f->names[i], name) == 0)
			return (int64_t)f->cells[i];
	return -1;
}

static const struct sb_metrics metrics = { .size = sizeof(metrics),
	                                   .counter = counter,
	                                   .gauge = gauge };

/* The defaults of the schema, except for what the test set. */
static int32_t config_i64(const struct sb_config *c, const char *pointer, int64_t *out)
{
	const struct fake *f = c->impl;
	char want[80];
	for (uint32_t i = 0; i < 8 && f->overrides[i].name; i++) {
		if (strcmp(f->overrides[i].name, pointer + 1) == 0) {
			*out = f->overrides[i].value;
			return 0;
		}
	}
	snprintf(want, sizeof(want), "\"%s\":{", pointer + 1);
	const char *at = strstr(c->json.p, want);
	at = at ? strstr(at, "\"default\":") : NULL;
	if (!at)
		return SB_E_NOT_FOUND;
	*out = strtoll(at + 10, NULL, 10);
	return 0;
}

static int32_t config_boolean(const struct sb_config *c, const char *pointer, int32_t *out)
{
	int64_t v = 0;
	*out = config_i64(c, pointer, &v) == 0 ? (int32_t)v : 0;
	return 0;
}

static int32_t config_str(const struct sb_config *c, const char *pointer, struct sb_str *out)
{
	const struct fake *f = c->impl;
	bool redirect = strcmp(pointer, "/redirect") == 0;
	*out = !redirect ? SB_STR("127.0.0.1:0") : sb_str_of(f->redirect, strlen(f->redirect));
	return 0;
}

static int32_t config_length(const struct sb_config *c, const char *pointer, uint32_t *out)
{
	(void)c;
	*out = strcmp(pointer, "/listen") == 0;
	return 0;
}

static const void *service(struct sb_host *h, const char *id)
{
	static const struct {
		const char *id;
		const void *table;
	} all[] = { { "sb.loop/1", &loop },
		    { "sb.stream/1", &stream },
		    { "sb.payload/1", &fake_services_payload },
		    { "sb.devices/1", &fake_services_devices },
		    { "sb.docs/1", &fake_services_docs },
		    { "sb.journal/1", &fake_journal_service },
		    { "sb.metrics/1", &metrics } };
	if (!of(h)->keeps && strcmp(id, "sb.journal/1") == 0)
		return NULL;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].id, id) == 0)
			return all[i].table;
	return NULL;
}

static const struct sb_core core = { .size = sizeof(core),
	                             .abi_major = 1,
	                             .host_name = "fake",
	                             .service = service,
	                             .log = log_line,
	                             .log_enabled = log_enabled,
	                             .fail = core_fail,
	                             .now_ns = now_ns };

/* ---- the test's side */

static const struct sb_ops *ops(void)
{
	return sb_plugin_entry_1.descriptor(0)->ops;
}

struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));
	f->out_limit = 1 << 20;
	f->puts_at = &f->puts;
	now_value = INT64_C(1700000000) * 1000000000;
	return f;
}

void fake_set(struct fake *f, const char *option, int64_t value)
{
	for (uint32_t i = 0; i < 8; i++) {
		if (!f->overrides[i].name) {
			f->overrides[i].name = option;
			f->overrides[i].value = value;
			return;
		}
	}
}

void fake_start(struct fake *f)
{
	void *self;
	const struct sb_descriptor *d = sb_plugin_entry_1.descriptor(0);
	struct sb_config config = { .size = sizeof(config),
		                    .impl = f,
		                    .json = { d->config_schema, strlen(d->config_schema) },
		                    .i64 = config_i64,
		                    .boolean = config_boolean,
		                    .str = config_str,
		                    .length = config_length };
	sb_plugin_entry_1.init(&core, "");
	int r = ops()->create((struct sb_host *)(void *)f, d, &self);
	assert(r == 0);
	f->srv = self;
	r = ops()->configure(self, &config);
	assert(r == 0);
	r = ops()->start(self);
	assert(r == 0);
	(void)r;
}

static void end(struct fake_conn *c, int32_t why)
{
	if (c->closed)
		return;
	c->closed = true;
	c->fake->listen.close(c->ud, c->handle, why);
}

void fake_stop(struct fake *f)
{
	struct fake_conn *next;
	if (!f->srv)
		return;
	ops()->drain(f->srv, 0);
	ops()->stop(f->srv);
	for (struct fake_conn *c = f->conns; c; c = next) {
		next = c->next;
		end(c, SB_CLOSE_STOP);
		free(c->in);
		free(c->out);
		free(c);
	}
	f->conns = NULL;
	ops()->destroy(f->srv);
	f->srv = NULL;
	free(f->submits);
	f->submits = NULL;
	f->n_submits = f->completed = 0;
	for (struct fake_put *p = f->puts; p;) {
		struct fake_put *gone = p;
		p = p->next;
		free(gone);
	}
	f->puts = NULL;
	f->puts_at = &f->puts;
}

struct fake *fake_free(struct fake *f)
{
	fake_stop(f);
	fake_journal_free(f);
	for (struct fake_doc *d = f->docs; d;) {
		struct fake_doc *gone = d;
		d = d->next;
		free(gone->key);
		free(gone->doc);
		free(gone);
	}
	free(f);
	return NULL;
}

struct fake_conn *fake_connect(struct fake *f)
{
	static sb_conn handles = 100;
	const char *peer = f->address ? f->address : "127.0.0.1:40000";
	struct fake_conn *c = calloc(1, sizeof(*c));
	c->fake = f;
	c->handle = ++handles;
	c->next = f->conns;
	f->conns = c;
	if (f->listen.open(f->listen.ud, c->handle, sb_str_of(peer, strlen(peer)), &c->ud) < 0)
		c->closed = true;
	return c;
}

static void offer(struct fake_conn *c)
{
	if (c->closed || c->closing || c->paused || !c->in_n)
		return;
	/* A copy of its own size, so that a sanitizer sees every byte read too far. */
	uint8_t *exact = malloc(c->in_n);
	memcpy(exact, c->in, c->in_n);
	int64_t used = c->fake->listen.data(c->ud, c->handle, (struct sb_bytes){ exact, c->in_n });
	free(exact);
	if (used < 0) {
		c->closing = true;
		used = (int64_t)c->in_n;
	}
	assert((size_t)used <= c->in_n);
	memmove(c->in, c->in + used, c->in_n - (size_t)used);
	c->in_n -= (size_t)used;
}

void fake_feed(struct fake_conn *c, const void *p, size_t n)
{
	if (c->closed || c->closing)
		return;
	c->in = realloc(c->in, c->in_n + n + 1);
	memcpy(c->in + c->in_n, p, n);
	c->in_n += n;
	offer(c);
}

void fake_hangup(struct fake_conn *c)
{
	end(c, SB_CLOSE_PEER);
}

void fake_turn(struct fake *f)
{
	for (struct fake_conn *c = f->conns; c; c = c->next) {
		if (c->closed)
			continue;
		if (c->closing) {
			end(c, SB_CLOSE_LOCAL);
			continue;
		}
		if (c->blocked && c->out_n <= f->out_limit / 2) {
			c->blocked = false;
			f->listen.writable(c->ud, c->handle);
		}
		if (c->ready) {
			c->ready = false;
			offer(c);
		}
	}
}

void fake_complete(struct fake *f, uint32_t n, int32_t status)
{
	const struct sb_source *source = ops()->ext(f->srv, "sb.source/1");
	while (n && f->completed < f->n_submits) {
		struct fake_submit s = f->submits[f->completed++];
		if (s.ack != SB_ACK_STORED)
			continue;
		n--;
		struct sb_completion done = { s.token, status, 0 };
		if (s.record)
			fake_journal_decided(f, s.record, status);
		source->completed(f->srv, &done, 1);
	}
}

void fake_seconds(struct fake *f, uint32_t seconds)
{
	now_value += (int64_t)seconds * 1000000000;
	for (uint32_t i = 0; i < seconds * 4 && f->tick; i++)
		f->tick(f->tick_ud);
	fake_turn(f);
}
