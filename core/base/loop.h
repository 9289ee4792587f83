/* One thread's event loop: epoll, a timer wheel, a mailbox for other threads. Watches, timers and
 * hooks live in their owners; nothing is allocated per registration. All calls from the loop's
 * thread, but loop_post() and loop_stop(); before the loop first runs, from the thread that sets it
 * up.
 *
 * A turn is: wait; descriptors that are ready, 256 at most; tasks posted until now; timers that are
 * due; hooks in the order of their registration; last hooks, likewise. What a step posts, arms or
 * makes dirty in an earlier step's domain is served in the next turn. A hook may produce output;
 * what sends it (the streams) is a last hook. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct loop;

struct watch { /* zero-initialise, set fd and fn; safe to end and free while its event is pending */
	int fd;
	uint32_t events; /* EPOLLIN|EPOLLOUT|... now asked for */
	void (*fn)(struct watch *w, uint32_t events);
};

struct timer { /* all members are the wheel's; zero-initialise, set fn */
	void (*fn)(struct timer *t);
	int64_t due_ns, period_ns;
	struct timer *next, **prev;
};

struct hook { /* runs at the end of every turn */
	void (*fn)(struct hook *h);
	struct hook *next;
};

typedef void (*loop_task_fn)(void *ud);

int loop_new(struct loop **out, const char *name);
/* Tasks that never ran are forgotten; watches, timers and hooks must have been ended. */
struct loop *loop_free(struct loop *loop);
/* Runs in the calling thread until loop_stop(); then posts are refused, and those that were
 * accepted have run. loop_turn() does one turn waiting at most max_ns (-1: for ever). */
int loop_run(struct loop *loop);
int loop_turn(struct loop *loop, int64_t max_ns);
void loop_stop(struct loop *loop); /* any thread */

/* Add or change; 0 removes. With EPOLLONESHOT it is quiet after one event until asked for anew. */
int loop_watch(struct loop *loop, struct watch *w, uint32_t events);
/* Accuracy 10 ms, never early. period_ns 0: once; periods that were missed are skipped. A timer
 * that is armed already is armed anew. Arming and ending are O(1); a timer may end and free itself
 * in fn. */
void loop_timer(struct loop *loop, struct timer *t, int64_t delay_ns, int64_t period_ns);
void timer_end(struct timer *t); /* harmless if it is not armed */
void loop_hook(struct loop *loop, struct hook *h);
void loop_hook_last(struct loop *loop, struct hook *h);
void loop_unhook(struct loop *loop, struct hook *h); /* not from inside a hook */
/* The coming turn does not wait: something is left to do that no descriptor will tell. */
void loop_again(struct loop *loop);
/* Any thread. Runs fn in the loop's thread; in order for one posting thread. SB_AGAIN when 65,536
 * are waiting, -ESHUTDOWN after the loop ended. */
int loop_post(struct loop *loop, loop_task_fn fn, void *ud);
int64_t loop_now(const struct loop *loop);     /* monotonic, of this turn's start */
int64_t loop_now_utc(const struct loop *loop); /* the same moment */
bool loop_is_here(const struct loop *loop);    /* is the caller the loop's thread? */
