#include "ingest/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "host/instance.h"
#include "ingest/admit.h"
#include "ingest/producer.h"
#include "ingest/rows.h"
#include "ingest/state.h"
#include "registry/registry.h"
#include "series/catalog.h"

#define BATCH_TAG 0x53424241u

enum {
	POINTS_LEAST = 64,
	BLOB_LEAST = 1024,
	KEPT_MAX = 8,
	KEPT_POINTS = 1024, /* larger ones are not kept */
	KEPT_BLOB = 64 * 1024,
	HELD_MAX = 256, /* an instance may hold so many */
};

static uint32_t round_up(uint32_t n, uint32_t least)
{
	uint32_t to = least;
	while (to < n)
		to *= 2;
	return to;
}

static struct batch *destroy(struct batch *b)
{
	if (b) {
		free(b->pub.points);
		free(b->pub.blob);
	}
	free(b);
	return NULL;
}

static struct batch *make(struct producer *p, uint32_t points, uint32_t blob_bytes)
{
	struct batch *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->tag = BATCH_TAG;
	b->owner = p;
	b->pub.size = sizeof(b->pub);
	b->pub.cap = round_up(points, POINTS_LEAST);
	b->pub.blob_cap = round_up(blob_bytes, BLOB_LEAST);
	b->pub.points = malloc(b->pub.cap * sizeof(*b->pub.points));
	b->pub.blob = malloc(b->pub.blob_cap);
	return b->pub.points && b->pub.blob ? b : destroy(b);
}

struct batch *batch_take(struct producer *p, uint32_t points, uint32_t blob_bytes)
{
	if (points > BATCH_POINTS_MAX || blob_bytes > BATCH_BLOB_MAX)
		return NULL;
	struct batch **at = &p->batches;
	while (*at && ((*at)->pub.cap < points || (*at)->pub.blob_cap < blob_bytes))
		at = &(*at)->next;
	struct batch *b = *at;
	if (b) {
		*at = b->next;
		p->n_batches--;
	} else {
		b = make(p, points, blob_bytes);
	}
	if (!b)
		return NULL;
	b->next = NULL;
	b->pub.count = b->pub.blob_len = b->pub.ack = 0;
	b->pub.token = b->pub.device = 0;
	b->pub.rx_ns = 0;
	return b;
}

void batch_give_back(struct producer *p, struct batch *b)
{
	if (p->n_batches >= KEPT_MAX || b->pub.cap > KEPT_POINTS || b->pub.blob_cap > KEPT_BLOB) {
		destroy(b);
		return;
	}
	b->next = p->batches;
	p->batches = b;
	p->n_batches++;
}

void batch_drop_all(struct producer *p)
{
	while (p->batches) {
		struct batch *b = p->batches;
		p->batches = b->next;
		destroy(b);
	}
	while (p->held) {
		struct batch *b = p->held;
		p->held = b->next;
		destroy(b);
	}
	p->n_batches = p->n_held = 0;
	p->scratch = destroy(p->scratch);
}

/* ---- the service */
static struct batch *held_by(struct producer *p, struct sb_batch *pub)
{
	struct batch *b = pub ? container_of(pub, struct batch, pub) : NULL;
	return b && b->tag == BATCH_TAG && b->owner == p && b->is_held ? b : NULL;
}

static struct sb_batch *acquire(struct sb_host *handle, uint32_t points, uint32_t blob_bytes)
{
	struct producer *p = producer_of(instance_of(handle));
	if (!p || points > BATCH_POINTS_MAX || blob_bytes > BATCH_BLOB_MAX)
		return NULL;
	size_t most = rows_bound(points, blob_bytes);
	struct batch *b = NULL;
	if (!producer_fits(p, most))
		return NULL; /* never, so that nothing is gained by waiting */
	if (p->n_held < HELD_MAX && producer_ready(p, most))
		b = batch_take(p, points, blob_bytes);
	if (!b) {
		producer_block(p, 0);
		return NULL;
	}
	b->is_held = true;
	b->next = p->held;
	p->held = b;
	p->n_held++;
	return &b->pub;
}

static void end_hold(struct producer *p, struct batch *b)
{
	struct batch **at = &p->held;
	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	b->is_held = false;
	p->n_held--;
	batch_give_back(p, b);
}

static int commit_held(struct producer *p, struct sb_batch *pub)
{
	struct rows_result result = { 0 };
	struct device *dev = registry_get(p->ingest->config.registry, pub->device);
	if (!dev)
		return SB_E_STALE;
	if (pub->count > pub->cap || pub->blob_len > pub->blob_cap)
		return SB_E_RANGE;
	int r = admit_state(p, dev);
	if (r < 0)
		return r;
	if (!producer_ready(p, rows_bound(pub->count, pub->blob_len))) {
		producer_block(p, 0);
		return SB_E_OVERLOAD; /* more was acquired than the ring can hold */
	}
	r = rows_take(p, dev, pub, 0, &result);
	if (r < 0)
		return r == -ENOBUFS ? SB_E_OVERLOAD : r;
	admit_spend(p, dev);
	if (pub->ack != SB_ACK_STORED)
		return 0;
	return producer_expect(p, pub->token, result.rejected, result.leans) ? SB_PENDING : 0;
}

static int32_t commit(struct sb_host *handle, struct sb_batch *pub)
{
	struct producer *p = producer_of(instance_of(handle));
	struct batch *b = p ? held_by(p, pub) : NULL;
	if (!b)
		return SB_E_STALE;
	int r = commit_held(p, pub);
	end_hold(p, b);
	return r;
}

static void abandon(struct sb_host *handle, struct sb_batch *pub)
{
	struct producer *p = producer_of(instance_of(handle));
	struct batch *b = p ? held_by(p, pub) : NULL;
	if (b)
		end_hold(p, b);
}

static int32_t resolve(struct sb_host *handle, const struct sb_series_key *key, sb_series *out)
{
	struct producer *p = producer_of(instance_of(handle));
	if (!p || !key || key->size < offsetof(struct sb_series_key, kind))
		return SB_E_FAIL;
	struct ingest *ingest = p->ingest;
	struct device *dev = registry_get(ingest->config.registry, key->device);
	struct series *series;
	if (!dev)
		return SB_E_STALE;
	int r = series_set_resolve(dev->series, key->name, key->unit, true,
	                           state_limit(&ingest->limits.series), &series);
	if (r < 0) {
		admit_refuse_series(ingest, dev, key->name, r);
		return r;
	}
	/* What a series is may be lost, but not its value for that. */
	if (SB_HAS(key, kind) && key->kind <= SB_KIND_EVENT && !series->kind)
		(void)catalog_kind(ingest->config.catalog, series, (uint8_t)key->kind, false);
	*out = series_handle(series);
	return 0;
}

const struct sb_telemetry batch_service = {
	.size = sizeof(batch_service),
	.acquire = acquire,
	.commit = commit,
	.abandon = abandon,
	.resolve = resolve,
};
