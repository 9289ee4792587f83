/* Parts of storage-bench: what devices say, the real way of a point (journal, head, blocks of the
 * store plugin), and the same points as rows of SQLite. What goes wrong ends the program. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "model/row.h"

struct histogram;

#define STORAGE_FIELDS 4

/* ---- what devices say: every device is a sequence of its own, the same in each run */
struct storage_device {
	uint64_t random;
	int64_t ts_ns, nominal_ns;
	double level[STORAGE_FIELDS];
	int64_t count[STORAGE_FIELDS];
};

struct storage_shape {
	const char *name;
	int64_t period_ns;
	uint8_t types[STORAGE_FIELDS];
	void (*next)(const struct storage_shape *shape, struct storage_device *d,
	             struct row_value *values);
};

const struct storage_shape *storage_shape_find(const char *name);
void storage_device_init(const struct storage_shape *shape, struct storage_device *d, uint32_t no,
                         uint32_t of);
/* Its next message: time and values. */
void storage_device_next(const struct storage_shape *shape, struct storage_device *d,
                         struct row *row);

/* ---- what is measured */
struct storage_task {
	const char *dir, *plugins, *file;
	const struct storage_shape *shape;
	uint32_t devices, rows, group, windows, repeat, series;
	uint64_t head_max;
	bool sync;
};

/* One JSON object on stdout each. */
void storage_fill(const struct storage_task *task);
void storage_query(const struct storage_task *task);
void storage_latest(const struct storage_task *task);
void storage_csv(const struct storage_task *task);
void storage_lines(const struct storage_task *task);      /* of InfluxDB */
void storage_rows_fill(const struct storage_task *task);  /* rows of SQLite */
void storage_rows_query(const struct storage_task *task); /* of what that made */

/* Says a word and waits for a line, so that who measures can look at the disk. */
void storage_mark(const char *word);
int64_t storage_now(void);    /* ns, monotonic */
int64_t storage_cpu(void);    /* ns of all threads */
int64_t storage_thread(void); /* ns of this one */
__attribute__((noreturn, format(printf, 1, 2))) void storage_fail(const char *fmt, ...);
