#include "series/blobs.h"

#include <stdbool.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "series/ints.h"

/* The form: varint number of words in the dictionary, each with its length in front; then for each
 * blob its word (ints.c). Without a dictionary (0): the lengths (ints.c), then all bytes. */

enum { WORDS = 64 };

struct words {
	uint32_t n;
	struct sb_bytes at[WORDS];
	int64_t which[INTS_MAX];
};

static bool same(struct sb_bytes a, struct sb_bytes b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* False: too many different ones. */
static bool words_find(struct words *w, const struct sb_bytes *blobs, uint32_t n)
{
	w->n = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = 0;
		while (k < w->n && !same(w->at[k], blobs[i]))
			k++;
		if (k == WORDS)
			return false;
		if (k == w->n)
			w->at[w->n++] = blobs[i];
		w->which[i] = k;
	}
	return w->n <= n / 2 || n == 1;
}

void blobs_give(struct buffer *out, const struct sb_bytes *blobs, uint32_t n)
{
	struct words w;
	if (n == 0)
		return;
	if (n > INTS_MAX) {
		out->bad = true;
		return;
	}
	if (words_find(&w, blobs, n)) {
		buffer_give_varint(out, w.n);
		for (uint32_t k = 0; k < w.n; k++)
			buffer_give_str(out, sb_str_of((const char *)w.at[k].p, w.at[k].n));
		ints_give(out, w.which, n);
		return;
	}
	buffer_give_varint(out, 0);
	for (uint32_t i = 0; i < n; i++)
		w.which[i] = (int64_t)blobs[i].n;
	ints_give(out, w.which, n);
	for (uint32_t i = 0; i < n; i++)
		buffer_give(out, blobs[i].p, blobs[i].n);
}

static struct sb_bytes bytes_take(struct cursor *c, size_t n)
{
	return (struct sb_bytes){ cursor_take(c, n), n };
}

int blobs_take(struct cursor *c, struct sb_bytes *out, uint32_t n)
{
	struct words w;
	if (n == 0)
		return 0;
	uint64_t words = cursor_take_varint(c);
	if (c->bad || words > WORDS || n > INTS_MAX)
		return SB_E_CORRUPT;
	for (w.n = 0; w.n < words; w.n++) {
		struct sb_str s = cursor_take_str(c);
		w.at[w.n] = (struct sb_bytes){ (const uint8_t *)s.p, s.n };
	}
	int r = ints_take(c, w.which, n);
	if (r < 0 || c->bad)
		return SB_E_CORRUPT;
	for (uint32_t i = 0; i < n; i++) {
		if (words ? (uint64_t)w.which[i] >= words : (uint64_t)w.which[i] > cursor_left(c))
			return SB_E_CORRUPT;
		out[i] = words ? w.at[w.which[i]] : bytes_take(c, (size_t)w.which[i]);
	}
	return c->bad ? SB_E_CORRUPT : 0;
}
