#include "host/frame.h"

#include <pthread.h>
#include <stdio.h>

#include "base/clock.h"
#include "host/crash.h"
#include "host/state.h"

#define SAMPLE_EVERY 64 /* a power of two: reading the clock costs ten times the frame */

static struct frame_slot slots[FRAME_SLOTS];
static pthread_key_t at_exit;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static __thread struct frame_slot *here;
static __thread struct frame_slot spare; /* of the 257th thread: attributed, not watched */

static void slot_give(void *slot)
{
	struct frame_slot *s = slot;
	here = NULL;
	crash_stack_end();
	atomic_store_explicit(&s->home, NULL, memory_order_relaxed);
	atomic_store(&s->taken, false);
}

static void make_key(void)
{
	pthread_key_create(&at_exit, slot_give);
}

static __attribute__((noinline)) struct frame_slot *slot_take(void)
{
	pthread_once(&once, make_key);
	struct frame_slot *s = &spare;
	for (size_t i = 0; i < FRAME_SLOTS; i++) {
		bool expected = false;
		if (!atomic_compare_exchange_strong(&slots[i].taken, &expected, true))
			continue;
		s = &slots[i];
		pthread_setspecific(at_exit, s);
		break;
	}
	s->top = NULL;
	pthread_getname_np(pthread_self(), s->thread, sizeof(s->thread));
	here = s;
	crash_stack_begin();
	return s;
}

struct frame_slot *frame_slots(void)
{
	return slots;
}

struct frame_slot *frame_here(void)
{
	return here;
}

/* Not a locked addition: the counters are for people, and this is on every call's way. */
static inline uint64_t add(_Atomic uint64_t *cell, uint64_t n)
{
	uint64_t sum = atomic_load_explicit(cell, memory_order_relaxed) + n;
	atomic_store_explicit(cell, sum, memory_order_relaxed);
	return sum;
}

static inline void show(struct frame_slot *s, struct instance *in, const char *function)
{
	/* Release: the watchdog reads the instance behind the pointer. */
	atomic_store_explicit(&s->instance, in, memory_order_release);
	atomic_store_explicit(&s->function, function, memory_order_relaxed);
}

static __attribute__((noinline)) void enter_first(struct frame *f, struct instance *in,
                                                  const char *function)
{
	slot_take();
	frame_enter(f, in, function);
}

void frame_enter(struct frame *f, struct instance *in, const char *function)
{
	struct frame_slot *s = here;
	if (__builtin_expect(!s, 0)) {
		enter_first(f, in, function);
		return;
	}
	struct frame *outer = s->top;
	*f = (struct frame){ .instance = in, .function = function, .outer = outer };
	s->top = f;
	show(s, in, function);
	if (outer)
		return;
	uint64_t turn = add(&s->turn, 1);
	if (!in)
		return;
	add(&in->calls, 1);
	if (__builtin_expect((turn & (SAMPLE_EVERY - 1)) == 0, 0))
		f->since_ns = clock_mono();
}

static __attribute__((noinline)) void account(const struct frame *f)
{
	int64_t took = clock_mono() - f->since_ns;
	if (took < 0)
		return;
	add(&f->instance->sampled, 1);
	add(&f->instance->sampled_ns, (uint64_t)took);
	if ((uint64_t)took > atomic_load_explicit(&f->instance->longest_ns, memory_order_relaxed))
		atomic_store_explicit(&f->instance->longest_ns, (uint64_t)took,
		                      memory_order_relaxed);
}

void frame_leave(struct frame *f)
{
	struct frame_slot *s = here;
	const struct frame *outer = f->outer;
	s->top = f->outer;
	show(s, outer ? outer->instance : NULL, outer ? outer->function : NULL);
	if (__builtin_expect(f->since_ns != 0, 0))
		account(f);
}

void frame_subject(const char *path)
{
	struct frame_slot *s = here ? here : slot_take();
	atomic_store_explicit(&s->subject, path, memory_order_relaxed);
}

void frame_adopt(struct instance *in, const char *name)
{
	struct frame_slot *s = here ? here : slot_take();
	atomic_store_explicit(&s->home, in, memory_order_relaxed);
	if (name)
		snprintf(s->thread, sizeof(s->thread), "%s", name);
}

void frame_beat(void)
{
	if (here)
		add(&here->turn, 1);
}
