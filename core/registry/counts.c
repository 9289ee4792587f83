#define LOG_MODULE "registry"
#include "registry/counts.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/map.h"
#include "base/own.h"
#include "host/docs.h"
#include "model/row.h"
#include "registry/inner.h"
#include "series/series.h"

#define VERSION    2   /* 1 knew of no journal record: it is not read any more */
#define GROUP      128 /* devices in a document */
#define GROUPS_MAX (TABLE_CHUNK * TABLE_CHUNKS / GROUP)
#define AT_ONCE    16 /* documents in a commit */

struct group {               /* what is on disk */
	uint64_t all, fates; /* hashes of everything, and of what the journal does not tell */
	uint64_t seq;        /* points are of the journal up to this record */
};

struct counts {
	struct registry *reg;
	pthread_mutex_t lock; /* what follows, and `stored` of devices */
	uint64_t seq;         /* ... of all devices, or of their group if that is later */
	struct group *groups;
	uint32_t n_groups;
};

struct round {
	struct buffer docs[AT_ONCE];
	char keys[AT_ONCE][16];
	struct sb_doc_put puts[AT_ONCE];
	struct group now[AT_ONCE];
	uint32_t groups[AT_ONCE];
	uint32_t n;
};

int counts_new(struct counts **out, struct registry *reg)
{
	struct counts *counts = calloc(1, sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	counts->reg = reg;
	pthread_mutex_init(&counts->lock, NULL);
	*out = counts;
	return 0;
}

struct counts *counts_free(struct counts *counts)
{
	if (!counts)
		return NULL;
	pthread_mutex_destroy(&counts->lock);
	free(counts->groups);
	free(counts);
	return NULL;
}

/* Under lock. */
static int reserve(struct counts *counts, uint32_t groups)
{
	struct group *more;

	if (groups <= counts->n_groups)
		return 0;
	more = realloc(counts->groups, groups * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + counts->n_groups, 0, (groups - counts->n_groups) * sizeof(*more));
	counts->groups = more;
	counts->n_groups = groups;
	return 0;
}

/* ---- points, in the order of the journal */

void counts_replayed(struct counts *counts, uint32_t no, const struct row *row, uint64_t seq)
{
	struct device *dev = registry_at(counts->reg, no);
	uint32_t group = no / GROUP;
	uint32_t late = row->flags & SB_P_LATE ? row->n : 0;

	if (!dev)
		return;
	if (row->rx_ns > dev->data_ns)
		dev->data_ns = row->rx_ns;
	if (row->rx_ns > dev->seen_ns)
		dev->seen_ns = row->rx_ns;
	if (group < counts->n_groups && seq <= counts->groups[group].seq) {
		dev->stored.known +=
			row->n; /* they were flushed, but not their blocks' checkpoint */
		dev->stored.known_late += late;
		return;
	}
	dev->fates[FATE_accepted] += row->n;
	dev->fates[FATE_late] += late;
}

static uint32_t without(uint32_t n, uint32_t *known)
{
	uint32_t less = MIN(n, *known);

	*known -= less;
	return n - less;
}

void counts_flushed(struct counts *counts, const struct series_count *list, size_t n, uint64_t seq)
{
	pthread_mutex_lock(&counts->lock);
	for (size_t i = 0; i < n; i++) {
		struct device *dev = registry_at(counts->reg, list[i].device_no);
		if (!dev)
			continue;
		dev->stored.points += without(list[i].points, &dev->stored.known);
		dev->stored.late += without(list[i].late, &dev->stored.known_late);
	}
	counts->seq = seq;
	pthread_mutex_unlock(&counts->lock);
}

/* ---- saving */

static uint64_t fate_stored(const struct device *dev, size_t fate)
{
	if (fate == FATE_accepted)
		return dev->stored.points;
	if (fate == FATE_late)
		return dev->stored.late;
	return atomic_load(&dev->fates[fate]);
}

static void give(struct buffer *out, const struct device *dev)
{
	buffer_give_varint(out, dev->no);
	buffer_give_zz(out, atomic_load(&dev->seen_ns));
	buffer_give_zz(out, atomic_load(&dev->data_ns));
	buffer_give_zz(out, atomic_load(&dev->interval_ns));
	for (size_t i = 0; i < FATE_COUNT; i++)
		buffer_give_varint(out, fate_stored(dev, i));
}

static uint64_t mix(uint64_t hash, uint64_t v)
{
	hash = (hash ^ v) * 0x9e3779b97f4a7c15u;
	return hash ^ hash >> 29;
}

static uint64_t fates_hash(const struct counts *counts, uint32_t group)
{
	uint64_t hash = 0;

	for (uint32_t i = 0; i < GROUP; i++) {
		const struct device *dev = registry_at(counts->reg, group * GROUP + i);
		for (uint64_t fate = 0; dev && fate < FATE_COUNT; fate++) {
			uint64_t n = atomic_load(&dev->fates[fate]);
			if (n && fate != FATE_accepted && fate != FATE_late)
				hash = mix(mix(hash, i * FATE_COUNT + fate), n);
		}
	}
	return hash;
}

/* A document, and what tells whether it changed: the number of the journal's record does not. */
static int give_group(struct counts *counts, uint32_t group, struct buffer *out, struct group *now)
{
	size_t begin;

	now->fates = fates_hash(counts, group);
	now->seq = MAX(counts->seq, counts->groups[group].seq);
	buffer_give_u8(out, VERSION);
	buffer_give_varint(out, FATE_COUNT);
	buffer_give_u64(out, now->seq);
	begin = out->n;
	for (uint32_t i = 0; i < GROUP; i++) {
		const struct device *dev = registry_at(counts->reg, group * GROUP + i);
		if (dev)
			give(out, dev);
	}
	if (out->bad)
		return -ENOMEM;
	now->all = map_hash(sb_str_of((const char *)out->p + begin, out->n - begin));
	return 0;
}

static int add(struct counts *counts, struct round *round, uint32_t group, bool fates_only)
{
	struct buffer *doc = &round->docs[round->n];
	struct group *now = &round->now[round->n];
	const struct group *old;
	bool same;
	int r;

	buffer_reset(doc);
	pthread_mutex_lock(&counts->lock);
	r = give_group(counts, group, doc, now);
	old = &counts->groups[group];
	same = fates_only ? now->fates == old->fates : now->all == old->all;
	pthread_mutex_unlock(&counts->lock);
	if (r < 0 || same)
		return r;
	(void)snprintf(round->keys[round->n], sizeof(round->keys[0]), "%08x", group);
	round->puts[round->n] = (struct sb_doc_put){
		.space = SB_STR("device.fates"),
		.key = sb_str_of(round->keys[round->n], 8),
		.doc = { doc->p, doc->n },
		.if_rev = UINT64_MAX,
	};
	round->groups[round->n++] = group;
	return 0;
}

static int write_round(struct counts *counts, struct round *round)
{
	int r;

	if (!round->n)
		return 0;
	r = docs_put_wait(counts->reg->config.docs, round->puts, round->n);
	pthread_mutex_lock(&counts->lock);
	for (uint32_t i = 0; r == 0 && i < round->n; i++)
		counts->groups[round->groups[i]] = round->now[i];
	pthread_mutex_unlock(&counts->lock);
	round->n = 0;
	return r < 0 ? log_error(r, "cannot store the counters of devices") : 0;
}

int counts_save(struct counts *counts, bool fates_only)
{
	uint32_t groups = atomic_load(&counts->reg->last_no) / GROUP + 1;
	_own_(freep) struct round *round = NULL;
	int r;

	if (!counts->reg->config.docs)
		return 0;
	round = calloc(1, sizeof(*round));
	pthread_mutex_lock(&counts->lock);
	r = round ? reserve(counts, groups) : -ENOMEM;
	pthread_mutex_unlock(&counts->lock);
	for (uint32_t group = 0; r == 0 && group < groups; group++) {
		r = add(counts, round, group, fates_only);
		if (r == 0 && round->n == AT_ONCE)
			r = write_round(counts, round);
	}
	if (r == 0)
		r = write_round(counts, round);
	for (size_t i = 0; round && i < AT_ONCE; i++)
		buffer_fini(&round->docs[i]);
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
	if (dev) {
		dev->stored.points = dev->fates[FATE_accepted];
		dev->stored.late = dev->fates[FATE_late];
	}
}

/* Which group a document is of is in its key. */
static struct group *group_of(struct counts *counts, struct sb_str key)
{
	char text[9] = "";
	unsigned long group;

	if (key.n != 8)
		return NULL;
	memcpy(text, key.p, 8);
	group = strtoul(text, NULL, 16);
	if (group >= GROUPS_MAX || reserve(counts, (uint32_t)group + 1) < 0)
		return NULL;
	return &counts->groups[group];
}

static int load(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct counts *counts = ud;
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	uint64_t fates = cursor_take_varint(&c);
	uint64_t seq = cursor_take_u64(&c);
	struct group *group = group_of(counts, key);

	(void)rev;
	if (version == VERSION && fates <= 64 && group && !c.bad) {
		group->seq = seq;
		while (!c.bad && cursor_left(&c))
			take(&c, counts->reg, fates);
		group->fates = fates_hash(counts, (uint32_t)(group - counts->groups));
	}
	if (version != VERSION || c.bad || !group)
		log_warn(SB_E_CORRUPT, "counters in document %.*s begin at 0 again", (int)key.n,
		         key.p);
	return 0;
}

int counts_load(struct counts *counts)
{
	return counts->reg->config.docs ? docs_scan_wait(counts->reg->config.docs,
	                                                 SB_STR("device.fates"), load, counts)
	                                : 0;
}
