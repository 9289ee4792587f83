/* From the head into blocks: when it is large or old, or somebody asks. What could not be written
 * stays readable and is tried again. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct blocks;
struct encoder;
struct generation;
struct head;
struct keeper;
struct series_config;
struct tombs;
struct tierstate;

struct flush {
	const struct series_config *config;
	struct head *head;
	struct blocks *blocks;
	struct keeper *keeper;
	struct tierstate *tiers;
	struct tombs *tombs;              /* what is deleted */
	const _Atomic uint64_t *consumed; /* what the feed has seen; the journal keeps the rest */
	void (*first)(void *ud);          /* on the thread, before anything; may be NULL */
	void *first_ud;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	bool running;
	_Atomic bool stop;
	uint64_t asked, answered; /* attempts */
	int answer;
	/* the thread's */
	struct generation *sealed; /* what is under way, until its checkpoint */
	struct encoder *encoder;
	bool is_told; /* who counts knows of it */
	int64_t retry_at_ns, pause_ns;
	_Atomic uint64_t flushes, failures;
};

int flush_init(struct flush *f, const struct series_config *config, struct head *head,
               struct blocks *blocks);
void flush_fini(struct flush *f);
int flush_start(struct flush *f);
void flush_stop(struct flush *f);
int flush_now(struct flush *f); /* any thread that may block; what the attempt answered */
