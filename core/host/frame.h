/* Who is inside of which plugin call: one slot per thread that ever made one, written by the thread
 * itself, read by the watchdog and the crash handler. Slots belong to threads, not to a host. */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct frame;
struct instance;

#define FRAME_SLOTS 256

struct frame_slot {
	_Atomic(struct instance *) instance; /* innermost, NULL outside */
	_Atomic(const char *) function;      /* innermost, NULL outside */
	_Atomic(const char *) subject;       /* without an instance: the plugin file being loaded */
	_Atomic uint64_t turn;               /* counts outermost calls and heartbeats */
	_Atomic(struct instance *) home;     /* a plugin's own thread: whose; NULL otherwise */
	char thread[16];
	_Atomic bool taken;
	struct frame *top; /* its own thread only */
};

/* All slots, FRAME_SLOTS of them; those not taken are quiet. */
struct frame_slot *frame_slots(void);
/* The calling thread's slot, or NULL; safe in a signal handler. */
struct frame_slot *frame_here(void);
/* What the calls without an instance are about, a path; NULL ends it. */
void frame_subject(const char *path);
/* The calling thread belongs to a plugin and calls itself so; NULL ends it. */
void frame_adopt(struct instance *in, const char *name);
/* The current call is alive: its time begins anew. */
void frame_beat(void);
