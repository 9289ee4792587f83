/* Waiting on a query thread for answers that come by callback from another one. */
#pragma once
#include <pthread.h>

struct wait {
	pthread_mutex_t lock;
	pthread_cond_t some;
	int open; /* expected minus done */
	int r;    /* the first fault */
};

#define WAIT_NULL \
	((struct wait){ .lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER })

void wait_done(void *ud, int r);     /* any thread; the callback, ud is the wait */
void wait_expect(struct wait *wait); /* one more answer will come, or has come */
int wait_for(struct wait *wait);     /* until all have come; the first fault, or 0 */
