#include "api/methods/wait.h"

void wait_done(void *ud, int r)
{
	struct wait *wait = ud;

	pthread_mutex_lock(&wait->lock);
	wait->open--;
	if (wait->r == 0 && r < 0)
		wait->r = r;
	pthread_cond_signal(&wait->some);
	pthread_mutex_unlock(&wait->lock);
}

void wait_expect(struct wait *wait)
{
	pthread_mutex_lock(&wait->lock);
	wait->open++;
	pthread_mutex_unlock(&wait->lock);
}

int wait_for(struct wait *wait)
{
	pthread_mutex_lock(&wait->lock);
	while (wait->open != 0)
		pthread_cond_wait(&wait->some, &wait->lock);
	int r = wait->r;

	pthread_mutex_unlock(&wait->lock);
	return r;
}
