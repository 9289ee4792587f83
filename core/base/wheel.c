#include "base/wheel.h"

#include <stddef.h>

#include "base/loop.h"

/* A timer lies in the level whose slots are just fine enough for its distance, and moves to a finer
 * one when the wheel reaches the start of its slot. Beyond the last level (124 days) it goes round
 * again. */

#define SPAN(level) (1LL << (6 * ((level) + 1))) /* ticks that level reaches */

void wheel_init(struct wheel *w, int64_t now_ns)
{
	*w = (struct wheel){ .tick = now_ns / WHEEL_TICK_NS };
}

void timer_end(struct timer *t)
{
	if (!t->prev)
		return;
	*t->prev = t->next;
	if (t->next)
		t->next->prev = t->prev;
	t->next = NULL;
	t->prev = NULL;
}

static void push(struct timer **head, struct timer *t)
{
	t->next = *head;
	t->prev = head;
	if (*head)
		(*head)->prev = &t->next;
	*head = t;
}

static struct timer *pop(struct timer **head)
{
	struct timer *t = *head;
	if (t)
		timer_end(t);
	return t;
}

/* Slots are filled at their front; turned round they are in the order of arming. */
static void turn_round(struct timer **from, struct timer **to)
{
	for (struct timer *t = pop(from); t; t = pop(from))
		push(to, t);
}

/* Into the slot for t->due_ns, seen from tick `from`; due in the past means `from` itself. */
static void place(struct wheel *w, struct timer *t, int64_t from)
{
	int64_t tick = t->due_ns / WHEEL_TICK_NS + (t->due_ns % WHEEL_TICK_NS != 0);
	if (tick < from)
		tick = from;
	if (tick - from >= SPAN(WHEEL_LEVELS - 1))
		tick = from + SPAN(WHEEL_LEVELS - 1) - 1;
	unsigned level = 0;
	while (tick - from >= SPAN(level))
		level++;
	unsigned slot = (unsigned)(tick >> (6 * level)) & 63;
	push(&w->slots[level][slot], t);
	w->used[level] |= 1ULL << slot;
}

void wheel_arm(struct wheel *w, struct timer *t)
{
	timer_end(t);
	place(w, t, w->tick + 1);
}

/* The next tick at which this level has something to fire or to hand down; INT64_MAX if none. */
static int64_t level_next(struct wheel *w, unsigned level)
{
	int64_t at = w->tick >> (6 * level);
	unsigned first = (unsigned)(at + 1) & 63;
	while (w->used[level]) {
		uint64_t turned = w->used[level] >> first;
		if (first)
			turned |= w->used[level] << (64 - first);
		unsigned distance = (unsigned)__builtin_ctzll(turned);
		unsigned slot = (first + distance) & 63;
		if (w->slots[level][slot])
			return (at + 1 + distance) << (6 * level);
		w->used[level] &= ~(1ULL << slot);
	}
	return INT64_MAX;
}

static int64_t next_tick(struct wheel *w)
{
	int64_t least = INT64_MAX;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		int64_t tick = level_next(w, level);
		if (tick < least)
			least = tick;
	}
	return least;
}

int64_t wheel_next_ns(struct wheel *w)
{
	int64_t tick = next_tick(w);
	return tick == INT64_MAX ? INT64_MAX : tick * WHEEL_TICK_NS;
}

static void hand_down(struct wheel *w, int64_t tick)
{
	for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
		if (tick & (SPAN(level - 1) - 1))
			continue;
		struct timer *list = NULL;
		turn_round(&w->slots[level][(tick >> (6 * level)) & 63], &list);
		for (struct timer *t = pop(&list); t; t = pop(&list))
			place(w, t, tick);
	}
}

static void fire(struct wheel *w, struct timer *t, int64_t now_ns)
{
	if (t->period_ns > 0) {
		t->due_ns += t->period_ns;
		if (t->due_ns <= now_ns) /* periods that were missed are skipped, not made up for */
			t->due_ns = now_ns + t->period_ns;
		place(w, t, w->tick + 1);
	}
	t->fn(t);
}

void wheel_advance(struct wheel *w, int64_t now_ns)
{
	int64_t now_tick = now_ns / WHEEL_TICK_NS;
	for (int64_t tick = next_tick(w); tick <= now_tick; tick = next_tick(w)) {
		hand_down(w, tick);
		w->tick = tick;
		turn_round(&w->slots[0][tick & 63], &w->firing);
		for (struct timer *t = pop(&w->firing); t; t = pop(&w->firing))
			fire(w, t, now_ns);
	}
	if (w->tick < now_tick)
		w->tick = now_tick;
}
