/* What is in force: each key of the platform as it was written, and where; the plugins' sections as
 * their instances hold them. A key that waits for the next start keeps its old line here. Main
 * thread. */
#pragma once
#include <stdbool.h>

struct conf;
struct conf_entry;
struct host;
struct inforce;
struct option_spec;
struct wire;

int inforce_new(struct inforce **out, const struct conf *conf);
struct inforce *inforce_free(struct inforce *f);
/* As it would be written in the file. */
const char *inforce_text(const struct inforce *f, const struct option_spec *spec);
/* Takes the line of conf for this key; waits: only notes that another one is there. */
int inforce_take(struct inforce *f, const struct conf *conf, const struct option_spec *spec,
                 bool waits);
/* The line that gives this key, or NULL: the default holds. */
const struct conf_entry *inforce_entry(const struct conf *conf, const char *section,
                                       const char *key);
/* The result of system.config. conf: the newest configuration that was accepted. */
void inforce_give(const struct inforce *f, const struct conf *conf, const struct host *host,
                  struct wire *w);
