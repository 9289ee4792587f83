/* The files of the console, read once and kept: only what was found at start can be asked for, so a
 * path in a request is a key and never a path of the file system. */
#pragma once
#include <stdbool.h>

#include <signalbox/types.h>

struct assets;

struct asset {
	struct sb_bytes plain, gzip; /* gzip empty: there is none */
	const char *type;            /* MIME */
	char etag[20];               /* with its quotes */
	bool immutable;              /* its name changes with its contents */
};

int assets_new(struct assets **out, const char *dir);
struct assets *assets_free(struct assets *assets);
/* By "/assets/main-1a2b.js"; "/" and paths without a dot in their last part give the page itself.
 * NULL: there is none. assets may be NULL. */
const struct asset *assets_find(const struct assets *assets, struct sb_str path);
