/* Points of a file, read a piece at a time: CSV, JSON lines or a CBOR sequence, as dump_form.h
 * writes them and as people do. Points of one device and time that follow each other become one
 * message. A record is taken as a whole or not at all. Query thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "ingest/import.h"

struct device;
struct registry;

enum load_kind { LOAD_CSV, LOAD_JSONL, LOAD_CBOR };
enum load_unknown { LOAD_REFUSE, LOAD_SKIP, LOAD_CREATE }; /* devices that do not exist */

#define LOAD_VALUES   4096 /* of one record */
#define LOAD_PROBLEMS 10   /* that are told; all are counted */
#define LOAD_COLUMNS  1024

struct load_value {
	struct sb_str series, unit;
	uint8_t type, quality; /* SB_T_NULL: there is none */
	union {
		int64_t i;
		uint64_t u;
		double f;
		struct sb_bytes blob;
	} v;
};

struct load_record {
	struct sb_str device;
	bool has_ts, has_rx, has_flags;
	int64_t ts_ns, rx_ns;
	uint16_t flags;
	uint32_t n;
	struct load_value values[LOAD_VALUES];
};

struct load_problem {
	uint64_t record; /* line, or item of CBOR, from 1 in this piece */
	char text[200];
};

struct load_columns; /* load_csv.h */

struct load {
	/* given */
	struct registry *registry;
	struct import *import; /* NULL: only look */
	enum load_kind kind;
	enum load_unknown unknown;
	bool skip_bad;        /* else the first problem ends it */
	int64_t now_ns;       /* time of arrival where the file has none */
	struct sb_str device; /* where the file names none */
	/* answered */
	uint64_t records, points, bad, unknown_points;
	uint64_t lines;
	bool ended;  /* by a problem: what follows was not looked at */
	size_t used; /* bytes of whole records that need not come again */
	struct load_problem problems[LOAD_PROBLEMS];
	uint32_t n_problems;
	/* within */
	struct load_columns *columns;
	struct load_record record;
	struct device *dev; /* of the group */
	int64_t ts_ns, rx_ns;
	uint16_t flags;
	struct import_point *group;
	uint32_t n, cap;
	uint64_t at; /* record that is read now */
	bool lost;   /* nobody can tell where the next record begins */
	char why_text[200];
};

int load_new(struct load **out);
struct load *load_free(struct load *ld);
/* CSV: the line of names, which a file has once. SB_E_MALFORMED: ld->why_text. */
int load_header(struct load *ld, struct sb_str line);
/* Reads whole records of the bytes, which it changes; last: nothing follows. 0: all that is whole
 * was taken, or a problem ended it (problems, used before it); a fault of the platform.
 * import_sync() makes it durable. */
int load_take(struct load *ld, uint8_t *p, size_t n, bool last);

/* ---- for the readers */

/* Notes why a record is wrong; SB_E_MALFORMED. */
int load_fail(struct load *ld, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct load_value *load_add(struct load *ld); /* the next value; NULL: too many */
