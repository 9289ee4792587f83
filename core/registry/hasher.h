/* The threads that do what is slow about a log-in, at low priority, with a bounded queue of which
 * no address gets more than its share. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct hasher;
struct instance;

/* Lives in what the caller has to check; its owner until drop() is called. */
struct hasher_job {
	struct hasher_job *next;
	struct hasher *hasher;
	struct instance *instance;
	void (*work)(struct hasher_job *job);   /* on a thread of the hasher */
	void (*answer)(struct hasher_job *job); /* [inst]; frees */
	void (*drop)(struct hasher_job *job);   /* there will be no answer; frees. Any thread */
	uint8_t peer;                           /* share of the queue it is charged to */
};

int hasher_new(struct hasher **out);
struct hasher *hasher_free(struct hasher *hasher);
/* 0: answer() or drop() follows. SB_E_OVERLOAD, -ESHUTDOWN: dropped already. */
int hasher_push(struct hasher *hasher, struct hasher_job *job);
/* The instance stops: nothing of it is being worked on when this returns. [inst] */
void hasher_forget(struct hasher *hasher, const struct instance *in);
