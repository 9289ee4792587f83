/* A journal, a catalogue, a registry and ingest, as in the product; only host, instances and
 * documents are stand-ins. The test's thread is the thread of all instances. */
#pragma once
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/own.h"
#include "check.h"
#include "host/docs.h"
#include "host/host.h"
#include "host/instance.h"
#include "ingest/ingest.h"
#include "journal/journal.h"
#include "journal/owners.h"
#include "model/record.h"
#include "model/row.h"
#include "registry/registry.h"
#include "series/catalog.h"

#define ROWS_MAX 100000
#define T0       (1700000000LL * NS_PER_S) /* where the tests' clock stands */

/* ---- stand-ins */
struct instance {
	const char *name;
	struct loop *loop;
	const char *kind; /* what it provides */
	const void *table;
	void *self;
	void *slots[4];
};

struct host {
	struct host_observer observers[4];
	size_t n_observers, n_instances;
	uint32_t slots;
	struct {
		const char *id;
		const void *table;
	} services[8];
	size_t n_services;
	struct instance *instances[4];
};

struct instance *instance_of(struct sb_host *handle)
{
	return (void *)handle;
}

struct sb_host *instance_handle(struct instance *in)
{
	return (void *)in;
}

const char *instance_name(const struct instance *in)
{
	return in->name;
}

void *instance_self(const struct instance *in)
{
	return in->self;
}

const void *instance_ext(const struct instance *in, const char *id)
{
	return in->kind && strcmp(in->kind, id) == 0 ? in->table : NULL;
}

struct loop *instance_loop(const struct instance *in)
{
	return in->loop;
}

enum instance_state instance_state(const struct instance *in)
{
	(void)in;
	return INSTANCE_RUNNING;
}

int instance_post(struct instance *in, void (*fn)(void *ud), void *ud)
{
	return loop_post(in->loop, fn, ud);
}

void *instance_get(const struct instance *in, uint32_t slot)
{
	return in->slots[slot];
}

void instance_set(struct instance *in, uint32_t slot, void *state)
{
	in->slots[slot] = state;
}

void frame_enter(struct frame *f, struct instance *in, const char *function)
{
	f->instance = in;
	f->function = function;
}

void frame_leave(struct frame *f)
{
	f->instance = NULL;
}

int host_provide(struct host *host, const char *id, const void *table)
{
	host->services[host->n_services].id = id;
	host->services[host->n_services++].table = table;
	return 0;
}

uint32_t host_slot(struct host *host)
{
	return host->slots++;
}

int host_observe(struct host *host, const struct host_observer *observer)
{
	host->observers[host->n_observers++] = *observer;
	return 0;
}

struct instance *host_instance(struct host *host, const char *kind, size_t index)
{
	for (size_t i = 0; i < host->n_instances; i++)
		if (instance_ext(host->instances[i], kind) && index-- == 0)
			return host->instances[i];
	return NULL;
}

int docs_put_wait(struct docs *docs, const struct sb_doc_put *puts, uint32_t n)
{
	(void)docs;
	(void)puts;
	(void)n;
	return 0;
}

int docs_scan_wait(struct docs *docs, struct sb_str space, docs_row_fn fn, void *ud)
{
	(void)docs;
	(void)space;
	(void)fn;
	(void)ud;
	return 0;
}

/* ---- the world */
struct seen_row {
	uint32_t stream;
	uint16_t flags, n;
	int64_t ts_ns, rx_ns;
	struct row_value first, last;
};

struct world {
	char dir[64];
	struct host host;
	struct loop *loop;
	struct journal *journal;
	struct journal_config journal_config;
	struct owners *owners;
	struct catalog *catalog;
	struct registry *registry;
	struct ingest *ingest;
	struct ingest_config config;
	struct instance adapter, codec;
	const struct sb_telemetry *telemetry;
	const struct sb_payload *payload;
	pthread_mutex_t lock;
	struct seen_row *rows;
	size_t n_rows;
	_Atomic uint64_t points;
	/* what the adapter was told */
	struct sb_completion done[1024];
	uint64_t n_done, n_writable;
};

static void world_committed(void *ud, struct journal_commit *commit)
{
	struct world *w = ud;
	size_t at = 0;
	uint64_t seq;
	struct sb_bytes payload;
	struct row *row = calloc(1, sizeof(*row));
	pthread_mutex_lock(&w->lock);
	while (journal_commit_next(commit, &at, &seq, &payload)) {
		if (payload.p[0] != RECORD_POINTS)
			continue;
		struct cursor c = cursor_of(payload.p + 1, payload.n - 1);
		int64_t base = (int64_t)cursor_take_u64(&c);
		while (cursor_left(&c)) {
			assert_int_equal(row_take(&c, base, row), 0);
			assert_true(w->n_rows < ROWS_MAX);
			w->rows[w->n_rows++] = (struct seen_row){
				.stream = row->stream,
				.flags = row->flags,
				.n = row->n,
				.ts_ns = row->ts_ns,
				.rx_ns = row->rx_ns,
				.first = row->values[0],
				.last = row->values[row->n - 1],
			};
			atomic_fetch_add(&w->points, row->n);
		}
	}
	pthread_mutex_unlock(&w->lock);
	free(row);
}

static int world_define(void *ud, struct sb_bytes record)
{
	struct world *w = ud;
	return journal_define(w->journal, record);
}

static void world_completed(void *self, const struct sb_completion *done, uint32_t n)
{
	struct world *w = self;
	for (uint32_t i = 0; i < n; i++)
		w->done[w->n_done++ % ARRAY_LEN(w->done)] = done[i];
}

static void world_writable(void *self)
{
	struct world *w = self;
	w->n_writable++;
}

static const struct sb_source world_source = {
	.size = sizeof(world_source),
	.completed = world_completed,
	.writable = world_writable,
};

/* "name value [ms since 1970];..." */
static int32_t codec_claims(void *self, const struct sb_decode *d)
{
	(void)self;
	return d->payload.n && d->payload.p[0] >= ' ';
}

static int32_t codec_decode(void *self, struct sb_decode *d)
{
	struct world *w = self;
	_own_(freep) char *text = malloc(d->payload.n + 1);
	memcpy(text, d->payload.p, d->payload.n);
	text[d->payload.n] = 0;
	char *save, *part = strtok_r(text, ";", &save);
	for (; part; part = strtok_r(NULL, ";", &save)) {
		char name[64];
		double value;
		long long ms = -1;
		if (sscanf(part, "%63s %lf %lld", name, &value, &ms) < 2) {
			snprintf(d->why, sizeof(d->why), "no value in %.20s", part);
			return SB_E_MALFORMED;
		}
		struct sb_series_key key = {
			.size = sizeof(key),
			.device = d->device,
			.name = sb_str_of(name, strlen(name)),
		};
		struct sb_point pt = {
			.ts_ns = ms < 0 ? SB_TS_UNKNOWN : (int64_t)ms * NS_PER_MS,
			.v.f = value,
			.type = SB_T_F64,
			.flags = d->flags,
			.msg = d->msg,
		};
		if (w->telemetry->resolve(instance_handle(&w->codec), &key, &pt.series) < 0)
			continue;
		if (d->out->count == d->out->cap)
			return -ENOBUFS;
		d->out->points[d->out->count++] = pt;
	}
	return 0;
}

static const struct sb_codec world_codec = {
	.size = sizeof(world_codec),
	.claims = codec_claims,
	.decode = codec_decode,
};

static inline void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	strcpy(w->dir, "/tmp/sb-ingest-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	pthread_mutex_init(&w->lock, NULL);
	w->rows = calloc(ROWS_MAX, sizeof(*w->rows));
	w->journal_config = (struct journal_config){
		.dir = w->dir,
		.segment_bytes = 16 * 1024 * 1024,
		.linger_max_ns = NS_PER_MS,
		.spare_segments = 1,
		.committed = world_committed,
		.ud = w,
	};
	w->config = (struct ingest_config){
		.limits.max_series_per_device = 100,
		.limits.max_payload_bytes = 32768,
		.ring_bytes = 256 * 1024,
	};
}

static inline void world_start_instance(struct world *w, struct instance *in)
{
	in->loop = w->loop;
	in->self = w;
	w->host.instances[w->host.n_instances++] = in;
	for (size_t i = 0; i < w->host.n_observers; i++)
		if (w->host.observers[i].starting)
			assert_int_equal(w->host.observers[i].starting(w->host.observers[i].ud, in),
			                 0);
}

static inline void world_stop_instance(struct world *w, struct instance *in)
{
	for (size_t i = 0; i < w->host.n_observers; i++)
		if (w->host.observers[i].stopped)
			w->host.observers[i].stopped(w->host.observers[i].ud, in);
}

static inline const void *world_service(struct world *w, const char *id)
{
	for (size_t i = 0; i < w->host.n_services; i++)
		if (strcmp(w->host.services[i].id, id) == 0)
			return w->host.services[i].table;
	return NULL;
}

static inline void world_start(struct world *w)
{
	struct registry_config registry = {
		.host = &w->host,
		.provisioning = PROVISION_PENDING,
		.max_devices = 1000,
		.define = world_define,
		.ud = w,
	};
	log_init(LOG_LEVEL_ERROR);
	assert_int_equal(loop_new(&w->loop, "test"), 0);
	assert_int_equal(journal_new(&w->journal, &w->journal_config), 0);
	const struct owners_config owners = { .journal = w->journal,
		                              .ask_bytes = 100 * 1000,
		                              .drop_bytes = 100 * 1000 * 1000 };
	assert_int_equal(owners_new(&w->owners, &owners), 0);
	assert_int_equal(catalog_new(&w->catalog, world_define, w), 0);
	registry.catalog = w->catalog;
	assert_int_equal(registry_new(&w->registry, &registry), 0);
	w->config.host = &w->host;
	w->config.journal = w->journal;
	w->config.owners = w->owners;
	w->config.registry = w->registry;
	w->config.catalog = w->catalog;
	assert_int_equal(ingest_new(&w->ingest, &w->config), 0);
	assert_int_equal(journal_start(w->journal), 0);
	w->telemetry = world_service(w, "sb.telemetry/1");
	w->payload = world_service(w, "sb.payload/1");
	w->adapter.name = "adapter";
	w->adapter.kind = "sb.source/1";
	w->adapter.table = &world_source;
	w->codec.name = "codec";
	w->codec.kind = "sb.codec/1";
	w->codec.table = &world_codec;
	world_start_instance(w, &w->adapter);
	world_start_instance(w, &w->codec);
	loop_turn(w->loop, 0);
}

static inline void world_fini(struct world *w)
{
	world_stop_instance(w, &w->adapter);
	world_stop_instance(w, &w->codec);
	journal_stop(w->journal);
	owners_free(w->owners);
	journal_free(w->journal);
	ingest_free(w->ingest);
	registry_free(w->registry);
	catalog_free(w->catalog);
	loop_free(w->loop);
	free(w->rows);
	DIR *dir = opendir(w->dir);
	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		unlinkat(dirfd(dir), e->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(w->dir);
	clock_set(0, 0);
}

static inline struct device *world_device(struct world *w, const char *id)
{
	struct device *dev;
	assert_int_equal(registry_meet(w->registry, sb_str_of(id, strlen(id)), &dev), 0);
	return dev;
}

static inline int32_t world_submit(struct world *w, struct device *dev, const char *text,
                                   sb_token token)
{
	struct sb_payload_in in = {
		.size = sizeof(in),
		.ack = SB_ACK_STORED,
		.device = registry_handle(dev),
		.subject = SB_STR("telemetry"),
		.payload = { (const uint8_t *)text, strlen(text) },
		.token = token,
	};
	struct sb_str why;
	return w->payload->submit(instance_handle(&w->adapter), &in, &why);
}

static inline void world_turn(struct world *w)
{
	assert_int_equal(loop_turn(w->loop, 2 * NS_PER_MS), 0);
}

/* Turns until so many completions have come in all. */
static inline void world_wait(struct world *w, uint64_t n_done)
{
	for (int i = 0; w->n_done < n_done && i < 5000; i++)
		world_turn(w);
	assert_int_equal(w->n_done, n_done);
}

static inline uint64_t world_fate(const struct device *dev, enum device_fate fate)
{
	return atomic_load(&dev->fates[fate]);
}
