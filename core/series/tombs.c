#define LOG_MODULE "series"
#include "series/tombs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "host/docs.h"
#include "model/record.h"
#include "series/generation.h"

static const char space[] = "series.deleted"; /* key: the record's number */

int tombs_init(struct tombs *t)
{
	pthread_condattr_t attr;
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->seen, &attr);
	pthread_condattr_destroy(&attr);
	return 0;
}

void tombs_fini(struct tombs *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->records[i].p);
	free(t->records);
	t->records = NULL;
	t->n = 0;
	t->now = tombs_view_drop(t->now);
	pthread_cond_destroy(&t->seen);
	pthread_mutex_destroy(&t->lock);
}

/* ---- the record: u8 RECORD_DELETE, u64 id, zz from, zz last, then (varint stream, u64 columns) */

void tombs_give(struct buffer *out, uint64_t id, int64_t from_ns, int64_t last_ns,
                const struct tomb *targets, uint32_t n)
{
	buffer_give_u8(out, RECORD_DELETE);
	buffer_give_u64(out, id);
	buffer_give_zz(out, from_ns);
	buffer_give_zz(out, last_ns);
	for (uint32_t i = 0; i < n; i++) {
		buffer_give_varint(out, targets[i].stream);
		buffer_give_u64(out, targets[i].columns);
	}
}

static struct cursor record_open(struct sb_bytes record, uint64_t *id, struct tomb *out)
{
	struct cursor c = cursor_of(record.p, record.n);
	bool ours = cursor_take_u8(&c) == RECORD_DELETE;
	*out = (struct tomb){ 0 };
	*id = cursor_take_u64(&c);
	out->from_ns = cursor_take_zz(&c);
	out->last_ns = cursor_take_zz(&c);
	c.bad |= !ours;
	return c;
}

int tombs_read(struct sb_bytes record, tombs_fn fn, void *ud)
{
	struct tomb tomb;
	uint64_t id;
	struct cursor c = record_open(record, &id, &tomb);
	while (!c.bad && cursor_left(&c)) {
		tomb.stream = (uint32_t)cursor_take_varint(&c);
		tomb.columns = cursor_take_u64(&c);
		if (!c.bad && fn)
			fn(ud, &tomb);
	}
	return c.bad ? SB_E_CORRUPT : 0;
}

/* ---- views */

struct tombs_view *tombs_view(struct tombs *t)
{
	if (!t)
		return NULL;
	pthread_mutex_lock(&t->lock);
	struct tombs_view *v = t->now;
	if (v)
		atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	pthread_mutex_unlock(&t->lock);
	return v;
}

struct tombs_view *tombs_view_drop(struct tombs_view *v)
{
	if (v && atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) == 1)
		free(v);
	return NULL;
}

static int by_stream(const void *a, const void *b)
{
	const struct tomb *x = a;
	const struct tomb *y = b;
	if (x->stream != y->stream)
		return x->stream < y->stream ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

struct adding {
	struct tombs_view *view;
	uint64_t seq;
	uint32_t at;
	tombs_fn fn;
	void *ud;
};

static void tomb_add(void *ud, const struct tomb *t)
{
	struct adding *a = ud;
	struct tomb *to = &a->view->at[a->view->n++];
	*to = *t;
	to->seq = a->seq;
	to->at = a->at;
	if (a->fn)
		a->fn(a->ud, to);
}

static void tomb_count(void *ud, const struct tomb *t)
{
	(void)t;
	++*(size_t *)ud;
}

/* Without one record, with another: the next view. With the lock. */
static int view_make(struct tombs *t, uint64_t without, struct sb_bytes record, struct adding *with)
{
	struct tombs_view *old = t->now;
	size_t n = old ? old->n : 0;
	if (record.n)
		(void)tombs_read(record, tomb_count, &n);
	if (n > TOMBS_MAX)
		return SB_E_QUOTA;
	struct tombs_view *v = calloc(1, sizeof(*v) + n * sizeof(v->at[0]));
	if (!v)
		return -ENOMEM;
	v->refs = 1;
	for (size_t i = 0; old && i < old->n; i++)
		if (old->at[i].seq != without)
			v->at[v->n++] = old->at[i];
	with->view = v;
	if (record.n)
		(void)tombs_read(record, tomb_add, with);
	if (v->n)
		qsort(v->at, v->n, sizeof(v->at[0]), by_stream);
	t->now = v->n ? v : tombs_view_drop(v);
	tombs_view_drop(old);
	return 0;
}

/* ---- records */

static struct tombs_record *record_find(struct tombs *t, uint64_t seq)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->records[i].seq == seq)
			return &t->records[i];
	return NULL;
}

static int record_keep(struct tombs *t, uint64_t seq, struct sb_bytes record, bool saved)
{
	if (record_find(t, seq))
		return 0;
	if (t->n == t->cap) {
		size_t cap = t->cap ? 2 * t->cap : 16;
		struct tombs_record *records = realloc(t->records, cap * sizeof(*records));
		if (!records)
			return -ENOMEM;
		t->records = records;
		t->cap = cap;
	}
	uint8_t *p = malloc(record.n);
	if (!p)
		return -ENOMEM;
	memcpy(p, record.p, record.n);
	t->records[t->n++] = (struct tombs_record){ seq, p, record.n, saved };
	return 0;
}

static int add(struct tombs *t, uint64_t seq, struct sb_bytes record, struct adding *with,
               bool saved)
{
	struct tomb tomb;
	uint64_t id;
	(void)record_open(record, &id, &tomb);
	int r = tombs_read(record, NULL, NULL);
	pthread_mutex_lock(&t->lock);
	if (r >= 0)
		r = record_keep(t, seq, record, saved);
	if (r >= 0)
		r = view_make(t, seq, record, with);
	t->last[t->at].id = id;
	t->last[t->at++].seq = seq;
	t->at %= TOMBS_AWAITED;
	pthread_cond_broadcast(&t->seen);
	pthread_mutex_unlock(&t->lock);
	return r;
}

int tombs_add(struct tombs *t, uint64_t seq, struct sb_bytes record, uint32_t at, tombs_fn fn,
              void *ud)
{
	struct adding with = { .seq = seq, .at = at, .fn = fn, .ud = ud };
	return add(t, seq, record, &with, false);
}

size_t tombs_count(struct tombs *t)
{
	pthread_mutex_lock(&t->lock);
	size_t n = t->now ? t->now->n : 0;
	pthread_mutex_unlock(&t->lock);
	return n;
}

static uint64_t seq_of(const struct tombs *t, uint64_t id)
{
	for (int i = 0; i < TOMBS_AWAITED; i++)
		if (t->last[i].seq && t->last[i].id == id)
			return t->last[i].seq;
	return 0;
}

uint64_t tombs_wait(struct tombs *t, uint64_t id, int64_t ns)
{
	struct timespec until;
	uint64_t seq;
	int r = 0;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ns / NS_PER_S;
	pthread_mutex_lock(&t->lock);
	while (!(seq = seq_of(t, id)) && r == 0)
		r = pthread_cond_timedwait(&t->seen, &t->lock, &until);
	pthread_mutex_unlock(&t->lock);
	return seq;
}

/* ---- documents */

static int loaded(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct adding with = { 0 };
	char text[32] = "";
	(void)rev;
	memcpy(text, key.p, MIN(key.n, sizeof(text) - 1));
	with.seq = strtoull(text, NULL, 10);
	int r = add(ud, with.seq, doc, &with, true);
	return r < 0 ? log_error(r, "document %s/%s is not readable", space, text) : 0;
}

int tombs_load(struct tombs *t, struct docs *docs)
{
	return docs_scan_wait(docs, sb_str_of(space, sizeof(space) - 1), loaded, t);
}

static int put(struct docs *docs, uint64_t seq, struct sb_bytes doc)
{
	char key[32];
	int n = snprintf(key, sizeof(key), "%020" PRIu64, seq);
	struct sb_doc_put put = { .space = sb_str_of(space, sizeof(space) - 1),
		                  .key = sb_str_of(key, (size_t)n),
		                  .doc = doc,
		                  .if_rev = UINT64_MAX };
	return docs_put_wait(docs, &put, 1);
}

/* One that is not saved yet; its bytes stay until it is forgotten, which only happens to saved
 * ones. */
static bool unsaved(struct tombs *t, struct tombs_record *out)
{
	bool found = false;
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->n && !found; i++) {
		found = !t->records[i].saved;
		*out = t->records[i];
	}
	pthread_mutex_unlock(&t->lock);
	return found;
}

int tombs_save(struct tombs *t, struct docs *docs)
{
	struct tombs_record rec;
	while (unsaved(t, &rec)) {
		int r = put(docs, rec.seq, (struct sb_bytes){ rec.p, rec.n });
		if (r < 0)
			return log_error(r, "cannot save what is deleted");
		pthread_mutex_lock(&t->lock);
		struct tombs_record *of = record_find(t, rec.seq);
		if (of)
			of->saved = true;
		pthread_mutex_unlock(&t->lock);
	}
	return 0;
}

int tombs_forget(struct tombs *t, struct docs *docs, uint64_t seq)
{
	struct adding with = { 0 };
	pthread_mutex_lock(&t->lock);
	struct tombs_record *rec = record_find(t, seq);
	int r = rec && rec->saved ? view_make(t, seq, (struct sb_bytes){ 0 }, &with) : -EAGAIN;
	if (r >= 0) {
		free(rec->p);
		*rec = t->records[--t->n];
	}
	pthread_mutex_unlock(&t->lock);
	return r < 0 ? r : put(docs, seq, (struct sb_bytes){ 0 });
}

/* ---- what is hidden */

static const struct tomb *first_of(const struct tombs_view *v, uint32_t stream,
                                   const struct tomb **end)
{
	size_t a = 0;
	size_t b = v ? v->n : 0;
	*end = v ? v->at + v->n : NULL;
	while (a < b) {
		size_t middle = a + (b - a) / 2;
		if (v->at[middle].stream < stream)
			a = middle + 1;
		else
			b = middle;
	}
	return v ? v->at + a : NULL;
}

uint64_t tombs_of_block(const struct tombs_view *v, uint32_t stream, int64_t ts_ns, uint64_t rank)
{
	uint64_t columns = 0;
	const struct tomb *end;
	for (const struct tomb *t = first_of(v, stream, &end); t < end && t->stream == stream; t++)
		if (rank < t->seq && ts_ns >= t->from_ns && ts_ns <= t->last_ns)
			columns |= t->columns;
	return columns;
}

uint64_t tombs_of_row(const struct tombs_view *v, uint32_t stream, int64_t ts_ns,
                      const struct generation *g, uint32_t at)
{
	uint64_t columns = 0;
	const struct tomb *end;
	for (const struct tomb *t = first_of(v, stream, &end); t < end && t->stream == stream;
	     t++) {
		if (t->seq < g->seq_first || ts_ns < t->from_ns || ts_ns > t->last_ns)
			continue;
		if (t->seq > g->seq_last || at < t->at)
			columns |= t->columns;
	}
	return columns;
}

bool tombs_touch(const struct tombs_view *v, uint32_t stream, uint8_t column, int64_t t_min_ns,
                 int64_t t_max_ns, uint64_t rank)
{
	const struct tomb *end;
	for (const struct tomb *t = first_of(v, stream, &end); t < end && t->stream == stream; t++)
		if (rank < t->seq && (t->columns >> column & 1) && t_min_ns <= t->last_ns &&
		    t_max_ns >= t->from_ns)
			return true;
	return false;
}

bool tombs_has(const struct tombs_view *v, uint32_t stream)
{
	const struct tomb *end;
	const struct tomb *t = first_of(v, stream, &end);
	return t < end && t->stream == stream;
}
