#include "ingest/payload.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/clock.h"
#include "base/own.h"
#include "host/host.h"
#include "host/instance.h"
#include "ingest/admit.h"
#include "ingest/batch.h"
#include "ingest/producer.h"
#include "ingest/rows.h"
#include "ingest/state.h"
#include "registry/registry.h"

enum { FIRST_POINTS = 256, FIRST_BLOB = 4096, KEPT_POINTS = 4096, KEPT_BLOB = 64 * 1024 };

#define CODECS_EVERY_NS NS_PER_S

static void find_codecs(struct producer *p)
{
	int64_t now = loop_now(p->loop);
	if (p->n_codecs && now - p->codecs_at_ns < CODECS_EVERY_NS)
		return;
	p->codecs_at_ns = now;
	p->n_codecs = 0;
	for (uint32_t i = 0; p->n_codecs < STATE_CODECS; i++) {
		struct instance *in = host_instance(p->ingest->config.host, "sb.codec/1", i);
		if (!in)
			break;
		const struct sb_codec *table = instance_ext(in, "sb.codec/1");
		/* NOLINTNEXTLINE(misc-redundant-expression): two slots of one table */
		if (SB_HAS(table, claims) && SB_HAS(table, decode))
			p->codecs[p->n_codecs++] = (struct state_codec){ in, table };
	}
}

/* The codec that is surest, or NULL. */
static const struct state_codec *choose(struct producer *p, const struct sb_decode *d)
{
	const struct state_codec *best = NULL;
	int32_t surest = 0;
	find_codecs(p);
	for (uint32_t i = 0; i < p->n_codecs; i++) {
		const struct state_codec *codec = &p->codecs[i];
		if (instance_state(codec->in) != INSTANCE_RUNNING)
			continue;
		struct frame f;
		frame_enter(&f, codec->in, "codec.claims");
		int32_t sure = codec->table->claims(instance_self(codec->in), d);
		frame_leave(&f);
		if (sure > surest) {
			surest = sure;
			best = codec;
		}
	}
	return best;
}

/* A batch of at least this size to decode into, kept from payload to payload. */
static bool scratch_room(struct producer *p, uint32_t points, uint32_t blob)
{
	if (p->scratch && p->scratch->pub.cap >= points && p->scratch->pub.blob_cap >= blob)
		return true;
	if (p->scratch)
		batch_give_back(p, p->scratch);
	p->scratch = batch_take(p, points, blob);
	return p->scratch != NULL;
}

static void scratch_shrink(struct producer *p)
{
	if (p->scratch &&
	    (p->scratch->pub.cap > KEPT_POINTS || p->scratch->pub.blob_cap > KEPT_BLOB)) {
		batch_give_back(p, p->scratch);
		p->scratch = NULL;
	}
}

static int decode_once(const struct state_codec *codec, struct sb_decode *d, struct sb_batch *out)
{
	struct frame f;
	out->count = out->blob_len = 0;
	d->out = out;
	d->why[0] = 0;
	frame_enter(&f, codec->in, "codec.decode");
	int r = codec->table->decode(instance_self(codec->in), d);
	frame_leave(&f);
	d->why[sizeof(d->why) - 1] = 0;
	if (r >= 0 && (out->count > out->cap || out->blob_len > out->blob_cap))
		return SB_E_FAIL; /* it wrote where nothing is ours */
	return r;
}

static int decode(struct producer *p, struct sb_decode *d)
{
	const struct state_codec *codec = choose(p, d);
	if (!codec) {
		snprintf(d->why, sizeof(d->why), "no codec reads this");
		return SB_E_MALFORMED;
	}
	uint32_t points = FIRST_POINTS;
	uint32_t blob = FIRST_BLOB;
	for (;;) {
		if (!scratch_room(p, points, blob))
			return -ENOMEM;
		int r = decode_once(codec, d, &p->scratch->pub);
		if (r != -ENOBUFS)
			return r;
		points = MIN(p->scratch->pub.cap * 4, BATCH_POINTS_MAX);
		blob = MIN(p->scratch->pub.blob_cap * 4, BATCH_BLOB_MAX);
		if (points <= p->scratch->pub.cap && blob <= p->scratch->pub.blob_cap) {
			snprintf(d->why, sizeof(d->why), "more than %u values in one payload",
			         BATCH_POINTS_MAX);
			return SB_E_RANGE;
		}
	}
}

static int32_t fault(struct producer *p, int32_t r, struct sb_str *why, const char *text)
{
	snprintf(p->why, sizeof(p->why), "%s", text);
	if (why)
		*why = sb_str_of(p->why, strlen(p->why));
	return r;
}

static int32_t too_long(struct producer *p, struct device *dev, size_t n, struct sb_str *why)
{
	char text[128];
	snprintf(text, sizeof(text), "payload of %zu bytes: limit is %u", n,
	         state_limit(&p->ingest->limits.payload_bytes));
	admit_refuse(p->ingest, dev, 1, -EMSGSIZE, text);
	state_count(&p->counters.refused, 1);
	return fault(p, SB_E_RANGE, why, text);
}

static int32_t unreadable(struct producer *p, struct device *dev, const struct sb_payload_in *in,
                          int32_t r, const char *text, struct sb_str *why)
{
	if (!text[0])
		text = sb_strerror(r);
	registry_quarantine(p->ingest->config.registry, dev, in->subject, in->payload, text);
	admit_spend(p, dev); /* nonsense is no cheaper for us, so the limit holds for it too */
	state_count(&p->counters.quarantined, 1);
	return fault(p, r, why, text);
}

/* Decoded points to rows. -ENOBUFS: come back with all of it, the ring is full. */
static int store(struct producer *p, struct device *dev, const struct sb_payload_in *in,
                 struct rows_result *result)
{
	struct sb_batch *batch = &p->scratch->pub;
	size_t most = rows_bound(batch->count, batch->blob_len);
	if (!producer_fits(p, most))
		return SB_E_RANGE;
	if (!producer_ready(p, most))
		return -ENOBUFS;
	batch->rx_ns = in->rx_ns;
	return rows_take(p, dev, batch, (uint16_t)in->flags, result);
}

static int32_t finish(struct producer *p, struct device *dev, const struct sb_payload_in *in,
                      uint32_t left_out, struct sb_str *why)
{
	struct rows_result result = { 0 };
	int r = store(p, dev, in, &result);
	if (r == SB_E_RANGE)
		return unreadable(p, dev, in, r, "more values than the ring of this adapter holds",
		                  why);
	if (r == -ENOBUFS) {
		producer_block(p, 0);
		return SB_AGAIN;
	}
	if (r < 0)
		return r;
	admit_spend(p, dev);
	if (in->ack != SB_ACK_STORED)
		return 0;
	bool waits = producer_expect(p, in->token, result.rejected + left_out, result.leans);
	return waits ? SB_PENDING : 0;
}

static int32_t take(struct producer *p, struct device *dev, const struct sb_payload_in *in,
                    struct sb_str *why)
{
	prefetch(&dev->seen_ns, sizeof(*dev) - offsetof(struct device, seen_ns));
	int r = admit_state(p, dev);
	if (r < 0)
		return fault(p, r, why, sb_strerror(r));
	if (in->payload.n > state_limit(&p->ingest->limits.payload_bytes))
		return too_long(p, dev, in->payload.n, why);
	int64_t wait = admit_rate(p, dev);
	if (wait > 0 || !producer_ready(p, 0)) {
		producer_block(p, wait);
		return SB_AGAIN;
	}
	uint64_t refused = atomic_load_explicit(&dev->fates[FATE_refused], memory_order_relaxed);
	struct sb_decode d = {
		.size = sizeof(d),
		.device = in->device,
		.subject = in->subject,
		.content_type = in->content_type,
		.payload = in->payload,
		.flags = (uint16_t)in->flags,
	};
	r = decode(p, &d);
	if (r == -ENOMEM)
		return fault(p, r, why, "out of memory");
	if (r < 0)
		return unreadable(p, dev, in, r, d.why, why);
	/* Series the codec could not get were counted as they were refused. */
	refused = atomic_load_explicit(&dev->fates[FATE_refused], memory_order_relaxed) - refused;
	return finish(p, dev, in, (uint32_t)MIN(refused, UINT32_MAX / 2), why);
}

static int32_t submit(struct sb_host *handle, const struct sb_payload_in *in, struct sb_str *why)
{
	struct producer *p = producer_of(instance_of(handle));
	if (why)
		*why = (struct sb_str){ 0 };
	if (!p || !in || in->size < sizeof(*in))
		return SB_E_FAIL;
	struct device *dev = registry_get(p->ingest->config.registry, in->device);
	if (!dev)
		return fault(p, SB_E_STALE, why, sb_strerror(SB_E_STALE));
	int32_t r = take(p, dev, in, why);
	scratch_shrink(p);
	return r;
}

const struct sb_payload payload_service = {
	.size = sizeof(payload_service),
	.submit = submit,
};
