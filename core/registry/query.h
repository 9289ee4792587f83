/* The words of device.list: each must match. A plain word is contained in id, name, site, model or
 * a tag; state:, site:, model:, tag: compare that member, ignoring case; session:yes|no and
 * fresh:yes|no ask for these facts; NOT turns the next word round. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct device;

#define QUERY_TERMS_MAX 16
#define QUERY_TEXT_MAX  512

struct query_term {
	uint8_t kind;
	bool is_not;
	struct sb_str text; /* in the query's own copy, lower case */
};

struct query {
	uint32_t n;
	struct query_term terms[QUERY_TERMS_MAX];
	char text[QUERY_TEXT_MAX];
};

/* 0; SB_E_RANGE: too long or too many words; SB_E_MALFORMED: NOT without a word, or a state or
 * answer that does not exist. Not to be copied afterwards. */
int query_parse(struct query *q, struct sb_str text);
/* Under registry_lock(). */
bool query_matches(const struct query *q, const struct device *dev, int64_t now_ns);
