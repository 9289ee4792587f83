#include "decoding.h"

#include <errno.h>
#include <stdio.h>

int64_t decoding_now(struct decoding *d)
{
	if (d->now_ns == 0)
		d->now_ns = d->clock(SB_CLOCK_UTC);
	return d->now_ns;
}

/* Copies what can be shown of a name; strangers chose it. */
static void show_name(char *out, size_t cap, struct sb_str name)
{
	size_t n = 0;

	for (; n < name.n && n + 1 < cap; n++)
		out[n] = (unsigned char)name.p[n] < 0x20 || name.p[n] == 0x7F ? '?' : name.p[n];
	/* Do not end inside a character. */
	while (n < name.n && n > 0 && ((unsigned char)name.p[n] & 0xC0) == 0x80)
		n--;
	out[n] = 0;
}

int32_t decoding_fail(struct decoding *d, int32_t r, struct sb_str name, const char *text)
{
	char shown[64];
	size_t at = sb_json_at(&d->json);

	show_name(shown, sizeof(shown), name);
	snprintf(d->in->why, sizeof(d->in->why), "%s%s%s%s at byte %zu", name.n ? "metric " : "",
	         shown, name.n ? ": " : "", text, at);
	return r;
}

int32_t decoding_check(struct decoding *d)
{
	if (!d->json.fault)
		return 0;
	return decoding_fail(d, SB_E_MALFORMED, SB_STR(""), d->json.fault);
}

void decoding_row(struct decoding *d)
{
	d->names = 0;
	d->filter = 0;
}

static uint64_t load(const char *p, size_t n)
{
	uint64_t w = 0;

	memcpy(&w, p, n);
	return w;
}

/* Equal names have equal hashes; who makes two others collide loses his own message. */
static uint64_t hash_of(struct sb_str s)
{
	const uint64_t odd = 0x9E3779B97F4A7C15u;
	uint64_t h = s.n * odd;

	for (size_t i = 0; i + 8 < s.n; i += 8) {
		h = (h ^ load(s.p + i, 8)) * odd;
		h ^= h >> 29;
	}
	/* The last bytes, some of them once more. */
	if (s.n >= 8)
		h ^= load(s.p + s.n - 8, 8);
	else if (s.n >= 4)
		h ^= load(s.p, 4) << 32 | load(s.p + s.n - 4, 4);
	else if (s.n > 0)
		h ^= (uint64_t)(unsigned char)s.p[0] << 16 |
		     (uint64_t)(unsigned char)s.p[s.n / 2] << 8 | (unsigned char)s.p[s.n - 1];
	h *= odd;
	return h ^ h >> 32;
}

static bool is_seen(const struct decoding *d, uint64_t hash)
{
	bool found = false;

	for (uint32_t i = 0; i < d->names; i++)
		found |= d->seen[i] == hash;
	return found;
}

int32_t decoding_once(struct decoding *d, struct sb_str name)
{
	uint64_t hash = hash_of(name);
	uint64_t bit = 1ULL << (hash & 63);

	if ((d->filter & bit) && is_seen(d, hash))
		return decoding_fail(d, SB_E_MALFORMED, name, "is given twice");
	if (d->names == DECODING_METRICS)
		return decoding_fail(d, SB_E_RANGE, name, "more than 1024 metrics in one row");
	d->filter |= bit;
	d->seen[d->names++] = hash;
	return 0;
}

bool decoding_text(const struct sb_json_text *text, char *buf, size_t cap, struct sb_str *out)
{
	int64_t n = 0;

	if (!text->escaped) {
		*out = sb_str_of(text->p, text->n);
		return text->n <= cap;
	}
	n = sb_json_unescape(text, buf, cap);
	*out = sb_str_of(buf, n < 0 ? 0 : (size_t)n);
	return n >= 0;
}

bool decoding_label(struct sb_json *j, char buf[DECODING_LABEL], struct sb_str *label)
{
	struct sb_json_text key;

	if (!sb_json_key(j, &key))
		return false;
	if (!decoding_text(&key, buf, DECODING_LABEL, label))
		*label = SB_STR("");
	return true;
}

int32_t decoding_name(struct decoding *d, const size_t *prefix, const struct sb_json_text *key,
                      struct sb_str *out)
{
	size_t begin = prefix ? *prefix : 0;
	struct sb_str part;

	if (prefix && begin < sizeof(d->path))
		d->path[begin++] = '.';
	if (!decoding_text(key, d->path + begin, sizeof(d->path) - begin, &part))
		return decoding_fail(d, SB_E_RANGE, SB_STR(""),
		                     "a metric's name is longer than 512 bytes");
	if (prefix && !key->escaped)
		memcpy(d->path + begin, part.p, part.n);
	*out = prefix ? sb_str_of(d->path, begin + part.n) : part;
	return 0;
}

/* Finds the series and takes the next place in the batch; NULL with *r 0: leave it out. */
static struct sb_point *place(struct decoding *d, const struct metric *m, int32_t *r)
{
	struct sb_batch *batch = d->in->out;
	struct sb_series_key key = { .size = sizeof(key), .type = m->type };
	struct sb_point *point = NULL;
	sb_series series = 0;

	*r = 0;
	if (batch->count >= batch->cap) {
		*r = -ENOBUFS;
		return NULL;
	}
	key.device = d->in->device;
	key.name = m->name;
	key.unit = m->unit;
	if (d->telemetry->resolve(d->host, &key, &series) < 0)
		return NULL; /* the host has counted it */
	point = &batch->points[batch->count++];
	point->series = series;
	point->ts_ns = m->ts_ns;
	point->type = m->type;
	point->quality = m->quality;
	point->flags = d->in->flags;
	point->msg = d->in->msg;
	return point;
}

int32_t decoding_put(struct decoding *d, const struct metric *m)
{
	struct sb_point *point = NULL;
	int32_t r = 0;

	if (m->type == SB_T_NULL)
		return 0;
	point = place(d, m, &r);
	if (point)
		point->v = m->v;
	return r;
}

/* Room for a text or blob of at most n bytes, or why not. */
static int32_t blob_room(struct decoding *d, const struct metric *m, size_t n)
{
	const struct sb_batch *batch = d->in->out;

	if (n > DECODING_TEXT)
		return decoding_fail(d, SB_E_RANGE, m->name, "longer than 65536 bytes");
	return n > batch->blob_cap - batch->blob_len ? -ENOBUFS : 0;
}

static int32_t put_blob(struct decoding *d, const struct metric *m, size_t n)
{
	struct sb_batch *batch = d->in->out;
	struct sb_point *point = NULL;
	int32_t r = 0;

	point = place(d, m, &r);
	if (!point)
		return r;
	point->v.blob.off = batch->blob_len;
	point->v.blob.len = (uint32_t)n;
	batch->blob_len += (uint32_t)n;
	return 0;
}

int32_t decoding_put_text(struct decoding *d, const struct metric *m,
                          const struct sb_json_text *text)
{
	struct sb_batch *batch = d->in->out;
	char *to = (char *)batch->blob + batch->blob_len;
	size_t n = text->n;
	int32_t r = blob_room(d, m, n);

	if (r < 0)
		return r;
	if (text->escaped)
		n = (size_t)sb_json_unescape(text, to, n);
	else if (n)
		memcpy(to, text->p, n);
	return put_blob(d, m, n);
}

/* The six bits of a base64 digit, or -1. */
static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' || c == '+' ? 62 : c == '_' || c == '/' ? 63 : -1;
}

/* Decodes in place or from elsewhere: what is written never passes what is read. */
static int64_t from_base64(const char *from, size_t digits, uint8_t *to)
{
	uint32_t bits = 0;
	int64_t n = 0;

	for (size_t i = 0; i < digits; i++) {
		int v = digit_of(from[i]);

		if (v < 0)
			return -1;
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 != 0)
			to[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return digits % 4 == 1 ? -1 : n;
}

int32_t decoding_put_base64(struct decoding *d, const struct metric *m,
                            const struct sb_json_text *text)
{
	struct sb_batch *batch = d->in->out;
	uint8_t *to = batch->blob + batch->blob_len;
	struct sb_str from;
	size_t digits = 0;
	int64_t n = 0;
	int32_t r = blob_room(d, m, text->n);

	if (r < 0)
		return r;
	(void)decoding_text(text, (char *)to, text->n, &from);
	digits = from.n;
	while (digits && from.n - digits < 2 && from.p[digits - 1] == '=')
		digits--;
	n = digits == from.n || from.n % 4 == 0 ? from_base64(from.p, digits, to) : -1;
	if (n < 0)
		return decoding_fail(d, SB_E_MALFORMED, m->name, "broken base64");
	return put_blob(d, m, (size_t)n);
}
