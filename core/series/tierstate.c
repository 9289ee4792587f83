#define LOG_MODULE "tiers"
#include "series/tierstate.h"

#include <errno.h>
#include <string.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "host/docs.h"
#include "series/tier.h"

#define VERSION 1

/* Days of which every moment can be told in 64 bits. */
#define DAY_FIRST (-106750)
#define DAY_LAST  106750

static const char key[] = "tiers"; /* in the space of the catalogue, whose other keys are numbers */

void tierstate_init(struct tierstate *s)
{
	*s = (struct tierstate){ .closed_before = DAY_FIRST };
	pthread_mutex_init(&s->lock, NULL);
}

void tierstate_fini(struct tierstate *s)
{
	dirty_fini(&s->noted);
	dirty_fini(&s->waiting);
	dirty_fini(&s->busy);
	pthread_mutex_destroy(&s->lock);
}

/* ---- the document */

static int found(void *ud, struct sb_str k, struct sb_bytes doc, uint64_t rev)
{
	struct tierstate *s = ud;
	(void)rev;
	if (!text_is(k, key))
		return 0;
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	s->seq_digested = cursor_take_varint(&c);
	s->closed_before = (int32_t)cursor_take_zz(&c);
	s->seq_block = cursor_take_varint(&c);
	uint64_t n = cursor_take_varint(&c);
	if (n > TIERSTATE_CLASSES)
		c.bad = true;
	for (uint64_t i = 0; i < n && !c.bad; i++) {
		struct tierstate_floor *f = &s->floors[i];
		struct sb_str name = cursor_take_str(&c);
		f->before_ns = cursor_take_zz(&c);
		c.bad |= name.n >= sizeof(f->class_);
		if (!c.bad)
			memcpy(f->class_, name.p, name.n);
	}
	if (c.bad || version != VERSION)
		return log_error(SB_E_CORRUPT, "document series/%s is not readable", key);
	s->n_floors = (uint32_t)n;
	return 0;
}

int tierstate_load(struct tierstate *s, struct docs *docs)
{
	return docs_scan_wait(docs, SB_STR("series"), found, s);
}

static void doc_give(struct tierstate *s, struct buffer *doc)
{
	buffer_give_u8(doc, VERSION);
	buffer_give_varint(doc, s->seq_digested);
	buffer_give_zz(doc, s->closed_before);
	buffer_give_varint(doc, s->seq_block);
	buffer_give_varint(doc, s->n_floors);
	for (uint32_t i = 0; i < s->n_floors; i++) {
		const struct tierstate_floor *f = &s->floors[i];
		buffer_give_str(doc, sb_str_of(f->class_, strlen(f->class_)));
		buffer_give_zz(doc, f->before_ns);
	}
}

int tierstate_save(struct tierstate *s, struct docs *docs)
{
	struct buffer doc = { 0 };
	pthread_mutex_lock(&s->lock);
	doc_give(s, &doc);
	pthread_mutex_unlock(&s->lock);
	struct sb_doc_put put = { .space = SB_STR("series"),
		                  .key = sb_str_of(key, sizeof(key) - 1),
		                  .doc = { doc.p, doc.n },
		                  .if_rev = UINT64_MAX };
	int r = doc.bad ? -ENOMEM : docs_put_wait(docs, &put, 1);
	buffer_fini(&doc);
	return r;
}

/* ---- days */

static struct dirty_range days_of(int64_t t_min_ns, int64_t t_max_ns)
{
	return (struct dirty_range){ MAX(tier_day(t_min_ns), DAY_FIRST),
		                     MIN(tier_day(t_max_ns), DAY_LAST) };
}

static int add(struct dirty *d, uint32_t stream, int64_t t_min_ns, int64_t t_max_ns)
{
	struct dirty_range days = days_of(t_min_ns, t_max_ns);
	return days.first <= days.last ? dirty_add(d, stream, days.first, days.last) : 0;
}

int tierstate_note(struct tierstate *s, uint32_t stream, int64_t t_min_ns, int64_t t_max_ns)
{
	return add(&s->noted, stream, t_min_ns, t_max_ns);
}

void tierstate_flushed(struct tierstate *s, uint64_t seq)
{
	pthread_mutex_lock(&s->lock);
	if (!dirty_move(&s->waiting, &s->noted))
		(void)log_error(-ENOMEM, "some days get no tiers until the next start");
	s->seq_flushed = seq;
	s->changed = true;
	pthread_mutex_unlock(&s->lock);
}

int tierstate_mark(struct tierstate *s, uint32_t stream, int64_t t_min_ns, int64_t t_max_ns)
{
	pthread_mutex_lock(&s->lock);
	int r = add(&s->waiting, stream, t_min_ns, t_max_ns);
	s->changed = true;
	pthread_mutex_unlock(&s->lock);
	return r;
}

uint32_t tierstate_days(struct tierstate *s, uint32_t stream,
                        struct dirty_range out[TIERSTATE_RANGES], int32_t *closed)
{
	struct dirty_range busy[DIRTY_RANGES];
	pthread_mutex_lock(&s->lock);
	uint32_t n = dirty_of(&s->waiting, stream, out);
	uint32_t n_busy = dirty_of(&s->busy, stream, busy);
	*closed = s->ready ? s->closed_before : DAY_FIRST;
	pthread_mutex_unlock(&s->lock);
	for (uint32_t i = 0; i < n_busy; i++) {
		uint32_t at = n++;
		for (; at && out[at - 1].first > busy[i].first; at--)
			out[at] = out[at - 1];
		out[at] = busy[i];
	}
	return n;
}

int64_t tierstate_safe(struct tierstate *s)
{
	pthread_mutex_lock(&s->lock);
	int32_t day = s->ready ? s->closed_before : DAY_FIRST;
	day = MIN(day, dirty_least(&s->waiting));
	day = MIN(day, dirty_least(&s->busy));
	pthread_mutex_unlock(&s->lock);
	return day <= DAY_FIRST ? INT64_MIN : tier_day_begin(day);
}

/* ---- floors */

int64_t tierstate_floor(struct tierstate *s, struct sb_str class_)
{
	int64_t floor = INT64_MIN;
	pthread_mutex_lock(&s->lock);
	for (uint32_t i = 0; i < s->n_floors; i++)
		if (!class_.n || text_is(class_, s->floors[i].class_))
			floor = MAX(floor, s->floors[i].before_ns);
	pthread_mutex_unlock(&s->lock);
	return floor;
}

static bool raise_to(struct tierstate *s, struct sb_str class_, int64_t before_ns)
{
	struct tierstate_floor *f = s->floors;
	uint32_t i = 0;
	while (i < s->n_floors && !text_is(class_, f[i].class_))
		i++;
	if (i < s->n_floors && f[i].before_ns >= before_ns)
		return false;
	if (i == TIERSTATE_CLASSES || class_.n >= sizeof(f[0].class_))
		i = 0; /* too many: the first one speaks for more */
	if (i == s->n_floors) {
		f[i] = (struct tierstate_floor){ .before_ns = before_ns };
		memcpy(f[i].class_, class_.p, class_.n);
		s->n_floors++;
	}
	f[i].before_ns = MAX(f[i].before_ns, before_ns);
	return true;
}

bool tierstate_raise(struct tierstate *s, struct sb_str class_, int64_t before_ns)
{
	pthread_mutex_lock(&s->lock);
	bool rose = raise_to(s, class_, before_ns);
	pthread_mutex_unlock(&s->lock);
	return rose;
}
