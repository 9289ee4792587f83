/* Text that comes from outside: is it UTF-8, may it be a name, how is it shown. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

bool text_is_utf8(struct sb_str s);
/* UTF-8 of 1..max bytes without control characters (C0, DEL, C1, U+2028/9, bidi overrides). */
bool text_is_name(struct sb_str s, size_t max);
/* A device id: a name of at most 128 bytes without / + # $ and without spaces at its ends. */
bool text_is_device_id(struct sb_str s);
bool text_equal(struct sb_str a, struct sb_str b);
bool text_is(struct sb_str s, const char *literal);
bool text_is_nocase(struct sb_str s, const char *literal); /* of ASCII */
/* Without spaces and tabs at both ends. */
struct sb_str text_trim(struct sb_str s);
/* Copies s for people: control characters and broken UTF-8 as \xNN, cut at cap with "...".
 * 0-terminated; returns buf. */
char *text_show(char *buf, size_t cap, struct sb_str s);
/* The shortest decimal text that reads back as exactly v; finite v only. Returns the length. */
size_t text_f64(char buf[static 32], double v);
/* "10s", "500ms", "5m", "2h", "7d" to ns; "64K", "16M", "1G" to bytes. -EINVAL, -ERANGE. */
int text_duration(struct sb_str s, int64_t *ns);
int text_size(struct sb_str s, uint64_t *bytes);
