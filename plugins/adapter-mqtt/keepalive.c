#include "keepalive.h"

#include <stddef.h>

static void list_init(struct wheel_link *head)
{
	head->next = head->prev = head;
}

static void list_add(struct wheel_link *head, struct wheel_link *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

void wheel_init(struct wheel *w, uint32_t now,
                uint32_t (*due)(struct wheel_link *link, uint32_t now))
{
	for (uint32_t i = 0; i < KEEPALIVE_SLOTS; i++)
		list_init(&w->slots[i]);
	w->now = now;
	w->due = due;
}

void wheel_take(struct wheel_link *link)
{
	if (!link->next)
		return;
	link->prev->next = link->next;
	link->next->prev = link->prev;
	link->next = link->prev = NULL;
}

void wheel_put(struct wheel *w, struct wheel_link *link, uint32_t tick)
{
	uint32_t last = w->now + KEEPALIVE_SLOTS - 1;

	if (tick <= w->now)
		tick = w->now + 1;
	if (tick > last)
		tick = last;
	wheel_take(link);
	list_add(&w->slots[tick % KEEPALIVE_SLOTS], link);
}

static void run_slot(struct wheel *w)
{
	struct wheel_link *slot = &w->slots[w->now % KEEPALIVE_SLOTS];
	struct wheel_link todo;

	if (slot->next == slot)
		return;
	todo = *slot;
	todo.next->prev = &todo;
	todo.prev->next = &todo;
	list_init(slot);
	while (todo.next != &todo) {
		struct wheel_link *link = todo.next;
		wheel_take(link);
		uint32_t again = w->due(link, w->now);
		if (again)
			wheel_put(w, link, again);
	}
}

void wheel_run(struct wheel *w, uint32_t now)
{
	while (w->now != now) {
		w->now++;
		run_slot(w);
	}
}
