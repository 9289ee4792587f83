#include "journal/hold.h"

#include <errno.h>
#include <stdlib.h>

#include "base/own.h"
#include "journal/state.h"

struct journal_hold {
	struct journal *j;
	struct journal_hold *next; /* this and `after`: under the journal's lock */
	uint64_t after;
};

int journal_hold_new(struct journal *j, uint64_t after, struct journal_hold **out)
{
	struct journal_hold *hold = calloc(1, sizeof(*hold));
	if (!hold)
		return -ENOMEM;
	hold->j = j;
	hold->after = after;
	pthread_mutex_lock(&j->lock);
	hold->next = j->holds;
	j->holds = hold;
	pthread_mutex_unlock(&j->lock);
	*out = hold;
	return 0;
}

void journal_hold_move(struct journal_hold *hold, uint64_t after)
{
	struct journal *j = hold->j;
	pthread_mutex_lock(&j->lock);
	bool rose = after > hold->after;
	hold->after = after;
	pthread_mutex_unlock(&j->lock);
	if (rose)
		shelf_look(&j->shelf);
}

struct journal_hold *journal_hold_free(struct journal_hold *hold)
{
	if (!hold)
		return NULL;
	struct journal *j = hold->j;
	pthread_mutex_lock(&j->lock);
	struct journal_hold **at = &j->holds;
	while (*at != hold)
		at = &(*at)->next;
	*at = hold->next;
	pthread_mutex_unlock(&j->lock);
	free(hold);
	shelf_look(&j->shelf);
	return NULL;
}

uint64_t hold_floor(struct journal *j)
{
	uint64_t least = UINT64_MAX;
	pthread_mutex_lock(&j->lock);
	for (const struct journal_hold *hold = j->holds; hold; hold = hold->next)
		least = MIN(least, hold->after);
	pthread_mutex_unlock(&j->lock);
	return least;
}
