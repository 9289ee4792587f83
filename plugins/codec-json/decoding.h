/* One payload on its way to points. The forms (telemetry.c, senml.c) read it and hand over metrics;
 * this checks names and puts points into the batch. Lives on the caller's stack: decode() is
 * re-entrant. Functions return 0, or what decode() shall return, with `why` filled in. */
#pragma once
#include <signalbox/kinds.h>
#include <signalbox/kit/json.h>

enum {
	DECODING_DEPTH = 8,      /* levels of a payload */
	DECODING_NESTING = 4,    /* levels of names: a.b.c.d */
	DECODING_METRICS = 1024, /* of one row */
	DECODING_NAME = 512,     /* bytes the decoder bothers with; the host allows fewer */
	DECODING_TEXT = 65536,   /* bytes of one text or blob */
	DECODING_UNIT = 64,
	DECODING_LABEL = 16, /* bytes of a key that means something to us */
};

struct decoding {
	struct sb_json json;
	struct sb_decode *in;
	const struct sb_telemetry *telemetry;
	struct sb_host *host;
	int64_t now_ns; /* UTC, for relative times; see decoding_now() */
	int64_t (*clock)(int32_t clock);
	uint32_t names;                  /* in seen */
	uint64_t seen[DECODING_METRICS]; /* hashes of the names of this row */
	uint64_t filter; /* a bit per hash: most names are seen to be new without a search */
	char path[DECODING_NAME]; /* a name that does not stand so in the payload */
};

/* A value with all that makes it a metric. */
struct metric {
	struct sb_str name, unit;
	int64_t ts_ns;
	uint8_t type, quality;
	union sb_value v; /* not of STR and BYTES */
};

/* The reader's fault as an answer; 0 if it has none. */
int32_t decoding_check(struct decoding *d);
/* r, with why = "metric NAME: TEXT at byte N"; an empty name is left out. */
int32_t decoding_fail(struct decoding *d, int32_t r, struct sb_str name, const char *text);
/* Begins a row: names may be given once each until the next. */
void decoding_row(struct decoding *d);
/* Notes a name of the row; SB_E_MALFORMED if it was given before, SB_E_RANGE beyond the limit. */
int32_t decoding_once(struct decoding *d, struct sb_str name);
/* The name of a key; borrowed from the payload or from d->path. With a prefix, "prefix.key": so
 * many bytes of d->path hold it already. */
int32_t decoding_name(struct decoding *d, const size_t *prefix, const struct sb_json_text *key,
                      struct sb_str *out);
/* As sb_json_key(), with the label as it is meant; empty if it is too long for a label of ours. */
bool decoding_label(struct sb_json *j, char buf[DECODING_LABEL], struct sb_str *label);
static inline bool decoding_is(struct sb_str s, const char *literal)
{
	return s.n == strlen(literal) && memcmp(s.p, literal, s.n) == 0;
}

/* A key or short text as it is meant, in buf if it has escapes. False: longer than cap. */
bool decoding_text(const struct sb_json_text *text, char *buf, size_t cap, struct sb_str *out);
/* Puts a number or truth into the batch; SB_T_NULL is left out. -ENOBUFS. */
int32_t decoding_put(struct decoding *d, const struct metric *m);
/* Puts a text into the batch. */
int32_t decoding_put_text(struct decoding *d, const struct metric *m,
                          const struct sb_json_text *text);
/* Puts bytes that stand in the payload as base64 (RFC 4648, both alphabets). */
int32_t decoding_put_base64(struct decoding *d, const struct metric *m,
                            const struct sb_json_text *text);
int64_t decoding_now(struct decoding *d);
