#define LOG_MODULE "registry"
#include "registry/notes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "host/docs.h"
#include "registry/device.h"
#include "registry/inner.h"

#define VERSION 1
#define AT_ONCE 64 /* documents in a commit */

struct round {
	struct device *devices[AT_ONCE];
	struct sb_doc_put puts[AT_ONCE];
	size_t begin[AT_ONCE];
	struct buffer bytes;
	uint32_t n;
};

/* ---- a document: reasons by fate, then the payloads, oldest first */

static void give_str(struct buffer *out, const char *text)
{
	size_t n = strlen(text);

	buffer_give_varint(out, n);
	buffer_give(out, text, n);
}

static void give_quarantine(struct buffer *out, const struct device *dev)
{
	for (uint32_t i = 0; i < DEVICE_QUARANTINE_KEPT; i++) {
		uint32_t at = (dev->quarantine_at + i) % DEVICE_QUARANTINE_KEPT;
		const struct device_quarantine *q = &dev->quarantine[at];
		if (!q->at_ns)
			continue;
		buffer_give_zz(out, q->at_ns);
		give_str(out, q->subject);
		give_str(out, q->why);
		buffer_give_varint(out, q->total);
		buffer_give_varint(out, q->head_len);
		buffer_give(out, q->head, q->head_len);
	}
}

void notes_give(struct buffer *out, const struct device *dev)
{
	buffer_give_u8(out, VERSION);
	buffer_give_varint(out, FATE_COUNT);
	for (size_t i = 0; i < FATE_COUNT; i++) {
		buffer_give_zz(out, dev->reasons[i].at_ns);
		give_str(out, dev->reasons[i].text);
	}
	give_quarantine(out, dev);
}

static struct sb_bytes take_bytes(struct cursor *c, size_t most)
{
	uint64_t n = cursor_take_varint(c);
	struct sb_bytes bytes = { 0 };

	if (n > most)
		c->bad = true;
	if (c->bad)
		return bytes;
	bytes.p = cursor_take(c, (size_t)n);
	bytes.n = bytes.p ? (size_t)n : 0;
	return bytes;
}

static void take_str(struct cursor *c, char *to, size_t cap)
{
	struct sb_bytes bytes = take_bytes(c, cap - 1);

	if (bytes.n)
		memcpy(to, bytes.p, bytes.n);
	to[bytes.n] = '\0';
}

static void take_quarantine(struct cursor *c, struct device_quarantine *q)
{
	struct sb_bytes head;

	q->at_ns = cursor_take_zz(c);
	take_str(c, q->subject, sizeof(q->subject));
	take_str(c, q->why, sizeof(q->why));
	q->total = (uint32_t)cursor_take_varint(c);
	head = take_bytes(c, sizeof(q->head));
	q->head_len = (uint32_t)head.n;
	if (head.n)
		memcpy(q->head, head.p, head.n);
}

int notes_take(struct sb_bytes doc, struct device *dev)
{
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	uint64_t fates = cursor_take_varint(&c);
	struct device_reason *reasons = device_reasons(dev);
	struct device_quarantine *ring;

	if (version != VERSION || fates > 64 || c.bad)
		return SB_E_CORRUPT;
	for (uint64_t i = 0; reasons && i < fates && !c.bad; i++) {
		struct device_reason reason = { .at_ns = cursor_take_zz(&c) };
		take_str(&c, reason.text, sizeof(reason.text));
		if (i < FATE_COUNT && !c.bad)
			reasons[i] = reason;
	}
	ring = cursor_left(&c) && !c.bad ? device_quarantine(dev) : NULL;
	for (uint32_t i = 0; ring && cursor_left(&c) && i < DEVICE_QUARANTINE_KEPT; i++) {
		struct device_quarantine q = { 0 };
		take_quarantine(&c, &q);
		if (c.bad)
			break;
		ring[i] = q;
		dev->quarantine_at = (i + 1) % DEVICE_QUARANTINE_KEPT;
	}
	return c.bad ? SB_E_CORRUPT : 0;
}

/* ---- saving */

static void add(struct round *round, struct device *dev)
{
	dev->noted = false;
	round->devices[round->n] = dev;
	round->begin[round->n++] = round->bytes.n;
	notes_give(&round->bytes, dev);
}

/* What a device says meanwhile makes it noted again. */
static int write_round(struct registry *reg, struct round *round)
{
	int r = round->bytes.bad ? -ENOMEM : 0;

	for (uint32_t i = 0; r == 0 && i < round->n; i++) {
		size_t end = i + 1 < round->n ? round->begin[i + 1] : round->bytes.n;
		round->puts[i] = (struct sb_doc_put){
			.space = SB_STR("device.notes"),
			.key = device_id(round->devices[i]),
			.doc = { round->bytes.p + round->begin[i], end - round->begin[i] },
			.if_rev = UINT64_MAX,
		};
	}
	if (r == 0)
		r = docs_put_wait(reg->config.docs, round->puts, round->n);
	registry_lock(reg);
	for (uint32_t i = 0; r < 0 && i < round->n; i++)
		round->devices[i]->noted = true;
	registry_unlock(reg);
	return r < 0 ? log_error(r, "cannot store why messages of %u devices were refused",
	                         round->n)
	             : 0;
}

static void gather(struct registry *reg, struct round *round, uint32_t *no)
{
	struct device *dev;

	round->n = 0;
	buffer_reset(&round->bytes);
	registry_lock(reg);
	while (round->n < AT_ONCE && (dev = registry_next(reg, no)))
		if (dev->noted)
			add(round, dev);
	registry_unlock(reg);
}

int notes_save(struct registry *reg, uint32_t most)
{
	_own_(freep) struct round *round = NULL;
	uint32_t saved = 0;
	uint32_t no = 0;
	int r = 0;

	if (!reg->config.docs)
		return 0;
	round = calloc(1, sizeof(*round));
	if (!round)
		return -ENOMEM;
	do {
		gather(reg, round, &no);
		if (round->n)
			r = write_round(reg, round);
		saved += round->n;
	} while (r == 0 && round->n == AT_ONCE && (!most || saved < most));
	buffer_fini(&round->bytes);
	return r;
}

/* ---- loading */

static int load(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct registry *reg = ud;
	struct device *dev;
	char shown[160];
	int r = registry_find(reg, key, &dev);

	(void)rev;
	if (r < 0)
		return 0; /* notes of nobody */
	registry_lock(reg);
	r = notes_take(doc, dev);
	registry_unlock(reg);
	if (r < 0)
		log_warn(r, "notes about refused messages of %s are not all readable",
		         text_show(shown, sizeof(shown), key));
	return 0;
}

int notes_load(struct registry *reg)
{
	return reg->config.docs
	               ? docs_scan_wait(reg->config.docs, SB_STR("device.notes"), load, reg)
	               : 0;
}
