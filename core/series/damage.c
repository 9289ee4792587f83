#define LOG_MODULE "series"
#include "series/damage.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/series.h"

struct looking {
	const struct damage_chunk *chunk;
	char name[400];
};

void damage_init(struct damage *d)
{
	pthread_mutex_init(&d->lock, NULL);
}

void damage_fini(struct damage *d)
{
	pthread_mutex_destroy(&d->lock);
}

static bool is_new(struct damage *d, const struct damage_chunk *chunk)
{
	bool found = false;
	pthread_mutex_lock(&d->lock);
	for (uint32_t i = 0; i < d->n && !found; i++) {
		const struct damage_chunk *c = &d->at[i];
		found = c->seq == chunk->seq && c->stream == chunk->stream &&
		        c->t_min_ns == chunk->t_min_ns;
	}
	if (!found && d->n < DAMAGE_MOST) {
		d->at[d->n++] = *chunk;
		d->chunks++;
	} else if (!found) {
		found = true; /* enough is known */
	}
	pthread_mutex_unlock(&d->lock);
	return !found;
}

static int32_t block_seen(void *ud, const struct sb_block_info *info)
{
	struct looking *l = ud;
	const struct damage_chunk *c = l->chunk;
	if (info->seq_max == c->seq && info->stream_min <= c->stream &&
	    info->stream_max >= c->stream && info->t_min_ns <= c->t_min_ns &&
	    info->t_max_ns >= c->t_max_ns)
		(void)snprintf(l->name, sizeof(l->name), "%.*s", (int)info->name.n, info->name.p);
	return 0;
}

void damage_note(struct damage *d, const struct blocks *blocks, const struct damage_chunk *chunk)
{
	struct looking l = { .chunk = chunk };
	char from[32];
	char to[32];
	if (!d || !is_new(d, chunk))
		return;
	(void)snprintf(l.name, sizeof(l.name), "of journal records up to %llu",
	               (unsigned long long)chunk->seq);
	(void)blocks_each(blocks, block_seen, &l);
	clock_show(from, sizeof(from), chunk->t_min_ns);
	clock_show(to, sizeof(to), chunk->t_max_ns);
	(void)log_error(0,
	                "block %s: values of stream %u from %s to %s are damaged and left out; "
	                "restore it from a backup",
	                l.name, chunk->stream, from, to);
}

/* ---- for whoever asks */

struct report {
	const struct damage_want *want;
	struct series_damage *out;
};

static void gap_add(struct report *rp, uint32_t device_no, int64_t t_min_ns, int64_t t_max_ns)
{
	const struct damage_want *w = rp->want;
	if (t_max_ns < w->from_ns || t_min_ns >= w->to_ns || rp->out->n_gaps == w->room)
		return;
	w->gaps[rp->out->n_gaps++] = (struct series_gap){ device_no, t_min_ns, t_max_ns };
}

static int32_t block_counted(void *ud, const struct sb_block_info *info)
{
	struct report *rp = ud;
	if (!info->damaged)
		return 0;
	rp->out->blocks++;
	gap_add(rp, 0, info->t_min_ns, info->t_max_ns);
	return 0;
}

void damage_report(struct damage *d, const struct blocks *blocks, const struct catalog *catalog,
                   const struct damage_want *want, struct series_damage *out)
{
	struct report rp = { want, out };
	*out = (struct series_damage){ .chunks = d->chunks, .set_aside = d->set_aside };
	(void)blocks_each(blocks, block_counted, &rp);
	pthread_mutex_lock(&d->lock);
	for (uint32_t i = 0; i < d->n; i++)
		gap_add(&rp, catalog_stream_device(catalog, d->at[i].stream), d->at[i].t_min_ns,
		        d->at[i].t_max_ns);
	pthread_mutex_unlock(&d->lock);
}
