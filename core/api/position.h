/* Cursors: where an answer ended, so that the next one goes on there, also after a restart. Nothing
 * is kept here: the text holds it all, with a sum over it and over the question it belongs to. Not
 * secret, and no right comes from it. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct position {
	int64_t from_ns, to_ns; /* of the question, resolved */
	uint32_t device_no, series_no;
	bool inside;    /* the series (or device) is begun: */
	int64_t ts_ns;  /* of the last thing given */
	uint32_t skip;  /* so many at this time were given */
	uint64_t given; /* of this series so far */
};

#define POSITION_TEXT 112 /* bytes of a cursor with its 0, at most */

void position_give(char text[static POSITION_TEXT], const struct position *p, uint64_t question);
/* 0; SB_E_MALFORMED: no cursor of ours; SB_E_CONFLICT: it belongs to another question. */
int position_take(struct position *out, struct sb_str text, uint64_t question);
/* A sum over parameters, but cursor and page; the same after a restart. */
uint64_t position_question(const json_t *params);
