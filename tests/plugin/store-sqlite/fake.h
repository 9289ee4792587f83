/* A host that is just large enough for a store: configuration, log, health, timers by hand. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <signalbox/plugin.h>

struct sb_host {
	char dir[256];
	char why[512], health_why[512];
	int32_t health;
	sb_task_fn timer;
	void *timer_ud;
};

struct instance {
	struct sb_host host;
	const struct sb_descriptor *descriptor;
	void *self;
	const struct sb_store *store;       /* of "store-sqlite" */
	const struct sb_docstore *docstore; /* of "docs-sqlite" */
};

/* A folder of its own below the build's temporary one; removed with all in it by fake_remove_dir.
 */
void fake_make_dir(char dir[static 200]);
void fake_remove_dir(const char *dir);
/* create, configure, start; what start answered. fake_end() after either. */
int32_t fake_start(struct instance *in, uint32_t index, const char *dir);
void fake_end(struct instance *in);
void fake_tick(struct instance *in, uint32_t times);

/* From now on, SQLite's writes beyond so many bytes find the disk full; INT64_MAX: it is not. */
void fake_disk_room(int64_t bytes);

/* The tests run against other stores too: what only one that keeps files can show stands last. */
bool fake_keeps_files(void);
const struct instance *fake_running(void); /* the one that was started last */
#define fake_run(tests, of_files)                                                 \
	_cmocka_run_group_tests("tests", tests,                                   \
	                        sizeof(tests) / sizeof((tests)[0]) -              \
	                                (size_t)(of_files) * !fake_keeps_files(), \
	                        NULL, NULL)

static inline struct sb_str fake_str(const char *s)
{
	return sb_str_of(s, strlen(s));
}
