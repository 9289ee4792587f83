/* One thread's event loop: epoll, a timer wheel, a mailbox for other threads. Watches and timers live
 * in their owners; nothing is allocated per registration. All calls from the loop's thread, but
 * loop_post() and loop_stop(). A turn is: wait, fds that carry data, then turn hooks in order. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct loop;

struct watch {
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
struct loop *loop_free(struct loop *loop);
/* Runs in the calling thread until loop_stop(); loop_turn() does one turn waiting at most max_ns
 * (-1: for ever). */
int loop_run(struct loop *loop);
int loop_turn(struct loop *loop, int64_t max_ns);
void loop_stop(struct loop *loop); /* any thread */

int loop_watch(struct loop *loop, struct watch *w, uint32_t events); /* add or change; 0 removes */
/* Accuracy 10 ms. period_ns 0: once. A timer that is armed already is armed anew. Arming and ending
 * are O(1). */
void loop_timer(struct loop *loop, struct timer *t, int64_t delay_ns, int64_t period_ns);
void timer_end(struct timer *t);
void loop_hook(struct loop *loop, struct hook *h);
/* Any thread. Runs fn in the loop's thread; in order for one posting thread. SB_AGAIN when 65,536
 * are waiting, -ESHUTDOWN after the loop ended. */
int loop_post(struct loop *loop, loop_task_fn fn, void *ud);
int64_t loop_now(const struct loop *loop);     /* monotonic, of this turn's start */
int64_t loop_now_utc(const struct loop *loop); /* the same moment */
bool loop_is_here(const struct loop *loop);    /* is the caller the loop's thread? */
