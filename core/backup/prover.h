/* Proves a backup: a process of its own restores it into a scratch folder, opens it as the platform
 * would and reads everything. So what is wrong with it cannot harm who asks. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct prover {
	const char *program;                      /* signalboxd */
	const char *const *sets;                  /* of --set, ended by NULL */
	bool (*go_on)(void *ud);                  /* asked now and then; false: end it */
	void (*line)(void *ud, const char *text); /* of its answer; may be NULL */
	void *ud;
	char why[512]; /* out: the first thing that is wrong */
};

/* 0: it is good; SB_E_CORRUPT: it is not; -ECANCELED; a fault of the attempt. */
int prover_run(struct prover *p, const char *backup);
