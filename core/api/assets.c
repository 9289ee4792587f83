#include "api/assets.h"

#include <errno.h>
#include <fts.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/map.h"
#include "base/own.h"
#include "base/text.h"

#define LOG_MODULE "api"
#include "base/log.h"

#define FILES_MAX 512
#define FILE_MAX  (8U << 20)
#define DEPTH_MAX 4

struct entry {
	struct asset asset;
	struct buffer plain, gzip;
	struct entry *next;
};

struct assets {
	struct map *by_path;
	struct entry *entries;
	size_t n;
};

static const struct {
	const char *suffix, *type;
} types[] = {
	{ ".html", "text/html; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".css", "text/css; charset=utf-8" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".ico", "image/x-icon" },
	{ ".json", "application/json" },
	{ ".webmanifest", "application/manifest+json" },
	{ ".woff2", "font/woff2" },
	{ ".txt", "text/plain; charset=utf-8" },
};

static bool ends_with(const char *text, const char *suffix)
{
	size_t n = strlen(text);
	size_t m = strlen(suffix);

	return n >= m && strcmp(text + n - m, suffix) == 0;
}

static const char *type_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (ends_with(path, types[i].suffix))
			return types[i].type;
	return NULL;
}

static void tag_of(const struct buffer *b, char etag[static 20])
{
	unsigned char sum[EVP_MAX_MD_SIZE] = { 0 };

	EVP_Digest(b->p, b->n, sum, NULL, EVP_sha256(), NULL);
	etag[0] = '"';
	for (size_t i = 0; i < 8; i++)
		snprintf(etag + 1 + 2 * i, 3, "%02x", sum[i]);
	etag[17] = '"';
	etag[18] = '\0';
}

static int assets_add(struct assets *assets, const char *file, const char *path)
{
	char gzip[4096];
	struct entry *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->next = assets->entries;
	assets->entries = e;
	assets->n++;
	int r = file_read_all(file, FILE_MAX, &e->plain);

	if (r < 0)
		return r;
	snprintf(gzip, sizeof(gzip), "%s.gz", file);
	if (file_read_all(gzip, FILE_MAX, &e->gzip) < 0)
		buffer_fini(&e->gzip);
	e->asset.plain = (struct sb_bytes){ e->plain.p, e->plain.n };
	e->asset.gzip = (struct sb_bytes){ e->gzip.p, e->gzip.n };
	e->asset.type = type_of(path);
	e->asset.immutable = strncmp(path, "/assets/", 8) == 0;
	tag_of(&e->plain, e->asset.etag);
	return map_put(assets->by_path, sb_str_of(path, strlen(path)), e);
}

static int assets_scan(struct assets *assets, const char *dir)
{
	char *const roots[] = { (char *)(uintptr_t)dir, NULL };
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	size_t skip = strlen(dir);
	const FTSENT *e;
	int r = fts ? 0 : -errno;

	while (r == 0 && (e = fts_read(fts)))
		if (e->fts_info == FTS_F && e->fts_level <= DEPTH_MAX && assets->n < FILES_MAX &&
		    type_of(e->fts_path))
			r = assets_add(assets, e->fts_path, e->fts_path + skip);
	if (fts)
		fts_close(fts);
	return r;
}

int assets_new(struct assets **out, const char *dir)
{
	struct assets *assets = calloc(1, sizeof(*assets));
	_own_(freep) char *root = strdup(dir);

	if (!assets || !root) {
		free(assets);
		return -ENOMEM;
	}
	for (size_t n = strlen(root); n > 1 && root[n - 1] == '/'; n--)
		root[n - 1] = '\0';
	int r = map_new(&assets->by_path);

	if (r == 0)
		r = assets_scan(assets, root);
	if (r < 0) {
		assets_free(assets);
		return log_error(r, "cannot read the console in %s", dir);
	}
	if (!assets_find(assets, SB_STR("/")))
		log_warn(0, "%s has no index.html: there is no console", dir);
	*out = assets;
	return 0;
}

struct assets *assets_free(struct assets *assets)
{
	if (!assets)
		return NULL;
	while (assets->entries) {
		struct entry *e = assets->entries;

		assets->entries = e->next;
		buffer_fini(&e->plain);
		buffer_fini(&e->gzip);
		free(e);
	}
	map_free(assets->by_path);
	free(assets);
	return NULL;
}

const struct asset *assets_find(const struct assets *assets, struct sb_str path)
{
	if (!assets)
		return NULL;
	const struct entry *e = map_find(assets->by_path,
	                                 text_is(path, "/") ? SB_STR("/index.html") : path);
	return e ? &e->asset : NULL;
}
