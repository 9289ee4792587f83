#define LOG_MODULE "head"
#include "series/head.h"

#include <errno.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "model/record.h"
#include "model/row.h"
#include "series/generation.h"
#include "series/points.h"

int head_init(struct head *head, uint64_t max_bytes)
{
	head->max_bytes = max_bytes;
	pthread_mutex_init(&head->lock, NULL);
	return generation_new(&head->active);
}

void head_fini(struct head *head)
{
	head->active = generation_unref(head->active);
	head->sealed = generation_unref(head->sealed);
	pthread_mutex_destroy(&head->lock);
}

static uint64_t bytes_of(const struct generation *g)
{
	return g ? g->bytes : 0;
}

void head_begin(struct head *head)
{
	pthread_mutex_lock(&head->lock);
	if (head->full || bytes_of(head->active) + bytes_of(head->sealed) < head->max_bytes)
		return;
	head->full = true;
	(void)log_error(0, "%llu MiB wait for the store: newer values stay in the journal, unseen",
	                (unsigned long long)(head->max_bytes >> 20));
}

void head_end(struct head *head)
{
	pthread_mutex_unlock(&head->lock);
}

static int rows_add(struct head *head, struct generation *g, struct sb_bytes payload)
{
	struct points points;
	struct row row;
	struct sb_bytes bytes;
	uint64_t rows = 0;
	uint64_t values = 0;
	int r = points_open(&points, payload);
	while (r >= 0 && (r = points_next(&points, &row, &bytes)) > 0) {
		r = generation_add(g, &row, points.base_ns, bytes);
		rows++;
		values += row.n;
	}
	atomic_fetch_add_explicit(&head->rows, rows, memory_order_relaxed);
	atomic_fetch_add_explicit(&head->points, values, memory_order_relaxed);
	return r;
}

static bool is_delete(const struct head *head, struct sb_bytes payload)
{
	return payload.n && payload.p[0] == RECORD_DELETE && head->deleted;
}

int head_fill(struct head *head, struct generation *g, uint64_t seq, struct sb_bytes payload)
{
	if (g->seq_first == 0) {
		g->seq_first = seq;
		g->born_ns = clock_mono();
	}
	if (payload.n && payload.p[0] == RECORD_POINTS) {
		int r = rows_add(head, g, payload);
		if (r == -ENOMEM)
			return r;
		if (r < 0) {
			head->bad_records++;
			(void)log_error(r, "rows of journal record %llu are not visible",
			                (unsigned long long)seq);
		}
	}
	if (is_delete(head, payload))
		head->deleted(head->deleted_ud, seq, payload, generation_place(g));
	g->seq_last = seq;
	return 0;
}

void head_record(struct head *head, uint64_t seq, struct sb_bytes payload)
{
	if (!head->seq_seen)
		head->seq_in = seq - 1;
	head->seq_seen = seq;
	if (!head->full) {
		int r = head_fill(head, head->active, seq, payload);
		head->full = r < 0;
		if (r < 0)
			(void)log_error(r, "newer values stay in the journal, unseen");
	}
	if (head->full && is_delete(head, payload)) /* for all that is in */
		head->deleted(head->deleted_ud, seq, payload, 0);
	if (head->full)
		head->left_out++;
	else
		head->seq_in = seq;
}

uint32_t head_take(struct head *head, struct generation *out[HEAD_GENERATIONS])
{
	uint32_t n = 0;
	pthread_mutex_lock(&head->lock);
	if (head->sealed)
		out[n++] = generation_ref(head->sealed);
	out[n++] = generation_ref(head->active);
	pthread_mutex_unlock(&head->lock);
	return n;
}

int head_seal(struct head *head, struct generation **out)
{
	struct generation *fresh = NULL;
	*out = NULL;
	int r = generation_new(&fresh);
	if (r < 0)
		return r;
	pthread_mutex_lock(&head->lock);
	if (head->sealed) {
		r = -EBUSY;
	} else if (head->active->seq_last) {
		head->sealed = head->active;
		head->active = fresh;
		fresh = NULL;
		*out = generation_ref(head->sealed);
	}
	pthread_mutex_unlock(&head->lock);
	generation_unref(fresh);
	return r;
}

void head_forget(struct head *head)
{
	pthread_mutex_lock(&head->lock);
	struct generation *old = head->sealed;
	head->sealed = NULL;
	pthread_mutex_unlock(&head->lock);
	generation_unref(old);
}

bool head_is_full(struct head *head, uint64_t *seq_in)
{
	pthread_mutex_lock(&head->lock);
	bool full = head->full;
	*seq_in = head->seq_in;
	pthread_mutex_unlock(&head->lock);
	return full;
}

void head_adopt_sealed(struct head *head, struct generation *g)
{
	pthread_mutex_lock(&head->lock);
	head->sealed = generation_ref(g);
	head->seq_in = g->seq_last;
	pthread_mutex_unlock(&head->lock);
}

bool head_adopt_active(struct head *head, struct generation *g)
{
	struct generation *old = NULL;
	pthread_mutex_lock(&head->lock);
	bool all = MAX(g->seq_last, head->seq_in) >= head->seq_seen;
	if (all) {
		old = head->active; /* empty since the head was full */
		head->active = generation_ref(g);
		head->seq_in = head->seq_seen;
		head->full = false;
		head->left_out = 0;
	}
	pthread_mutex_unlock(&head->lock);
	generation_unref(old);
	return all;
}
