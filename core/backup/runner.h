/* Backups of the running platform, one at a time, on a thread of their own: those somebody asks
 * for, and those it makes and proves by itself. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct docs;
struct journal;
struct runner;
struct series_db;

struct runner_plan {           /* copied */
	const char *directory; /* of the backups it makes by itself; "": none */
	int64_t every_ns;
	int32_t at_s; /* after midnight, local */
	uint32_t keep;
};

struct runner_config {
	struct docs *docs;
	struct journal *journal;
	struct series_db *series;
	const char *data, *version;
	const char *program;     /* signalboxd, which proves them */
	const char *const *sets; /* of its --set, ended by NULL */
	struct runner_plan plan;
};

int runner_new(struct runner **out, const struct runner_config *config);
struct runner *runner_free(struct runner *runner); /* stops */
int runner_start(struct runner *runner);           /* storage works */
void runner_stop(struct runner *runner);           /* ends what is under way */
void runner_change(struct runner *runner, const struct runner_plan *plan); /* any thread */

/* Begins one; `to` absolute, NULL: the next one of the plan, now, which is proved too. *id names
 * it. -EBUSY: one is under way; -EINVAL: there is no plan. Any thread. */
int runner_begin(struct runner *runner, const char *to, uint64_t *id);
/* Ends the one of this number, if it is under way. Any thread. */
void runner_cancel(struct runner *runner, uint64_t id);

enum runner_health {
	RUNNER_OFF, /* no plan */
	RUNNER_OK,
	RUNNER_FAILED, /* the last one of the plan */
	RUNNER_LATE,   /* the newest one of the plan that was proved is too old */
};

struct runner_state {
	/* under way, or the last one */
	uint64_t id; /* 0: none yet */
	bool is_running;
	char to[1024], what[32];
	uint64_t done, all; /* of what */
	int r;              /* of the last one: 0, or why not */
	char why[512];
	uint64_t bytes, bytes_copied, bytes_linked, documents, blocks, records, seq;
	int64_t took_ns;
	/* the plan */
	enum runner_health health;
	char directory[512], newest[32];
	int64_t proved_ns, next_ns; /* UTC; 0: never */
	uint64_t made, failures;
	char fault[512]; /* why the last one of the plan failed, or "" */
};
void runner_state(struct runner *runner, struct runner_state *out); /* any thread */
