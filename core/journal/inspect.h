/* Reads a journal's directory for people, with the code that replays it, and changes nothing: also
 * while somebody writes to it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#define INSPECT_KINDS 16 /* by the first byte of a record; what is higher counts as 0 */

enum inspect_state {
	INSPECT_WHOLE,    /* every record up to where the next segment begins */
	INSPECT_TAIL,     /* the newest: it ends where writing goes on */
	INSPECT_DAMAGED,  /* it ends before the next one begins */
	INSPECT_SPARE,    /* waits for use */
	INSPECT_NEWER,    /* written by a newer version */
	INSPECT_RECYCLED, /* taken into use again while it was read */
};

struct inspect_segment {
	char name[32];
	uint32_t generation;
	enum inspect_state state;
	uint64_t size;                /* bytes of the file */
	uint64_t first_seq, last_seq; /* last_seq < first_seq: no records */
	uint64_t next_seq;            /* of the segment behind it; 0: there is none */
	uint64_t end_at;              /* byte behind the last good record */
	uint64_t records, bytes;      /* bytes: of payloads */
	uint64_t kinds[INSPECT_KINDS], kind_bytes[INSPECT_KINDS];
};

struct inspect {
	const char *dir;
	/* Each segment, in order, when it was read. */
	void (*segment)(void *ud, const struct inspect_segment *s);
	/* Before that, each of its records; may be NULL. Negative ends it. */
	int (*record)(void *ud, uint64_t seq, uint64_t at, struct sb_bytes payload);
	void *ud;
	/* out */
	uint64_t segments, spares, records, bytes;
	uint64_t first_seq, last_seq,
		lost; /* lost: records that are damaged or missing in between */
	bool is_damaged;
};

int inspect_run(struct inspect *in);
const char *inspect_kind(uint8_t kind); /* "points" */
