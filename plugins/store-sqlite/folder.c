/* Reading the folders at start: class/month/block. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block.h"
#include "manifest.h"
#include "plug.h"

#define PATH_ROOM 4096

struct walk {
	const struct plug *plug;
	struct block **blocks;
	size_t n, cap;
	uint32_t bad;
};

typedef int32_t (*entry_fn)(struct walk *walk, const char *path, const char *name);

/* fn for each entry whose name matches; what does not is nobody's business here. */
static int32_t each(struct walk *walk, const char *path, const char *pattern, entry_fn fn)
{
	struct dirent **names = NULL;
	int32_t r = 0;
	int n = scandir(path, &names, NULL, alphasort);

	if (n < 0)
		return errno == ENOTDIR ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		char below[PATH_ROOM];
		if (r == 0 && names[i]->d_name[0] != '.' &&
		    fnmatch(pattern, names[i]->d_name, 0) == 0) {
			if (snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name) <
			    (int)sizeof(below))
				r = fn(walk, below, names[i]->d_name);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

static void set_aside(struct walk *walk, const char *path, int32_t r)
{
	int32_t q = block_set_aside(path);

	if (q < 0)
		plug_say(walk->plug, SB_LOG_ERROR, "cannot set %s aside: %s", path, sb_strerror(q));
	plug_say(walk->plug, SB_LOG_ERROR,
	         "block %s is damaged or not ours (%s): set aside as .bad, the rest is served",
	         path, sb_strerror(r));
	walk->bad++;
}

static int32_t keep(struct walk *walk, struct block *block)
{
	if (walk->n == walk->cap) {
		size_t cap = walk->cap ? walk->cap * 2 : 64;
		struct block **blocks = realloc(walk->blocks, cap * sizeof(struct block *));
		if (!blocks)
			return -ENOMEM;
		walk->blocks = blocks;
		walk->cap = cap;
	}
	walk->blocks[walk->n++] = block;
	return 0;
}

static int32_t on_file(struct walk *walk, const char *path, const char *name)
{
	struct block *block = NULL;
	size_t n = strlen(name);
	int32_t r;

	if (n > 4 && strcmp(name + n - 4, ".tmp") == 0) {
		(void)unlink(path);
		return 0;
	}
	if (n <= 4 || strcmp(name + n - 4, ".blk") != 0)
		return 0;
	r = block_load(&block, path);
	if (r == SB_E_ABI)
		return plug_fail(walk->plug, r,
		                 "block %s is of a newer version: use that version, or a backup",
		                 path);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	if (r == 0 && !block_is_named(block)) {
		block_unref(block);
		r = SB_E_CORRUPT;
	}
	if (r < 0) {
		set_aside(walk, path, r);
		return 0;
	}
	r = keep(walk, block);
	if (r < 0)
		block_unref(block);
	return r;
}

static int32_t on_month(struct walk *walk, const char *path, const char *name)
{
	(void)name;
	return each(walk, path, "r[0-9]*-*", on_file);
}

static int32_t on_class(struct walk *walk, const char *path, const char *name)
{
	(void)name;
	return each(walk, path, "[0-9][0-9][0-9][0-9]-[01][0-9]", on_month);
}

/* What a higher one replaced when we ended, before its file was removed. */
static void forget_replaced(struct walk *walk)
{
	size_t n = 0;

	for (size_t i = 0; i < walk->n; i++) {
		const struct block *by = NULL;
		for (size_t k = 0; k < walk->n && !by; k++)
			by = walk->blocks[k]->facts.level &&
			                     block_replaces(walk->blocks[k], walk->blocks[i])
			             ? walk->blocks[k]
			             : NULL;
		if (by)
			atomic_store(&walk->blocks[i]->dropped, true);
	}
	for (size_t i = 0; i < walk->n; i++) {
		if (walk->blocks[i]->dropped)
			block_unref(walk->blocks[i]);
		else
			walk->blocks[n++] = walk->blocks[i];
	}
	walk->n = n;
}

int32_t manifest_load(struct manifest *m, const struct plug *plug, uint32_t *bad)
{
	struct walk walk = { .plug = plug };
	int32_t r = each(&walk, plug->dir, "*", on_class);

	*bad = walk.bad;
	if (r == 0)
		forget_replaced(&walk);
	if (r == 0)
		r = manifest_add(m, walk.blocks, walk.n);
	for (size_t i = 0; r < 0 && i < walk.n; i++)
		block_unref(walk.blocks[i]);
	free(walk.blocks);
	return r;
}
