#define LOG_MODULE "registry"
#include "registry/counts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/map.h"
#include "host/docs.h"
#include "registry/inner.h"

#define VERSION    1
#define GROUP      128 /* devices in a document */
#define GROUPS_MAX (TABLE_CHUNK * TABLE_CHUNKS / GROUP)
#define AT_ONCE    16 /* documents in a commit */

struct counts {
	struct registry *reg;
	uint64_t *saved; /* hash of what is on disk, by group */
	uint32_t n_saved;
};

struct round {
	struct buffer docs[AT_ONCE];
	char keys[AT_ONCE][16];
	struct sb_doc_put puts[AT_ONCE];
	uint64_t hashes[AT_ONCE];
	uint32_t groups[AT_ONCE];
	uint32_t n;
};

int counts_new(struct counts **out, struct registry *reg)
{
	struct counts *counts = calloc(1, sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	counts->reg = reg;
	*out = counts;
	return 0;
}

struct counts *counts_free(struct counts *counts)
{
	if (counts)
		free(counts->saved);
	free(counts);
	return NULL;
}

/* ---- saving */

static void give(struct buffer *out, const struct device *dev)
{
	buffer_give_varint(out, dev->no);
	buffer_give_zz(out, atomic_load(&dev->seen_ns));
	buffer_give_zz(out, atomic_load(&dev->data_ns));
	buffer_give_zz(out, atomic_load(&dev->interval_ns));
	for (size_t i = 0; i < FATE_COUNT; i++)
		buffer_give_varint(out, atomic_load(&dev->fates[i]));
}

static void give_group(struct buffer *out, const struct registry *reg, uint32_t group)
{
	buffer_give_u8(out, VERSION);
	buffer_give_varint(out, FATE_COUNT);
	for (uint32_t i = 0; i < GROUP; i++) {
		const struct device *dev = registry_at(reg, group * GROUP + i);
		if (dev)
			give(out, dev);
	}
}

static int reserve(struct counts *counts, uint32_t groups)
{
	uint64_t *saved;

	if (groups <= counts->n_saved)
		return 0;
	saved = realloc(counts->saved, groups * sizeof(*saved));
	if (!saved)
		return -ENOMEM;
	memset(saved + counts->n_saved, 0, (groups - counts->n_saved) * sizeof(*saved));
	counts->saved = saved;
	counts->n_saved = groups;
	return 0;
}

static int add(struct counts *counts, struct round *round, uint32_t group)
{
	struct buffer *doc = &round->docs[round->n];
	uint64_t hash;

	buffer_reset(doc);
	give_group(doc, counts->reg, group);
	if (doc->bad)
		return -ENOMEM;
	hash = map_hash(sb_str_of((const char *)doc->p, doc->n));
	if (hash == counts->saved[group])
		return 0;
	(void)snprintf(round->keys[round->n], sizeof(round->keys[0]), "%08x", group);
	round->puts[round->n] = (struct sb_doc_put){
		.space = SB_STR("device.fates"),
		.key = sb_str_of(round->keys[round->n], 8),
		.doc = { doc->p, doc->n },
		.if_rev = UINT64_MAX,
	};
	round->hashes[round->n] = hash;
	round->groups[round->n++] = group;
	return 0;
}

static int write_round(struct counts *counts, struct round *round)
{
	int r;

	if (!round->n)
		return 0;
	r = docs_put_wait(counts->reg->config.docs, round->puts, round->n);
	for (uint32_t i = 0; r == 0 && i < round->n; i++)
		counts->saved[round->groups[i]] = round->hashes[i];
	round->n = 0;
	return r < 0 ? log_error(r, "cannot store the counters of devices") : 0;
}

int counts_save(struct counts *counts)
{
	uint32_t groups = atomic_load(&counts->reg->last_no) / GROUP + 1;
	struct round *round;
	int r;

	if (!counts->reg->config.docs)
		return 0;
	round = calloc(1, sizeof(*round));
	r = round ? reserve(counts, groups) : -ENOMEM;
	for (uint32_t group = 0; r == 0 && group < groups; group++) {
		r = add(counts, round, group);
		if (r == 0 && round->n == AT_ONCE)
			r = write_round(counts, round);
	}
	if (r == 0)
		r = write_round(counts, round);
	for (size_t i = 0; round && i < AT_ONCE; i++)
		buffer_fini(&round->docs[i]);
	free(round);
	return r;
}

/* ---- loading */

static void take(struct cursor *c, struct registry *reg, uint64_t fates)
{
	uint64_t no = cursor_take_varint(c);
	struct device *dev = no <= UINT32_MAX ? registry_at(reg, (uint32_t)no) : NULL;
	int64_t times[3] = { 0 };

	for (size_t i = 0; i < 3; i++)
		times[i] = cursor_take_zz(c);
	if (dev && !c->bad) {
		atomic_store(&dev->seen_ns, times[0]);
		atomic_store(&dev->data_ns, times[1]);
		atomic_store(&dev->interval_ns, times[2]);
	}
	for (uint64_t i = 0; i < fates && !c->bad; i++) {
		uint64_t n = cursor_take_varint(c);
		if (dev && i < FATE_COUNT && !c->bad)
			atomic_store(&dev->fates[i], n);
	}
}

static int load(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	uint64_t fates = cursor_take_varint(&c);

	(void)rev;
	if (version == VERSION && fates <= 64) {
		while (!c.bad && cursor_left(&c))
			take(&c, ud, fates);
	}
	if (version != VERSION || c.bad)
		log_warn(SB_E_CORRUPT, "counters in document %.*s begin at 0 again", (int)key.n,
		         key.p);
	return 0;
}

int counts_load(struct registry *reg)
{
	return reg->config.docs
	               ? docs_scan_wait(reg->config.docs, SB_STR("device.fates"), load, reg)
	               : 0;
}
