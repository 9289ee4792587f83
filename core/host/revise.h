/* From one configuration to the next while instances run. revise_new() looks at everything that can
 * be known beforehand and changes nothing; revise_apply() then changes all of it or, where an
 * instance does not come up, returns to what was. Main thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct conf;
struct host;
struct revise;

enum revise_effect {
	REVISE_LIVE,     /* the running instance took it */
	REVISE_INSTANCE, /* takes effect by a restart of this instance alone */
	REVISE_ADDED,    /* a section that was not there: a new instance */
	REVISE_REMOVED,  /* a section that is gone: its instance ends */
	REVISE_PROCESS   /* takes effect at the next start of the process: nothing was changed */
};

/* Checks the plugins' sections of conf by their schemas, and by the plugins themselves in instances
 * that are never started. Every mistake is logged; then the first fault. */
int revise_new(struct revise **out, struct host *host, const struct conf *conf);
struct revise *revise_free(struct revise *v);
void revise_freep(struct revise **v);
/* 0, or the fault of the instance that did not come up, logged, with the others as they were.
 * alive (NULL: nobody) is called between steps, which can take seconds each. */
int revise_apply(struct revise *v, void (*alive)(void));

struct revise_change {
	const char *section, *key; /* key "": the whole section */
	const char *from, *to;     /* JSON, secrets masked; NULL: there is none */
	enum revise_effect effect; /* before revise_apply(): INSTANCE where it might be LIVE */
};
/* Each option that changed; texts live during the call. */
typedef void (*revise_fn)(void *ud, const struct revise_change *change);
void revise_each(const struct revise *v, revise_fn fn, void *ud);
