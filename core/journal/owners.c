#include "journal/owners.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/own.h"
#include "journal/state.h"
#include "model/record.h"

#define LOG_MODULE "journal"
#include "base/log.h"

/* A record: RECORD_PLUGIN, version, name of its owner, its number, then what is the owner's. */
#define VERSION 1

enum { MARKS = 256, STEPS = 128, WAIT_MOST = 5000 };

/* Records from this number on, up to the next mark's, lie behind that place. */
struct mark {
	uint64_t number, after, bytes;
};

struct owner {
	struct owners *all;
	struct owner *next; /* under all->lock */
	pthread_mutex_t lock;
	struct journal_hold *hold;
	struct mark marks[MARKS]; /* of what is still needed, the oldest first */
	uint32_t n_marks;
	uint64_t last, done; /* numbers: the newest, and those not needed any more */
	uint64_t noted;      /* records found by replay */
	bool claimed, told;
	char name[];
};

struct owners {
	struct owners_config config;
	pthread_mutex_t lock;
	struct owner *first;
	uint64_t bytes_before; /* what replay went over */
};

int owners_new(struct owners **out, const struct owners_config *config)
{
	struct owners *all = calloc(1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	all->config = *config;
	pthread_mutex_init(&all->lock, NULL);
	*out = all;
	return 0;
}

struct owners *owners_free(struct owners *all)
{
	if (!all)
		return NULL;
	while (all->first) {
		struct owner *o = all->first;
		all->first = o->next;
		journal_hold_free(o->hold);
		pthread_mutex_destroy(&o->lock);
		free(o);
	}
	pthread_mutex_destroy(&all->lock);
	free(all);
	return NULL;
}

/* How far the journal has been written, by a measure that only grows. */
static uint64_t bytes_now(const struct owners *all)
{
	const struct state_counters *counters = &all->config.journal->counters;
	return all->bytes_before +
	       atomic_load_explicit(&counters->bytes_written, memory_order_relaxed);
}

/* Under all->lock. */
static int find_or_make(struct owners *all, struct sb_str name, struct owner **out)
{
	struct owner *o = all->first;
	while (o && (strlen(o->name) != name.n || memcmp(o->name, name.p, name.n) != 0))
		o = o->next;
	if (!o) {
		o = calloc(1, sizeof(*o) + name.n + 1);
		if (!o)
			return -ENOMEM;
		memcpy(o->name, name.p, name.n);
		o->all = all;
		int r = journal_hold_new(all->config.journal, UINT64_MAX, &o->hold);
		if (r < 0) {
			free(o);
			return r;
		}
		pthread_mutex_init(&o->lock, NULL);
		o->next = all->first;
		all->first = o;
	}
	*out = o;
	return 0;
}

int owners_claim(struct owners *all, const char *name, struct owner **out)
{
	struct sb_str text = sb_str_of(name, strlen(name));
	if (!text.n || text.n > OWNERS_NAME_MAX)
		return SB_E_NAME;
	pthread_mutex_lock(&all->lock);
	int r = find_or_make(all, text, out);
	if (r == 0)
		(*out)->claimed = true;
	pthread_mutex_unlock(&all->lock);
	return r;
}

/* ---- marks; under the owner's lock */

/* Twice as far between marks, so that there is room for more. */
static void thin_out(struct owner *o)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < o->n_marks; i += 2)
		o->marks[n++] = o->marks[i];
	o->n_marks = n;
}

static void mark(struct owner *o, uint64_t number, uint64_t after, uint64_t bytes)
{
	uint64_t step = o->all->config.ask_bytes / STEPS;
	if (o->n_marks && bytes - o->marks[o->n_marks - 1].bytes < step)
		return;
	if (o->n_marks == MARKS)
		thin_out(o);
	o->marks[o->n_marks++] = (struct mark){ number, after, bytes };
	if (o->n_marks == 1)
		journal_hold_move(o->hold, after);
}

static void forget(struct owner *o)
{
	uint32_t n = 0;
	if (o->done >= o->last)
		n = o->n_marks;
	while (n + 1 < o->n_marks && o->marks[n + 1].number <= o->done + 1)
		n++;
	if (!n)
		return;
	o->n_marks -= n;
	memmove(o->marks, o->marks + n, o->n_marks * sizeof(*o->marks));
	journal_hold_move(o->hold, o->n_marks ? o->marks[0].after : UINT64_MAX);
}

/* ---- at start */

static bool record_take(struct sb_bytes payload, struct sb_str *name, uint64_t *number,
                        struct sb_bytes *body)
{
	struct cursor c = cursor_of(payload.p, payload.n);
	uint8_t type = cursor_take_u8(&c);
	uint8_t version = cursor_take_u8(&c);
	*name = cursor_take_str(&c);
	*number = cursor_take_varint(&c);
	*body = (struct sb_bytes){ c.p, cursor_left(&c) };
	return !c.bad && type == RECORD_PLUGIN && version == VERSION && name->n &&
	       name->n <= OWNERS_NAME_MAX;
}

int owners_note(struct owners *all, uint64_t seq, struct sb_bytes payload)
{
	struct sb_str name;
	struct sb_bytes body;
	uint64_t number;
	struct owner *o;
	all->bytes_before += payload.n;
	if (!payload.n || payload.p[0] != RECORD_PLUGIN ||
	    !record_take(payload, &name, &number, &body))
		return 0;
	pthread_mutex_lock(&all->lock);
	int r = find_or_make(all, name, &o);
	pthread_mutex_unlock(&all->lock);
	if (r < 0)
		return r;
	pthread_mutex_lock(&o->lock);
	mark(o, number, seq - 1, all->bytes_before);
	o->last = MAX(o->last, number);
	o->noted++;
	pthread_mutex_unlock(&o->lock);
	return 0;
}

struct reading {
	struct owner *o;
	struct journal_cursor *cursor;
	uint64_t after, seen, last;
	int answer; /* what fn said to end it */
	owner_record_fn fn;
	void *ud;
};

static int read_one(struct reading *rd)
{
	struct sb_str name;
	struct sb_bytes payload;
	struct sb_bytes body;
	uint64_t seq;
	uint64_t number;
	int r = journal_cursor_next(rd->cursor, &seq, &payload);
	if (r != 0)
		return r;
	if (payload.p[0] != RECORD_PLUGIN || !record_take(payload, &name, &number, &body) ||
	    name.n != strlen(rd->o->name) || memcmp(name.p, rd->o->name, name.n) != 0)
		return 0;
	rd->seen = number;
	if (number > rd->after)
		rd->answer = rd->fn(rd->ud, number, body);
	return 0;
}

/* Behind records that are damaged there may be good ones: 1, or 0 if none of this owner are. */
static int skip_damage(struct reading *rd)
{
	struct owner *o = rd->o;
	uint64_t next = 0;
	pthread_mutex_lock(&o->lock);
	for (uint32_t i = 0; i < o->n_marks && !next; i++)
		if (o->marks[i].number > rd->seen + 1)
			next = o->marks[i].after;
	pthread_mutex_unlock(&o->lock);
	journal_cursor_free(rd->cursor);
	rd->cursor = NULL;
	if (!next)
		return 0;
	rd->seen++; /* whatever happens, the same place is not tried twice */
	int r = journal_cursor_new(o->all->config.journal, next, &rd->cursor);
	return r < 0 ? r : 1;
}

/* What an instance wrote before it was started again may still be on its way to the disk. */
static int read_all(struct reading *rd)
{
	const struct timespec nap = { .tv_nsec = NS_PER_MS };
	uint32_t waited = 0;
	while (rd->seen < rd->last && rd->answer >= 0) {
		int r = read_one(rd);
		if (r == SB_E_CORRUPT) {
			r = skip_damage(rd);
			if (r == 0)
				return 0;
			if (r > 0)
				continue;
		}
		if (r < 0)
			return r;
		if (r != SB_AGAIN)
			continue;
		if (++waited > WAIT_MOST)
			return log_error(0, "the last records of %s never reached the disk",
			                 rd->o->name);
		(void)nanosleep(&nap, NULL);
	}
	return 0;
}

int owner_replay(struct owner *o, uint64_t after, owner_record_fn fn, void *ud)
{
	struct reading rd = { .o = o, .after = after, .fn = fn, .ud = ud };
	int r = 0;
	pthread_mutex_lock(&o->lock);
	o->done = MAX(o->done, after);
	forget(o);
	uint64_t from = o->n_marks ? o->marks[0].after : 0;
	bool any = o->n_marks != 0;
	rd.last = o->last;
	pthread_mutex_unlock(&o->lock);
	if (any)
		r = journal_cursor_new(o->all->config.journal, from, &rd.cursor);
	if (any && r == 0)
		r = read_all(&rd);
	journal_cursor_free(rd.cursor);
	pthread_mutex_lock(&o->lock);
	o->last = MAX(o->last, after);
	pthread_mutex_unlock(&o->lock);
	if (r < 0)
		return log_error(r, "cannot read the records of %s", o->name);
	return MIN(rd.answer, 0);
}

/* ---- while it runs */

void owner_head(const struct owner *o, struct buffer *to)
{
	buffer_give_u8(to, RECORD_PLUGIN);
	buffer_give_u8(to, VERSION);
	buffer_give_str(to, sb_str_of(o->name, strlen(o->name)));
	buffer_give_varint(to, o->last + 1);
}

uint64_t owner_wrote(struct owner *o)
{
	/* Before the record is shown, so that its place can only be behind this one. */
	uint64_t after = journal_seq(o->all->config.journal);
	uint64_t bytes = bytes_now(o->all);
	pthread_mutex_lock(&o->lock);
	uint64_t number = ++o->last;
	mark(o, number, after, bytes);
	pthread_mutex_unlock(&o->lock);
	return number;
}

void owner_checkpoint(struct owner *o, uint64_t number)
{
	pthread_mutex_lock(&o->lock);
	o->done = MAX(o->done, MIN(number, o->last));
	forget(o);
	pthread_mutex_unlock(&o->lock);
}

uint64_t owner_behind(struct owner *o)
{
	uint64_t ask = o->all->config.ask_bytes;
	uint64_t now = bytes_now(o->all);
	uint64_t upto = 0;
	pthread_mutex_lock(&o->lock);
	if (o->n_marks && now - o->marks[0].bytes > ask) {
		uint32_t i = 0;
		while (i < o->n_marks && now - o->marks[i].bytes > ask / 2)
			i++;
		upto = i < o->n_marks ? o->marks[i].number - 1 : o->last;
	}
	pthread_mutex_unlock(&o->lock);
	return upto;
}

static void look(struct owner *o, uint64_t now)
{
	const struct owners_config *config = &o->all->config;
	uint64_t lost = 0;
	pthread_mutex_lock(&o->lock);
	bool tell = o->noted && !o->claimed && !o->told;
	o->told = true;
	if (o->n_marks && now - o->marks[0].bytes > config->drop_bytes) {
		uint32_t i = 0;
		while (i < o->n_marks && now - o->marks[i].bytes > config->drop_bytes / 2)
			i++;
		lost = i < o->n_marks ? o->marks[i].number - 1 : o->last;
		o->done = MAX(o->done, lost);
		forget(o);
	}
	pthread_mutex_unlock(&o->lock);
	if (tell)
		log_warn(0,
		         "%llu records of %s, which does not run, are kept until the journal has "
		         "grown by %llu MiB",
		         (unsigned long long)o->noted, o->name,
		         (unsigned long long)(config->drop_bytes >> 20));
	if (lost)
		(void)log_error(0,
		                "records of %s up to %llu are dropped: they kept %llu MiB of the "
		                "journal from being used again",
		                o->name, (unsigned long long)lost,
		                (unsigned long long)(config->drop_bytes >> 20));
}

void owners_look(struct owners *all)
{
	uint64_t now = bytes_now(all);
	pthread_mutex_lock(&all->lock);
	struct owner *first = all->first;
	pthread_mutex_unlock(&all->lock);
	/* The list only grows at its head. */
	for (struct owner *o = first; o; o = o->next)
		look(o, now);
}
