/* What every load has: the address, one epoll, the clock, and a measurement with a warm-up. */
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct client;

struct loop {
	struct sockaddr_in to;
	int epoll;
	int64_t begin, end; /* of the measurement; 0: not yet */
	double seconds, warm_up;
};

int64_t loop_now(void);
void loop_init(struct loop *loop, uint16_t port);
void loop_add(struct loop *loop, struct client *c);
void loop_watch(struct loop *loop, struct client *c, bool writable);
/* Waits until `until` at most and serves what there is. */
void loop_turn(struct loop *loop, int64_t until);

/* Connects n clients, 500 at a time; returns when all are up. */
void loop_connect(struct loop *loop, struct client *clients, uint32_t n, bool clean);

/* The measurement begins after the warm-up ("measuring" on stdout) and ends after `seconds`
 * ("measured"): between the two the caller measures the processor time of the server. */
void loop_start(struct loop *loop);
bool loop_measuring(const struct loop *loop);
/* Call it every turn; false once the measurement is over. */
bool loop_going(struct loop *loop, int64_t now);
void loop_say(const char *word);
