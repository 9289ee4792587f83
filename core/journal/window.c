#include "journal/window.h"

#include "base/own.h"
#include "journal/commit.h"
#include "journal/cursor.h"
#include "journal/state.h"

#define WINDOW_BYTES ((size_t)4 * 1024 * 1024)

static void drop_oldest(struct journal *j)
{
	struct journal_commit *oldest = j->window;
	j->window = oldest->next;
	if (!j->window)
		j->window_end = &j->window;
	oldest->next = NULL;
	j->window_bytes -= oldest->cap;
	journal_commit_unref(oldest);
}

void window_push(struct journal *j, struct journal_commit *commit)
{
	pthread_mutex_lock(&j->lock);
	if (j->cursors) {
		*j->window_end = journal_commit_ref(commit);
		j->window_end = &commit->next;
		j->window_bytes += commit->cap;
		while (j->window_bytes > WINDOW_BYTES && j->window != commit)
			drop_oldest(j);
	}
	pthread_mutex_unlock(&j->lock);
}

struct journal_commit *window_find(struct journal *j, uint64_t seq)
{
	struct journal_commit *found = NULL;
	pthread_mutex_lock(&j->lock);
	for (struct journal_commit *c = j->window; c && !found; c = c->next)
		if (c->seq_first <= seq && seq <= journal_commit_seq_last(c))
			found = journal_commit_ref(c);
	pthread_mutex_unlock(&j->lock);
	return found;
}

void window_drop(struct journal *j)
{
	pthread_mutex_lock(&j->lock);
	while (j->window)
		drop_oldest(j);
	pthread_mutex_unlock(&j->lock);
}

uint64_t window_floor(struct journal *j)
{
	uint64_t least = UINT64_MAX;
	pthread_mutex_lock(&j->lock);
	for (const struct journal_cursor *c = j->cursors; c; c = c->next)
		least = MIN(least, atomic_load(&c->seq));
	pthread_mutex_unlock(&j->lock);
	return least;
}
