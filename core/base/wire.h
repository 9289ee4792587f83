/* Writes one document as JSON or CBOR through the same calls, so that an answer is written once and
 * leaves in either form. Numbers are exact: doubles in the shortest form that reads back the same,
 * 64-bit integers in full. NaN and infinities become null in JSON. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

enum wire_form { WIRE_JSON, WIRE_CBOR };

struct wire {
	struct buffer *out; /* out->bad tells at the end whether everything fitted */
	enum wire_form form;
	uint32_t depth;
	uint64_t has_items; /* bit per depth: a comma is due */
	bool after_key;
};

struct wire wire_on(struct buffer *out, enum wire_form form);
void wire_map(struct wire *w);
void wire_map_end(struct wire *w);
void wire_array(struct wire *w);
void wire_array_end(struct wire *w);
void wire_key(struct wire *w, const char *key);
void wire_key_n(struct wire *w, struct sb_str key);
void wire_null(struct wire *w);
void wire_bool(struct wire *w, bool v);
void wire_i64(struct wire *w, int64_t v);
void wire_u64(struct wire *w, uint64_t v);
void wire_f64(struct wire *w, double v);
void wire_str(struct wire *w, struct sb_str s); /* bytes that are not UTF-8 become U+FFFD */
void wire_text(struct wire *w, const char *s);
/* A key and its value. */
void wire_key_text(struct wire *w, const char *key, const char *s);
void wire_key_u64(struct wire *w, const char *key, uint64_t v);
void wire_bytes(struct wire *w, struct sb_bytes b); /* base64url text in JSON */
/* A finished value in the writer's own form. */
void wire_raw(struct wire *w, struct sb_bytes value);
