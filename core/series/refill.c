#define LOG_MODULE "head"
#include "series/refill.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include <signalbox/error.h>

#include "base/log.h"
#include "journal/journal.h"
#include "series/generation.h"
#include "series/head.h"

/* 1: full; 0: the head is at the journal's end with it. */
static int fill(struct head *head, struct journal_cursor *c, uint64_t max_bytes,
                struct generation *g)
{
	uint64_t seq;
	struct sb_bytes payload;
	while (g->bytes < max_bytes) {
		int r = journal_cursor_next(c, &seq, &payload);
		if (r < 0)
			return log_error(r, "cannot read back what did not fit into memory");
		if (r == 0 && head_fill(head, g, seq, payload) < 0)
			return g->seq_last ? 1 : -ENOMEM;
		if (r == 0)
			continue;
		if (head_adopt_active(head, g))
			return 0;
		return g->rows ? 1 : SB_E_FAIL; /* more is coming; later */
	}
	return 1;
}

int refill_next(struct head *head, struct journal *journal, uint64_t max_bytes,
                struct generation **out)
{
	struct journal_cursor *c = NULL;
	struct generation *g = NULL;
	uint64_t after;
	if (!head_is_full(head, &after))
		return 0;
	int r = generation_new(&g);
	if (r >= 0)
		r = journal_cursor_new(journal, after, &c);
	if (r >= 0)
		r = fill(head, c, max_bytes, g);
	if (r > 0) {
		head_adopt_sealed(head, g);
		*out = generation_ref(g);
	} else if (r == 0) {
		log_info("everything that waited in the journal can be seen again");
	}
	journal_cursor_free(c);
	generation_unref(g);
	return r;
}
