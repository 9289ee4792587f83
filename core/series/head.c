#define LOG_MODULE "head"
#include "series/head.h"

#include <errno.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/record.h"
#include "model/row.h"
#include "series/generation.h"
#include "series/points.h"

int head_init(struct head *head)
{
	pthread_mutex_init(&head->lock, NULL);
	return generation_new(&head->active);
}

void head_fini(struct head *head)
{
	head->active = generation_unref(head->active);
	head->sealed = generation_unref(head->sealed);
	pthread_mutex_destroy(&head->lock);
}

void head_begin(struct head *head)
{
	pthread_mutex_lock(&head->lock);
}

void head_end(struct head *head)
{
	pthread_mutex_unlock(&head->lock);
}

static int rows_add(struct head *head, struct sb_bytes payload)
{
	struct points points;
	struct row row;
	struct sb_bytes bytes;
	uint64_t rows = 0, values = 0;
	int r = points_open(&points, payload);
	while (r >= 0 && (r = points_next(&points, &row, &bytes)) > 0) {
		r = generation_add(head->active, &row, points.base_ns, bytes);
		rows++;
		values += row.n;
	}
	atomic_fetch_add_explicit(&head->rows, rows, memory_order_relaxed);
	atomic_fetch_add_explicit(&head->points, values, memory_order_relaxed);
	return r;
}

void head_record(struct head *head, uint64_t seq, struct sb_bytes payload)
{
	struct generation *g = head->active;
	if (g->seq_first == 0) {
		g->seq_first = seq;
		g->born_ns = clock_mono();
	}
	if (payload.n && payload.p[0] == RECORD_POINTS) {
		int r = rows_add(head, payload);
		if (r < 0) {
			head->bad_records++;
			(void)log_error(r, "rows of journal record %llu are not visible",
			                (unsigned long long)seq);
		}
	}
	g->seq_last = seq;
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
