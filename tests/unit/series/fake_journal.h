/* A journal in memory: its records stay, commits are made of one record each. */
#pragma once
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "journal/journal.h"

struct fake_record {
	uint8_t *p;
	size_t n;
};

struct journal {
	pthread_mutex_t lock;
	struct fake_record *at; /* record i has the number i + 1 */
	size_t n, cap;
	uint64_t checkpoint;
	_Atomic int commits; /* referenced */
	_Atomic int cursors; /* made */
	_Atomic bool hold;
	struct journal_stats stats;
	void (*committed)(struct journal_commit *c); /* of definitions */
};

static struct journal fake_journal = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct journal_commit {
	_Atomic int refs;
	uint64_t seq;
	struct sb_bytes payload;
};

static inline void fake_journal_reset(void)
{
	for (size_t i = 0; i < fake_journal.n; i++)
		free(fake_journal.at[i].p);
	free(fake_journal.at);
	fake_journal = (struct journal){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

/* Makes a record durable. */
static inline struct journal_commit *fake_journal_commit(struct sb_bytes payload)
{
	struct journal_commit *c = calloc(1, sizeof(*c));
	uint8_t *copy = malloc(payload.n + 1);
	memcpy(copy, payload.p, payload.n);
	pthread_mutex_lock(&fake_journal.lock);
	if (fake_journal.n == fake_journal.cap) {
		fake_journal.cap = 2 * fake_journal.cap + 64;
		fake_journal.at = realloc(fake_journal.at,
		                          fake_journal.cap * sizeof(*fake_journal.at));
	}
	fake_journal.at[fake_journal.n++] = (struct fake_record){ copy, payload.n };
	c->seq = fake_journal.n;
	pthread_mutex_unlock(&fake_journal.lock);
	c->refs = 1;
	c->payload = (struct sb_bytes){ copy, payload.n };
	fake_journal.commits++;
	return c;
}

uint64_t journal_commit_seq_last(const struct journal_commit *commit)
{
	return commit->seq;
}

bool journal_commit_next(const struct journal_commit *commit, size_t *at, uint64_t *seq,
                         struct sb_bytes *payload)
{
	if (*at)
		return false;
	*at = 1;
	*seq = commit->seq;
	*payload = commit->payload;
	return true;
}

struct journal_commit *journal_commit_ref(struct journal_commit *commit)
{
	commit->refs++;
	return commit;
}

struct journal_commit *journal_commit_unref(struct journal_commit *commit)
{
	if (commit && --commit->refs == 0) {
		free(commit);
		fake_journal.commits--;
	}
	return NULL;
}

int journal_define(struct journal *j, struct sb_bytes payload)
{
	struct journal_commit *c = fake_journal_commit(payload);
	if (j->committed)
		j->committed(c);
	journal_commit_unref(c);
	return 0;
}

struct journal_cursor {
	uint64_t at;
};

int journal_cursor_new(struct journal *j, uint64_t after, struct journal_cursor **out)
{
	*out = calloc(1, sizeof(**out));
	(*out)->at = after;
	j->cursors++;
	return 0;
}

struct journal_cursor *journal_cursor_free(struct journal_cursor *c)
{
	free(c);
	return NULL;
}

int journal_cursor_next(struct journal_cursor *c, uint64_t *seq, struct sb_bytes *payload)
{
	int r = SB_AGAIN;
	pthread_mutex_lock(&fake_journal.lock);
	if (c->at < fake_journal.n) {
		const struct fake_record *rec = &fake_journal.at[c->at++];
		*seq = c->at;
		*payload = (struct sb_bytes){ rec->p, rec->n };
		r = 0;
	}
	pthread_mutex_unlock(&fake_journal.lock);
	return r;
}

uint64_t journal_seq(const struct journal *j)
{
	(void)j;
	pthread_mutex_lock(&fake_journal.lock);
	uint64_t seq = fake_journal.n;
	pthread_mutex_unlock(&fake_journal.lock);
	return seq;
}

void journal_checkpoint(struct journal *j, uint64_t seq)
{
	pthread_mutex_lock(&j->lock);
	j->checkpoint = seq;
	pthread_mutex_unlock(&j->lock);
}

void journal_hold(struct journal *j, bool hold)
{
	j->hold = hold;
}

void journal_stats(const struct journal *j, struct journal_stats *out)
{
	*out = j->stats;
}
