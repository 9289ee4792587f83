#include "series/blobs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/own.h"
#include "series/ints.h"

/* The form: varint number of words in the dictionary, each with its length in front; then for each
 * blob its word (ints.c). Without a dictionary (PLAIN): the lengths (ints.c), then all bytes.
 * SQUEEZED: the lengths (ints.c), then all bytes as one zstd frame with its length in front. */

enum { WORDS = 64, PLAIN = 0, SQUEEZED = WORDS + 1 };
enum {
	LEVEL = 3,
	SQUEEZE_MIN = 64,      /* bytes; a frame alone costs a dozen */
	SQUEEZE_MAX = 8 << 20, /* what a reader is ready to unfold */
	DICTIONARY_SURE = 256, /* so short that nothing can be shorter */
};

struct words {
	uint32_t n;
	size_t bytes;
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
	w->bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = 0;
		while (k < w->n && !same(w->at[k], blobs[i]))
			k++;
		if (k == WORDS)
			return false;
		if (k == w->n) {
			w->at[w->n++] = blobs[i];
			w->bytes += blobs[i].n;
		}
		w->which[i] = k;
	}
	return w->n <= n / 2 || n == 1;
}

static void words_give(struct buffer *out, const struct words *w, uint32_t n)
{
	buffer_give_varint(out, w->n);
	for (uint32_t k = 0; k < w->n; k++)
		buffer_give_str(out, sb_str_of((const char *)w->at[k].p, w->at[k].n));
	ints_give(out, w->which, n);
}

static size_t lengths_of(const struct sb_bytes *blobs, uint32_t n, int64_t *lengths)
{
	size_t all = 0;
	for (uint32_t i = 0; i < n; i++) {
		lengths[i] = (int64_t)blobs[i].n;
		all += blobs[i].n;
	}
	return all;
}

static void plain_give(struct buffer *out, const struct sb_bytes *blobs, uint32_t n)
{
	int64_t lengths[INTS_MAX];
	(void)lengths_of(blobs, n, lengths);
	buffer_give_varint(out, PLAIN);
	ints_give(out, lengths, n);
	for (uint32_t i = 0; i < n; i++)
		buffer_give(out, blobs[i].p, blobs[i].n);
}

/* True if it was given, in fewer than `most` bytes. */
static bool squeezed_give(struct buffer *out, const struct sb_bytes *blobs, uint32_t n, size_t most)
{
	_own_(freep) uint8_t *all = NULL;
	int64_t lengths[INTS_MAX];
	size_t at = out->n;
	size_t bytes = lengths_of(blobs, n, lengths);
	if (bytes < SQUEEZE_MIN || bytes > SQUEEZE_MAX)
		return false;
	size_t bound = ZSTD_compressBound(bytes);
	all = malloc(bytes + bound);
	if (!all)
		return false; /* larger, as well */
	size_t end = 0;
	for (uint32_t i = 0; i < n; i++) {
		memcpy(all + end, blobs[i].n ? blobs[i].p : all, blobs[i].n);
		end += blobs[i].n;
	}
	size_t frame = ZSTD_compress(all + bytes, bound, all, bytes, LEVEL);
	if (ZSTD_isError(frame) || frame >= most)
		return false;
	buffer_give_varint(out, SQUEEZED);
	ints_give(out, lengths, n);
	buffer_give_str(out, sb_str_of((const char *)all + bytes, frame));
	if (out->bad || out->n - at < most)
		return true;
	out->n = at;
	return false;
}

void blobs_give(struct buffer *out, const struct sb_bytes *blobs, uint32_t n)
{
	struct words w;
	size_t at = out->n;
	if (n == 0)
		return;
	if (n > INTS_MAX) {
		out->bad = true;
		return;
	}
	bool is_few = words_find(&w, blobs, n);
	if (is_few)
		words_give(out, &w, n);
	else
		plain_give(out, blobs, n);
	if (out->bad || (is_few && w.bytes <= DICTIONARY_SURE))
		return;
	size_t given = out->n - at;
	if (squeezed_give(out, blobs, n, given) && !out->bad) {
		memmove(out->p + at, out->p + at + given, out->n - at - given);
		out->n -= given;
	}
}

/* ---- taking */

static int words_take(struct cursor *c, struct sb_bytes *out, uint32_t n, uint32_t words)
{
	struct words w;
	for (w.n = 0; w.n < words; w.n++) {
		struct sb_str s = cursor_take_str(c);
		w.at[w.n] = (struct sb_bytes){ (const uint8_t *)s.p, s.n };
	}
	int r = ints_take(c, w.which, n);
	if (r < 0 || c->bad)
		return SB_E_CORRUPT;
	for (uint32_t i = 0; i < n; i++) {
		if ((uint64_t)w.which[i] >= words)
			return SB_E_CORRUPT;
		out[i] = w.at[w.which[i]];
	}
	return 0;
}

/* Lengths, into out; their sum. */
static int lengths_take(struct cursor *c, struct sb_bytes *out, uint32_t n, size_t most,
                        size_t *bytes)
{
	int64_t lengths[INTS_MAX];
	*bytes = 0;
	if (ints_take(c, lengths, n) < 0)
		return SB_E_CORRUPT;
	for (uint32_t i = 0; i < n; i++) {
		if (lengths[i] < 0 || (uint64_t)lengths[i] > most - *bytes)
			return SB_E_CORRUPT;
		out[i].n = (size_t)lengths[i];
		*bytes += out[i].n;
	}
	return 0;
}

static void places_set(struct sb_bytes *out, uint32_t n, const uint8_t *p)
{
	for (uint32_t i = 0; i < n; i++) {
		out[i].p = p;
		p += out[i].n;
	}
}

static int plain_take(struct cursor *c, struct sb_bytes *out, uint32_t n)
{
	size_t bytes;
	int r = lengths_take(c, out, n, cursor_left(c), &bytes);
	if (r < 0)
		return r;
	const uint8_t *p = cursor_take(c, bytes);
	if (c->bad)
		return SB_E_CORRUPT;
	places_set(out, n, p);
	return 0;
}

static int squeezed_take(struct cursor *c, struct sb_bytes *out, uint32_t n, uint8_t **text)
{
	size_t bytes;
	int r = lengths_take(c, out, n, SQUEEZE_MAX, &bytes);
	if (r < 0)
		return r;
	struct sb_str frame = cursor_take_str(c);
	/* What the frame says it holds is looked at before memory is asked for: it must be what the
	 * lengths say. */
	if (c->bad || bytes < SQUEEZE_MIN ||
	    ZSTD_getFrameContentSize(frame.p, frame.n) != (unsigned long long)bytes)
		return SB_E_CORRUPT;
	*text = malloc(bytes);
	if (!*text)
		return -ENOMEM;
	if (ZSTD_decompress(*text, bytes, frame.p, frame.n) != bytes)
		return SB_E_CORRUPT;
	places_set(out, n, *text);
	return 0;
}

int blobs_take(struct cursor *c, struct sb_bytes *out, uint32_t n, uint8_t **text)
{
	*text = NULL;
	if (n == 0)
		return 0;
	uint64_t words = cursor_take_varint(c);
	if (c->bad || words > SQUEEZED || n > INTS_MAX)
		return SB_E_CORRUPT;
	if (words == PLAIN)
		return plain_take(c, out, n);
	if (words == SQUEEZED)
		return squeezed_take(c, out, n, text);
	return words_take(c, out, n, (uint32_t)words);
}
