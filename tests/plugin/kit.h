/* A plugin directory of its own per test, a host on it, and what it says about itself. */
#pragma once
#include <jansson.h>
#include <stddef.h>

#include "unit/check.h"

struct conf;
struct host;

struct kit {
	char dir[64]; /* of this test, removed at its end */
	char so[96];  /* where its plugin files are */
	char data[96];
	char log[96]; /* what the probe writes */
	struct host *host;
	struct conf *conf;
};

void kit_begin(struct kit *k);
void kit_end(struct kit *k);
/* Copies a module of the build into the plugin directory; bytes 0: whole. */
void kit_add(const struct kit *k, const char *module, size_t bytes, unsigned mode);
void kit_write(const struct kit *k, const char *name, const char *text);
void kit_make(struct kit *k); /* a host on it */
void kit_host(struct kit *k); /* the same, loaded */
/* Configures from "section.key=value" assignments, NULL-ended. */
int kit_configure(struct kit *k, ...);
json_t *kit_describe(const struct kit *k); /* to be freed */
/* The reason why this file was refused; fails the test if it was not. Valid until kit_end(). */
void kit_assert_refused(const struct kit *k, const char *file, const char *why);
/* Does the probe's story contain this word, within a second? */
int kit_told(const struct kit *k, const char *word);
/* A member of instance `name`, as text. */
void kit_assert_instance(const struct kit *k, const char *name, const char *key, const char *value);
