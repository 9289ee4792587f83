/* signalbox/kit/json.h: a pull reader for JSON (RFC 8259) that was written by strangers. Header
 *only, no allocation, no recursion, every read inside the bytes given; any thread.
 *
 * It remembers its first fault, so read everything and look once:
 *
 *	struct sb_json j = sb_json_on(payload, 8);
 *	struct sb_json_text key;
 *
 *	sb_json_object(&j);
 *	while (sb_json_key(&j, &key))
 *		sb_json_skip(&j);            // or read the one value that stands here
 *	sb_json_end(&j);
 *	if (j.fault)
 *		...                          // j.fault at byte sb_json_at(&j)
 *
 * Refused: bad UTF-8, bare control characters, broken escapes and surrogates, trailing commas,
 *bytes behind the end, NaN, Infinity, comments, more levels than asked for. Keys may repeat: only
 *the caller knows what that would mean. */
#ifndef SIGNALBOX_KIT_JSON_H
#define SIGNALBOX_KIT_JSON_H

#include <signalbox/kit/number.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SB_JSON_DEPTH_MAX 32

struct sb_json {
	const char *begin, *p, *end;
	const char *fault; /* NULL, or what is wrong: static text without a full stop */
	const char *at;    /* where */
	uint32_t depth, max_depth;
	uint32_t fresh;   /* bit per level: nothing was read in it */
	uint32_t objects; /* bit per level: object, not array */
};

/* A string between its quotes, checked. `escaped`: it holds backslashes, see sb_json_unescape(). */
struct sb_json_text {
	const char *p;
	size_t n;
	bool escaped;
};

static inline struct sb_json sb_json_on(struct sb_bytes bytes, uint32_t max_depth)
{
	struct sb_json j;

	memset(&j, 0, sizeof(j));
	j.begin = j.p = (const char *)bytes.p;
	j.end = j.begin + bytes.n;
	j.max_depth = max_depth < SB_JSON_DEPTH_MAX ? max_depth : SB_JSON_DEPTH_MAX - 1;
	return j;
}

/* The offset of the fault, or of what is read next. */
static inline size_t sb_json_at(const struct sb_json *j)
{
	return (size_t)((j->fault ? j->at : j->p) - j->begin);
}

/* Notes the first fault and ends the reading; false. */
static inline bool sb_json_fail(struct sb_json *j, const char *fault)
{
	if (!j->fault) {
		j->fault = fault;
		j->at = j->p;
	}
	j->p = j->end;
	return false;
}

static inline void sb_json_space_(struct sb_json *j)
{
	const char *p = j->p;

	while (p != j->end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	j->p = p;
}

/* What stands next: '{', '[', '"', '0' for a number, 't', 'f', 'n'; 0 and a fault if it is no
 * value. */
static inline char sb_json_peek(struct sb_json *j)
{
	sb_json_space_(j);
	if (j->p == j->end) {
		sb_json_fail(j, "ends too early");
		return 0;
	}
	if (*j->p == '-' || sb_number_is_digit_(*j->p))
		return '0';
	switch (*j->p) {
	case '"':
	case '{':
	case '[':
	case 't':
	case 'f':
	case 'n':
		return *j->p;
	default:
		sb_json_fail(j, "a value is expected");
		return 0;
	}
}

static inline bool sb_json_enter_(struct sb_json *j, char open, bool object)
{
	uint32_t bit = 0;

	sb_json_space_(j);
	if (j->p == j->end || *j->p != open)
		return sb_json_fail(j, object ? "an object is expected" : "an array is expected");
	if (j->depth == j->max_depth)
		return sb_json_fail(j, "nested too deeply");
	j->p++;
	bit = 1u << ++j->depth;
	j->fresh |= bit;
	j->objects = object ? j->objects | bit : j->objects & ~bit;
	return true;
}

/* Begins the object or array that stands next; its end is taken by sb_json_key(), sb_json_item().
 */
static inline bool sb_json_object(struct sb_json *j)
{
	return sb_json_enter_(j, '{', true);
}

static inline bool sb_json_array(struct sb_json *j)
{
	return sb_json_enter_(j, '[', false);
}

/* The length of the well-formed UTF-8 character at p, which is not ASCII; 0: broken. */
static inline size_t sb_json_utf8_(const char *p, const char *end)
{
	unsigned char a = (unsigned char)p[0];
	size_t n = a < 0xC2 ? 0 : a < 0xE0 ? 2 : a < 0xF0 ? 3 : a < 0xF5 ? 4 : 0;
	unsigned char b = 0;

	if (n == 0 || (size_t)(end - p) < n)
		return 0;
	b = (unsigned char)p[1];
	/* Overlong forms, surrogates, beyond U+10FFFF: seen in the second byte. */
	if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F) || (a == 0xF0 && b < 0x90) ||
	    (a == 0xF4 && b > 0x8F))
		return 0;
	for (size_t i = 1; i < n; i++)
		if (((unsigned char)p[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

/* Four hex digits at p, or -1. */
static inline int32_t sb_json_hex_(const char *p, const char *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = (char)(p[i] | 0x20);

		if (sb_number_is_digit_(p[i]))
			v = v << 4 | (p[i] - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (c - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* The escape at p, which is a backslash: its length in the text and its code point; 0: broken. */
static inline size_t sb_json_escape_(const char *p, const char *end, int32_t *code)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *name = NULL;
	int32_t low = 0;

	if (end - p < 2)
		return 0;
	if (p[1] != 'u') {
		name = p[1] ? strchr(names, p[1]) : NULL;
		*code = name ? values[name - names] : -1;
		return name ? 2 : 0;
	}
	*code = sb_json_hex_(p + 2, end);
	if (*code < 0 || (*code >= 0xDC00 && *code <= 0xDFFF))
		return 0;
	if (*code < 0xD800 || *code > 0xDFFF)
		return 6;
	if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
		return 0;
	low = sb_json_hex_(p + 8, end);
	if (low < 0xDC00 || low > 0xDFFF)
		return 0;
	*code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
	return 12;
}

/* The bytes from p to the first that is no plain ASCII of a string: quote, backslash, control, 0x80
 * and above; or to `end`. Eight at a time: a borrow only disturbs what lies behind a byte that was
 * found. */
static inline const char *sb_json_plain_(const char *p, const char *end)
{
	const uint64_t ones = 0x0101010101010101u;

	for (; end - p >= 8; p += 8) {
		uint64_t w = 0;
		uint64_t odd = 0;

		memcpy(&w, p, sizeof(w));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		w = __builtin_bswap64(w);
#endif
		odd = (w ^ (ones * '"')) - ones;
		odd |= (w ^ (ones * '\\')) - ones;
		odd |= w - ones * 0x20;
		odd = (odd | w) & (ones * 0x80);
		if (odd)
			return p + __builtin_ctzll(odd) / 8;
	}
	while (p != end && (unsigned char)(*p - 0x20) < 0x60 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* One character of a string, not its end. */
static inline bool sb_json_char_(struct sb_json *j, struct sb_json_text *out)
{
	unsigned char c = (unsigned char)*j->p;
	int32_t code = 0;
	size_t n = 1;

	if (c < 0x20)
		return sb_json_fail(j, "control character in a string");
	if (c == '\\') {
		n = sb_json_escape_(j->p, j->end, &code);
		out->escaped = true;
	} else if (c >= 0x80) {
		n = sb_json_utf8_(j->p, j->end);
	}
	if (n == 0)
		return sb_json_fail(j, c == '\\' ? "broken escape in a string"
		                                 : "string is not UTF-8");
	j->p += n;
	return true;
}

/* The string that stands next, borrowed from the bytes. */
static inline bool sb_json_string(struct sb_json *j, struct sb_json_text *out)
{
	out->p = NULL;
	out->n = 0;
	out->escaped = false;
	sb_json_space_(j);
	if (j->p == j->end || *j->p != '"')
		return sb_json_fail(j, "a string is expected");
	out->p = ++j->p;
	for (;;) {
		j->p = sb_json_plain_(j->p, j->end);
		if (j->p == j->end)
			return sb_json_fail(j, "a string does not end");
		if (*j->p == '"')
			break;
		if (!sb_json_char_(j, out))
			return false;
	}
	out->n = (size_t)(j->p++ - out->p);
	return true;
}

/* Writes a code point as UTF-8; returns its length. */
static inline size_t sb_json_put_(char out[4], int32_t code)
{
	static const unsigned char marks[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (code & 0x3F));
		code >>= 6;
	}
	out[0] = (char)(marks[n] | code);
	return n;
}

/* Copies a text with its escapes resolved; that is never longer than text->n. The length, or
 * -1: more than cap. */
static inline int64_t sb_json_unescape(const struct sb_json_text *text, char *out, size_t cap)
{
	const char *p = text->p;
	const char *end = text->p + text->n;
	size_t len = 0;

	while (p != end) {
		int32_t code = 0;
		char bytes[4];
		size_t n = 1;

		bytes[0] = *p;
		if (*p != '\\') {
			p++;
		} else {
			p += sb_json_escape_(p, end, &code);
			n = sb_json_put_(bytes, code);
		}
		if (n > cap - len)
			return -1;
		memcpy(out + len, bytes, n);
		len += n;
	}
	return (int64_t)len;
}

/* The number that stands next. */
static inline bool sb_json_number(struct sb_json *j, struct sb_number *out)
{
	const char *behind = NULL;

	sb_json_space_(j);
	if (j->p == j->end || (*j->p != '-' && !sb_number_is_digit_(*j->p)))
		return sb_json_fail(j, "a number is expected");
	behind = sb_number_scan(j->p, j->end, out);
	if (!behind)
		return sb_json_fail(j, "a number is broken");
	j->p = behind;
	return true;
}

/* Takes "true", "false" or "null", whose first letter was seen. */
static inline bool sb_json_word_(struct sb_json *j, const char *word, size_t n)
{
	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
		return sb_json_fail(j, "a value is expected");
	j->p += n;
	return true;
}

static inline bool sb_json_bool(struct sb_json *j, bool *out)
{
	*out = sb_json_peek(j) == 't';
	return *out ? sb_json_word_(j, "true", 4) : sb_json_word_(j, "false", 5);
}

static inline bool sb_json_null(struct sb_json *j)
{
	sb_json_space_(j);
	return sb_json_word_(j, "null", 4);
}

/* In front of a member: its comma, or the end of the level. */
static inline bool sb_json_next_(struct sb_json *j, char close)
{
	uint32_t bit = 1u << j->depth;

	sb_json_space_(j);
	if (j->p == j->end)
		return sb_json_fail(j, "ends too early");
	if (*j->p == close) {
		j->p++;
		j->depth--;
		return false;
	}
	if (j->fresh & bit) {
		j->fresh &= ~bit;
		return true;
	}
	if (*j->p != ',')
		return sb_json_fail(j, close == '}' ? "',' or '}' is expected"
		                                    : "',' or ']' is expected");
	j->p++;
	return true;
}

/* The next member of the array: exactly one value must be read then. False: it ended, or a fault.
 */
static inline bool sb_json_item(struct sb_json *j)
{
	return sb_json_next_(j, ']');
}

static inline bool sb_json_key_slow_(struct sb_json *j, struct sb_json_text *key)
{
	if (!sb_json_next_(j, '}') || !sb_json_string(j, key))
		return false;
	sb_json_space_(j);
	if (j->p == j->end || *j->p != ':')
		return sb_json_fail(j, "':' is expected");
	j->p++;
	return true;
}

/* The key of the object's next member; exactly one value must be read then. False: the object
 * ended, or a fault. */
static inline bool sb_json_key(struct sb_json *j, struct sb_json_text *key)
{
	const char *p = j->p;
	const char *q = NULL;

	/* As programs write it: `,"key":` or `, "key": `, in one go. */
	if (j->end - p > 2 && *p == ',' && !(j->fresh & 1u << j->depth)) {
		p += p[1] == ' ' ? 2 : 1;
		q = *p == '"' ? sb_json_plain_(p + 1, j->end) : j->end;
		if (j->end - q > 1 && q[0] == '"' && q[1] == ':') {
			key->p = p + 1;
			key->n = (size_t)(q - key->p);
			key->escaped = false;
			j->p = q + 2;
			return true;
		}
	}
	return sb_json_key_slow_(j, key);
}

static inline bool sb_json_skip_one_(struct sb_json *j)
{
	struct sb_json_text text;
	struct sb_number number;
	bool flag = false;

	switch (sb_json_peek(j)) {
	case '{':
		return sb_json_object(j);
	case '[':
		return sb_json_array(j);
	case '"':
		return sb_json_string(j, &text);
	case '0':
		return sb_json_number(j, &number);
	case 'n':
		return sb_json_null(j);
	case 't':
	case 'f':
		return sb_json_bool(j, &flag);
	default:
		return false;
	}
}

/* Reads over one value of any kind, checking all of it. */
static inline bool sb_json_skip(struct sb_json *j)
{
	uint32_t outside = j->depth;
	struct sb_json_text key;
	bool more = true;

	while (more && sb_json_skip_one_(j)) {
		more = false;
		while (!more && !j->fault && j->depth > outside)
			more = j->objects & 1u << j->depth ? sb_json_key(j, &key) : sb_json_item(j);
	}
	return !j->fault;
}

/* Nothing but white space may be left. */
static inline bool sb_json_end(struct sb_json *j)
{
	sb_json_space_(j);
	return j->fault || j->p == j->end ? !j->fault : sb_json_fail(j, "bytes behind the end");
}

#ifdef __cplusplus
}
#endif
#endif
