#include "base/mailbox.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <signalbox/error.h>

#define FIRST_CAP 64u
#define KEEP_CAP  4096u /* a vector that grew beyond this in a burst is given back */

int mailbox_init(struct mailbox *mb, size_t max)
{
	*mb = (struct mailbox){ .max = max, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (mb->fd < 0)
		return -errno;
	pthread_mutex_init(&mb->lock, NULL);
	return 0;
}

void mailbox_fini(struct mailbox *mb)
{
	if (mb->max == 0)
		return;
	if (mb->fd >= 0) {
		close(mb->fd);
		pthread_mutex_destroy(&mb->lock);
	}
	free(mb->tasks);
	free(mb->spare);
	*mb = (struct mailbox){ .fd = -1 };
}

static int push(struct mailbox *mb, struct task task)
{
	if (mb->closed)
		return -ESHUTDOWN;
	if (mb->n == mb->max)
		return SB_AGAIN;
	if (mb->n == mb->cap) {
		size_t cap = mb->cap ? mb->cap * 2 : FIRST_CAP;
		struct task *tasks = reallocarray(mb->tasks, cap, sizeof(*tasks));
		if (!tasks)
			return -ENOMEM;
		mb->tasks = tasks;
		mb->cap = cap;
	}
	mb->tasks[mb->n++] = task;
	return 0;
}

int mailbox_post(struct mailbox *mb, void (*fn)(void *ud), void *ud)
{
	pthread_mutex_lock(&mb->lock);
	int r = push(mb, (struct task){ fn, ud });
	bool wake = r == 0 && mb->sleeping;
	if (wake)
		mb->sleeping = false;
	pthread_mutex_unlock(&mb->lock);
	if (wake)
		mailbox_wake(mb);
	return r;
}

void mailbox_wake(struct mailbox *mb)
{
	uint64_t one = 1;
	/* It can only fail when the counter is full, and then the owner has been woken. */
	ssize_t written = write(mb->fd, &one, sizeof(one));
	(void)written;
}

bool mailbox_sleep(struct mailbox *mb)
{
	pthread_mutex_lock(&mb->lock);
	mb->sleeping = mb->n == 0;
	bool asleep = mb->sleeping;
	pthread_mutex_unlock(&mb->lock);
	return asleep;
}

void mailbox_awake(struct mailbox *mb)
{
	pthread_mutex_lock(&mb->lock);
	mb->sleeping = false;
	pthread_mutex_unlock(&mb->lock);
}

size_t mailbox_run(struct mailbox *mb)
{
	pthread_mutex_lock(&mb->lock);
	struct task *tasks = mb->tasks;
	size_t n = mb->n;
	size_t cap = mb->cap;
	if (n > 0) {
		mb->tasks = mb->spare;
		mb->cap = mb->spare_cap;
		mb->n = 0;
		mb->spare = NULL;
		mb->spare_cap = 0;
	}
	pthread_mutex_unlock(&mb->lock);
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		tasks[i].fn(tasks[i].ud);
	if (cap > KEEP_CAP) {
		free(tasks);
		return n;
	}
	mb->spare = tasks;
	mb->spare_cap = cap;
	return n;
}

void mailbox_close(struct mailbox *mb)
{
	pthread_mutex_lock(&mb->lock);
	mb->closed = true;
	pthread_mutex_unlock(&mb->lock);
	mailbox_run(mb);
}
