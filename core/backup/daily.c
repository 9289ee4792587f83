#define LOG_MODULE "backup"
#include "backup/daily.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/error.h>

#include "backup/files.h"
#include "backup/manifest.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"

#define NAME_CHARS 16
#define MARK       "proved" /* a file in it */

void daily_name(char buf[static DAILY_NAME_MAX], int64_t utc_ns)
{
	time_t seconds = (time_t)(utc_ns / NS_PER_S);
	struct tm tm = { 0 };

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(buf, DAILY_NAME_MAX, "%Y%m%dT%H%M%SZ", &tm);
}

/* A name of ours and what stands behind it, or NULL. */
static const char *name_take(const char *name)
{
	static const char form[] = "ddddddddTddddddZ";

	for (int i = 0; i < NAME_CHARS; i++)
		if (form[i] == 'd' ? name[i] < '0' || name[i] > '9' : name[i] != form[i])
			return NULL;
	return name + NAME_CHARS;
}

static int is_ours(const struct dirent *e)
{
	const char *rest = name_take(e->d_name);

	return rest && !*rest;
}

static int is_left_over(const struct dirent *e)
{
	const char *rest = name_take(e->d_name);

	return rest && (strcmp(rest, ".partial") == 0 || strcmp(rest, ".scratch") == 0);
}

static void free_names(struct dirent **names, int n)
{
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

static bool is_marked(const char *backup)
{
	_own_(freep) char *path = NULL;

	return asprintf(&path, "%s/" MARK, backup) >= 0 && access(path, F_OK) == 0;
}

int daily_mark(const char *backup)
{
	_own_(freep) char *path = NULL;

	return asprintf(&path, "%s/" MARK, backup) < 0 ? -ENOMEM
	                                               : file_write_atomic(path, "", 0, 0600);
}

static bool is_proved(const char *dir, const char *name, int64_t *made_ns)
{
	_own_(freep) char *path = NULL;
	struct manifest m = { 0 };
	char why[256];

	if (asprintf(&path, "%s/%s", dir, name) < 0)
		return false;
	bool good = is_marked(path) && manifest_load(&m, path, why, sizeof(why)) == 0;

	*made_ns = m.made_ns;
	manifest_fini(&m);
	return good;
}

int daily_newest(const char *dir, char name[static DAILY_NAME_MAX], int64_t *made_ns)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_ours, alphasort);
	int r = n < 0 ? -errno : SB_E_NOT_FOUND;

	for (int i = n - 1; r == SB_E_NOT_FOUND && i >= 0; i--) {
		if (!is_proved(dir, names[i]->d_name, made_ns))
			continue;
		(void)snprintf(name, DAILY_NAME_MAX, "%.16s", names[i]->d_name);
		r = 0;
	}
	free_names(names, n);
	return r;
}

static int remove_one(const char *dir, const char *name)
{
	_own_(freep) char *path = NULL;
	_own_(freep) char *manifest = NULL;

	if (asprintf(&path, "%s/%s", dir, name) < 0 ||
	    asprintf(&manifest, "%s/" MANIFEST_NAME, path) < 0)
		return -ENOMEM;
	(void)unlink(manifest); /* first, so that half of one is none */
	int r = files_remove(path);

	if (r < 0)
		(void)log_warn(r, "cannot remove the old backup %s", path);
	else
		log_debug("removed the old backup %s", path);
	return r;
}

int daily_clean(const char *dir)
{
	struct dirent **names = NULL;
	int removed = 0;
	int n = scandir(dir, &names, is_left_over, alphasort);

	for (int i = 0; i < n; i++)
		removed += remove_one(dir, names[i]->d_name) == 0;
	free_names(names, n);
	names = NULL;
	n = scandir(dir, &names, is_ours, alphasort);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		_own_(freep) char *path = NULL;
		if (asprintf(&path, "%s/%s", dir, names[i]->d_name) >= 0 && !is_marked(path))
			removed += remove_one(dir, names[i]->d_name) == 0;
	}
	free_names(names, n);
	return removed;
}

int daily_prune(const char *dir, uint32_t keep, const char *spare)
{
	struct dirent **names = NULL;
	int removed = 0;
	int n = scandir(dir, &names, is_ours, alphasort);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n - (int)keep; i++)
		if (strcmp(names[i]->d_name, spare) != 0)
			removed += remove_one(dir, names[i]->d_name) == 0;
	free_names(names, n);
	return removed;
}
