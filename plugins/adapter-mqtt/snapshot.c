#include "snapshot.h"

#include "keep.h"
#include "server.h"

#define TURN_BYTES (1u << 20)

void snapshot_ask(void *ud, uint64_t position)
{
	struct persist *ps = &((struct server *)ud)->persist;

	/* What is written from now on lies near enough. */
	if (position > ps->position)
		position = ps->position;
	if (position > ps->rewrite)
		ps->rewrite = position;
}

void snapshot_all(struct server *srv)
{
	srv->persist.rewrite = srv->persist.position + 1;
}

static void write_some(struct server *srv)
{
	struct persist *ps = &srv->persist;
	uint64_t begin = ps->bytes;

	while (ps->items.next != &ps->items && ps->items.next->position <= ps->rewrite) {
		if (!persist_ready(srv) || ps->bytes - begin >= TURN_BYTES)
			return;
		keep_again(srv, ps->items.next);
		persist_flush(srv);
	}
}

void snapshot_turn(struct server *srv)
{
	struct persist *ps = &srv->persist;

	if (!ps->journal || ps->closed)
		return;
	persist_flush(srv);
	write_some(srv);
	if (!persist_ready(srv))
		return;
	bool any = ps->items.next != &ps->items;
	uint64_t upto = any ? ps->items.next->position - 1 : ps->position;
	if (upto <= ps->checkpoint)
		return;
	/* The host lets it hold once all that is written is on disk. */
	if (ps->journal->checkpoint(srv->host, upto) == 0)
		ps->checkpoint = upto;
}
