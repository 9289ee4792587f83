/* Closures from any thread to one: a vector under a mutex, swapped out as a whole by the owner. A
 * post costs a system call only if the owner has declared itself asleep. Part of the loop. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct task {
	void (*fn)(void *ud);
	void *ud;
};

struct mailbox {
	pthread_mutex_t lock; /* over all members but fd and spare */
	struct task *tasks;
	size_t n, cap, max;
	bool sleeping, closed;
	int fd; /* eventfd, readable once for each wake-up when watched edge-triggered */
	struct task *spare; /* the owner's: the other vector of the swap */
	size_t spare_cap;
};

int mailbox_init(struct mailbox *mb, size_t max);
void mailbox_fini(struct mailbox *mb); /* what is still inside is forgotten */
/* Any thread. SB_AGAIN when max are waiting, -ESHUTDOWN once closed, -ENOMEM. */
int mailbox_post(struct mailbox *mb, void (*fn)(void *ud), void *ud);
/* Any thread, async-signal-safe: wakes the owner without a task. */
void mailbox_wake(struct mailbox *mb);
/* Owner. True: nothing is there and the next post will wake; false: do not sleep. */
bool mailbox_sleep(struct mailbox *mb);
/* Owner. It looks before it sleeps again: posts need not wake it. */
void mailbox_awake(struct mailbox *mb);
/* Owner. Runs what was there at the call; tasks posted meanwhile wait for the next. Returns how
 * many. */
size_t mailbox_run(struct mailbox *mb);
/* Owner. Refuses posts from here on, and runs what was accepted. */
void mailbox_close(struct mailbox *mb);
