#include "backup/files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/own.h"

static void fts_closep(FTS **fts)
{
	if (*fts)
		(void)fts_close(*fts);
}

static FTS *fts_of(const char *dir)
{
	char *const paths[] = { (char *)(uintptr_t)dir, NULL };

	return fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
}

/* fn for every entry, a folder twice; -ENOENT when dir is not there. */
static int each(const char *dir, int (*fn)(const FTSENT *e, void *ud), void *ud)
{
	_own_(fts_closep) FTS *fts = fts_of(dir);

	if (!fts)
		return -errno;
	for (;;) {
		errno = 0;
		FTSENT *e = fts_read(fts);
		if (!e)
			return -errno;
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
			return -e->fts_errno;
		int r = fn(e, ud);
		if (r < 0)
			return r;
	}
}

struct walking {
	size_t top;
	files_fn fn;
	void *ud;
};

static int walk_one(const FTSENT *e, void *ud)
{
	const struct walking *w = ud;

	if (e->fts_info != FTS_F)
		return 0;
	return w->fn(w->ud, e->fts_path, e->fts_path + w->top + 1);
}

int files_walk(const char *dir, files_fn fn, void *ud)
{
	struct walking w = { strlen(dir), fn, ud };

	return each(dir, walk_one, &w);
}

static int remove_one(const FTSENT *e, void *ud)
{
	(void)ud;
	if (e->fts_info == FTS_D)
		return 0;
	int r = e->fts_info == FTS_DP ? rmdir(e->fts_accpath) : unlink(e->fts_accpath);

	return r < 0 && errno != ENOENT ? -errno : 0;
}

int files_remove(const char *dir)
{
	int r = each(dir, remove_one, NULL);

	return r == -ENOENT ? 0 : r;
}

int files_make_folders(const char *top, const char *name)
{
	_own_(freep) char *path = NULL;

	if (asprintf(&path, "%s/%s", top, name) < 0)
		return -ENOMEM;
	for (char *p = path + strlen(top) + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	return 0;
}

static int sync_one(const FTSENT *e, void *ud)
{
	(void)ud;
	return e->fts_info == FTS_DP ? file_sync_dir(e->fts_accpath) : 0;
}

int files_sync_folders(const char *dir)
{
	return each(dir, sync_one, NULL);
}

static int chown_one(const FTSENT *e, void *ud)
{
	const uint32_t *ids = ud;

	if (e->fts_info == FTS_DP)
		return 0;
	return lchown(e->fts_accpath, ids[0], ids[1]) < 0 ? -errno : 0;
}

int files_chown(const char *dir, uint32_t uid, uint32_t gid)
{
	uint32_t ids[2] = { uid, gid };

	return each(dir, chown_one, ids);
}

int files_write(int fd, const void *p, uint64_t n)
{
	const char *from = p;

	while (n) {
		ssize_t done = write(fd, from, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		from += done;
		n -= (uint64_t)done;
	}
	return 0;
}
