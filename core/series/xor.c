#include "series/xor.h"

#include <signalbox/error.h>

#include "base/buffer.h"
#include "series/bits.h"

/* The form: the first word in 64 bits; then for each word the difference to the one before: bit 0:
 * none; bits 1 0: it lies in the window of the last one, whose bits follow; bits 1 1: six bits of
 * leading zeros, six bits of width - 1, the bits themselves, which are the window from then on. */

struct window {
	uint32_t lead, width; /* width 0: none yet */
};

static uint32_t trail_of(const struct window *w)
{
	return 64 - w->lead - w->width;
}

static void word_give(struct bits_out *out, struct window *w, uint64_t diff)
{
	if (!diff) {
		bits_put(out, 0, 1);
		return;
	}
	uint32_t lead = (uint32_t)__builtin_clzll(diff);
	uint32_t trail = (uint32_t)__builtin_ctzll(diff);
	uint32_t width = 64 - lead - trail;
	/* A window that became much too wide costs more than telling a new one. */
	if (w->width && lead >= w->lead && trail >= trail_of(w) && w->width <= width + 12) {
		bits_put(out, 1, 2);
	} else {
		*w = (struct window){ lead, width };
		bits_put(out, 3, 2);
		bits_put(out, lead, 6);
		bits_put(out, width - 1, 6);
	}
	bits_put(out, diff >> trail_of(w), w->width);
}

void xor_give(struct buffer *out, const uint64_t *words, uint32_t n)
{
	struct window window = { 0 };
	struct bits_out w = { .p = buffer_room(out, (size_t)n * 10 + 16) };
	if (n == 0 || !w.p)
		return;
	bits_put(&w, words[0], 64);
	for (uint32_t i = 1; i < n; i++)
		word_give(&w, &window, words[i] ^ words[i - 1]);
	out->n = (size_t)(bits_end(&w) - out->p);
}

static uint64_t word_take(struct bits_in *r, struct window *w)
{
	if (!bits_get(r, 1))
		return 0;
	if (bits_get(r, 1)) {
		w->lead = (uint32_t)bits_get(r, 6);
		w->width = (uint32_t)bits_get(r, 6) + 1;
	}
	if (w->width == 0 || w->lead + w->width > 64) {
		r->bad = true;
		return 0;
	}
	return bits_get(r, w->width) << trail_of(w);
}

int xor_take(struct cursor *c, uint64_t *words, uint32_t n)
{
	struct window window = { 0 };
	struct bits_in r = { .p = c->p, .end = c->end };
	if (n == 0)
		return 0;
	words[0] = bits_get(&r, 64);
	for (uint32_t i = 1; i < n && !r.bad; i++)
		words[i] = words[i - 1] ^ word_take(&r, &window);
	c->p = bits_rest(&r);
	c->bad |= r.bad;
	return r.bad ? SB_E_CORRUPT : 0;
}
