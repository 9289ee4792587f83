/* What one configuration has other than the one in force, and what came of it: for the log, and for
 * who asked. Main thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "host/revise.h"

struct conf;
struct inforce;
struct settings;
struct wire;

struct change {
	char *key;       /* "log.level", "modbus hall" for a whole section */
	char *from, *to; /* NULL: there is none */
	char *origin;    /* NULL: the default */
	enum revise_effect effect;
};

struct changes {
	struct change *all;
	size_t n;
	bool bad; /* without memory for some */
};

void changes_fini(struct changes *c);
/* Keys of the platform. tls_lives: a certificate takes the place of one, so that it can be live. */
void changes_settings(struct changes *c, const struct inforce *f, const struct conf *conf,
                      const struct settings *was, const struct settings *is, bool tls_lives);
/* Notes that a file was renewed in its place. */
void changes_renewed(struct changes *c, const char *key, const char *path);
void changes_plugins(struct changes *c, const struct revise *v, const struct conf *conf);
size_t changes_count(const struct changes *c, bool waiting);
void changes_log(const struct changes *c);
/* The names of what waits for the next start, separated by spaces, cut to cap. */
void changes_waiting(const struct changes *c, char *buf, size_t cap);
void changes_give(const struct changes *c, struct wire *w); /* an array */
