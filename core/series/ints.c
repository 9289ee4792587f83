#include "series/ints.h"

#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/own.h"
#include "series/bits.h"

/* The form of a run: u8 order << 4 | coder; `order` first values (zz); the residuals:
 *
 *   CONST  zz value
 *   PACK   per 64: zz least, u8 width, that many bits each
 *   RICE   zz centre; one bit string: per 64 six bits k, then each distance from the centre (zz) as
 *          its upper part in zeros and a one, its lower k bits; ESCAPE zeros: 64 bits follow
 *   RLE    per run: zz value, varint length - 1
 *   RISE   as RICE, with the least in place of the centre: no distance needs a sign */
enum coder { CONST, PACK, RICE, RLE, RISE };

enum { ORDERS = 3, GROUP = 64, ESCAPE = 24, SAMPLES = 31, SKEWED = 27, K_BITS = 6 };

/* From where distances are told, and whether all lie above. */
struct origin {
	int64_t at;
	bool least;
};

enum { GROUPS = INTS_MAX / GROUP };

struct choice {
	uint64_t bits; /* about what it costs */
	uint32_t order;
	enum coder coder;
	struct origin from; /* RICE, RISE */
	uint8_t k[GROUPS];
};

static int64_t minus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static uint32_t width_of(uint64_t v)
{
	return v ? 64 - (uint32_t)__builtin_clzll(v) : 0;
}

static uint64_t varint_bits(uint64_t v)
{
	return 8 * (uint64_t)MAX((width_of(v) + 6) / 7, 1u);
}

/* ---- what each coder would cost */

static void bounds(const int64_t *r, uint32_t n, int64_t *least, int64_t *most)
{
	*least = *most = r[0];
	for (uint32_t i = 1; i < n; i++) {
		*least = MIN(*least, r[i]);
		*most = MAX(*most, r[i]);
	}
}

/* Also the least and the most of all. */
static uint64_t pack_cost(const int64_t *r, uint32_t n, int64_t *least, int64_t *most)
{
	uint64_t bits = 0;
	*least = *most = r[0];
	for (uint32_t i = 0; i < n; i += GROUP) {
		uint32_t m = MIN(n - i, (uint32_t)GROUP);
		int64_t low;
		int64_t high;
		bounds(r + i, m, &low, &high);
		*least = MIN(*least, low);
		*most = MAX(*most, high);
		uint64_t width = width_of((uint64_t)minus(high, low));
		bits += varint_bits(zz_of(low)) + 8 + (m * width + 7) / 8 * 8;
	}
	return bits;
}

/* Sixteen bits a run at least: counting them tells nearly always that it is not worth a look. */
static uint64_t rle_cost(const int64_t *r, uint32_t n, uint64_t enough)
{
	uint64_t runs = 1;
	uint64_t bits = 0;
	for (uint32_t i = 1; i < n; i++)
		runs += r[i] != r[i - 1];
	if (runs * 16 >= enough)
		return runs * 16;
	for (uint32_t i = 0; i < n;) {
		uint32_t end = i + 1;
		while (end < n && r[end] == r[i])
			end++;
		bits += varint_bits(zz_of(r[i])) + varint_bits(end - i - 1);
		i = end;
	}
	return bits;
}

static uint64_t distance(struct origin from, int64_t v)
{
	uint64_t d = (uint64_t)minus(v, from.at);
	return from.least ? d : zz_of((int64_t)d);
}

/* The middle of a sample: one gap must not move it, as it would the mean. The least, where most of
 * what is above it is near: waiting times, counts. */
static struct origin origin_of(const int64_t *r, uint32_t n, int64_t least)
{
	int64_t s[SAMPLES];
	uint32_t m = MIN(n, (uint32_t)SAMPLES);
	for (uint32_t i = 0; i < m; i++) {
		int64_t v = r[(uint64_t)i * n / m];
		uint32_t at = i;
		for (; at > 0 && s[at - 1] > v; at--)
			s[at] = s[at - 1];
		s[at] = v;
	}
	int64_t middle = s[m / 2];
	uint64_t below = (uint64_t)minus(middle, least);
	uint64_t above = (uint64_t)minus(s[(uint64_t)m * SKEWED / SAMPLES], middle);
	if (below <= above - above / 4)
		return (struct origin){ least, true };
	return (struct origin){ middle, false };
}

/* Distances, and what Rice codes of them take at least: no k makes a code shorter than the number.
 */
static uint64_t distances(const int64_t *r, uint32_t n, struct origin from, uint64_t *d)
{
	uint64_t least = 0;
	for (uint32_t i = 0; i < n; i++) {
		d[i] = distance(from, r[i]);
		least += width_of(d[i] | 1);
	}
	return least;
}

static uint64_t rice_bits(const uint64_t *d, uint32_t n, uint64_t most, uint32_t k)
{
	uint64_t bits = K_BITS;
	if (most >> k < ESCAPE) {
		bits += (uint64_t)n * (k + 1);
		for (uint32_t i = 0; i < n; i++)
			bits += d[i] >> k;
		return bits;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t q = d[i] >> k;
		bits += q < ESCAPE ? q + 1 + k : ESCAPE + 1 + 64;
	}
	return bits;
}

/* The mean of those distances that are at most `limit`, and the greatest of all. */
static uint64_t mean_of(const uint64_t *d, uint32_t n, uint64_t limit, uint64_t *most)
{
	uint64_t sum = 0;
	uint64_t count = 1;
	*most = 0;
	for (uint32_t i = 0; i < n; i++) {
		*most = MAX(*most, d[i]);
		if (d[i] > limit)
			continue;
		sum += d[i];
		count++;
	}
	return sum / count;
}

/* Tried from the mean downwards, and around the mean without what lies far out: a gap in a group is
 * cheaper as an escape than as wide numbers for all. */
static uint8_t rice_k(const uint64_t *d, uint32_t n, uint64_t *bits)
{
	uint64_t most;
	uint64_t mean = mean_of(d, n, UINT64_MAX >> 7, &most);
	uint32_t k = width_of(mean);
	uint32_t low = width_of(mean_of(d, n, mean, &most));
	uint32_t best = 0;
	*bits = UINT64_MAX;
	for (uint32_t t = k; t + 2 >= k; t--) {
		uint64_t b = rice_bits(d, n, most, t);
		if (b < *bits) {
			*bits = b;
			best = t;
		}
		if (t == 0)
			break;
	}
	if (low + 2 >= k) /* seen already */
		return (uint8_t)best;
	uint64_t b = rice_bits(d, n, most, low + 1);
	if (b < *bits) {
		*bits = b;
		best = low + 1;
	}
	return (uint8_t)best;
}

static void rice_consider(struct choice *best, const int64_t *r, uint32_t n, uint32_t order,
                          uint64_t first, int64_t least)
{
	uint64_t d[INTS_MAX];
	struct choice mine = { .order = order, .from = origin_of(r, n, least) };
	mine.coder = mine.from.least ? RISE : RICE;
	mine.bits = first + varint_bits(zz_of(mine.from.at)) + 7;
	if (mine.bits + distances(r, n, mine.from, d) >= best->bits)
		return;
	for (uint32_t i = 0; i < n; i += GROUP) {
		uint64_t group;
		mine.k[i / GROUP] = rice_k(d + i, MIN(n - i, (uint32_t)GROUP), &group);
		mine.bits += group;
	}
	if (mine.bits < best->bits)
		*best = mine;
}

static void consider(struct choice *best, uint64_t bits, uint32_t order, enum coder coder)
{
	if (bits < best->bits)
		*best = (struct choice){ .bits = bits, .order = order, .coder = coder };
}

static void differences(int64_t *r, uint32_t n, uint32_t order)
{
	for (uint32_t i = n - 1; i >= order; i--)
		r[i] = minus(r[i], r[i - 1]);
}

static struct choice choose(const int64_t *v, uint32_t n)
{
	int64_t r[INTS_MAX];
	struct choice best = { .bits = UINT64_MAX };
	uint64_t first = 0; /* bits of the values in front */
	memcpy(r, v, n * sizeof(*v));
	for (uint32_t order = 0; order < ORDERS && order < n; order++) {
		if (order) {
			first += varint_bits(zz_of(r[order - 1]));
			differences(r, n, order);
		}
		const int64_t *rest = r + order;
		uint32_t m = n - order;
		int64_t least;
		int64_t most;
		uint64_t pack = pack_cost(rest, m, &least, &most);
		if (least == most) {
			consider(&best, first + varint_bits(zz_of(least)), order, CONST);
			break;
		}
		consider(&best, first + pack, order, PACK);
		consider(&best, first + rle_cost(rest, m, best.bits), order, RLE);
		rice_consider(&best, rest, m, order, first, least);
		if (best.order < order) /* what differences do not help, theirs do not either */
			break;
	}
	return best;
}

/* ---- giving */

static void pack_give(struct buffer *out, const int64_t *r, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += GROUP) {
		uint32_t m = MIN(n - i, (uint32_t)GROUP);
		int64_t least;
		int64_t most;
		bounds(r + i, m, &least, &most);
		uint32_t width = width_of((uint64_t)minus(most, least));
		buffer_give_zz(out, least);
		buffer_give_u8(out, (uint8_t)width);
		struct bits_out w = { .p = buffer_room(out, GROUP * 8 + 8) };
		if (!w.p)
			return;
		for (uint32_t j = 0; j < m; j++)
			bits_put(&w, (uint64_t)minus(r[i + j], least), width);
		out->n = (size_t)(bits_end(&w) - out->p);
	}
}

static void rice_put(struct bits_out *w, uint64_t u, uint32_t k)
{
	uint64_t q = u >> k;
	if (q < ESCAPE) {
		bits_put(w, 1ULL << q, (uint32_t)q + 1);
		bits_put(w, u & ((1ULL << k) - 1), k);
	} else {
		bits_put(w, 1ULL << ESCAPE, ESCAPE + 1);
		bits_put(w, u, 64);
	}
}

static void rice_give(struct buffer *out, const int64_t *r, uint32_t n, const struct choice *how)
{
	buffer_give_zz(out, how->from.at);
	struct bits_out w = { .p = buffer_room(out, (size_t)n * 12 + 64) };
	if (!w.p)
		return;
	for (uint32_t i = 0; i < n; i++) {
		if (i % GROUP == 0)
			bits_put(&w, how->k[i / GROUP], K_BITS);
		rice_put(&w, distance(how->from, r[i]), how->k[i / GROUP]);
	}
	out->n = (size_t)(bits_end(&w) - out->p);
}

static void rle_give(struct buffer *out, const int64_t *r, uint32_t n)
{
	for (uint32_t i = 0; i < n;) {
		uint32_t end = i + 1;
		while (end < n && r[end] == r[i])
			end++;
		buffer_give_zz(out, r[i]);
		buffer_give_varint(out, end - i - 1);
		i = end;
	}
}

void ints_give(struct buffer *out, const int64_t *v, uint32_t n)
{
	int64_t r[INTS_MAX];
	if (n == 0)
		return;
	if (n > INTS_MAX) {
		out->bad = true;
		return;
	}
	struct choice how = choose(v, n);
	memcpy(r, v, n * sizeof(*v));
	buffer_give_u8(out, (uint8_t)(how.order << 4 | how.coder));
	for (uint32_t order = 1; order <= how.order; order++) {
		buffer_give_zz(out, r[order - 1]);
		differences(r, n, order);
	}
	const int64_t *rest = r + how.order;
	switch (how.coder) {
	case CONST:
		buffer_give_zz(out, rest[0]);
		break;
	case PACK:
		pack_give(out, rest, n - how.order);
		break;
	case RICE:
	case RISE:
		rice_give(out, rest, n - how.order, &how);
		break;
	case RLE:
		rle_give(out, rest, n - how.order);
		break;
	}
}

/* ---- taking */

static void const_take(struct cursor *c, int64_t *out, uint32_t n)
{
	int64_t v = cursor_take_zz(c);
	for (uint32_t i = 0; i < n; i++)
		out[i] = v;
}

static void pack_take(struct cursor *c, int64_t *out, uint32_t n)
{
	for (uint32_t i = 0; i < n && !c->bad; i += GROUP) {
		uint32_t m = MIN(n - i, (uint32_t)GROUP);
		int64_t least = cursor_take_zz(c);
		uint32_t width = cursor_take_u8(c);
		if (width > 64) {
			c->bad = true;
			return;
		}
		if (width == 0) {
			for (uint32_t j = 0; j < m; j++)
				out[i + j] = least;
			continue;
		}
		size_t bytes = ((size_t)m * width + 7) / 8;
		const uint8_t *p = cursor_take(c, bytes);
		if (!p)
			return;
		struct bits_in r = { .p = p, .end = p + bytes };
		for (uint32_t j = 0; j < m; j++)
			out[i + j] = plus(least, (int64_t)bits_get(&r, width));
	}
}

static uint64_t rice_get(struct bits_in *r, uint32_t k)
{
	uint64_t q = bits_get_zeros(r, ESCAPE);
	return q == ESCAPE ? bits_get(r, 64) : q << k | bits_get(r, k);
}

/* What fits into one load, as nearly all do, is taken at once. */
static void rice_group(struct bits_in *r, int64_t *out, uint32_t n, uint32_t k)
{
	const uint64_t mask = (1ULL << k) - 1;
	for (uint32_t i = 0; i < n && !r->bad; i++) {
		bits_fill(r);
		uint32_t q = (uint32_t)__builtin_ctzll(r->acc | 1ULL << 63);
		uint32_t width = q + 1 + k;
		if (q >= ESCAPE || width > r->n) {
			out[i] = (int64_t)rice_get(r, k);
			continue;
		}
		out[i] = (int64_t)((uint64_t)q << k | (r->acc >> (q + 1) & mask));
		r->acc >>= width;
		r->n -= width;
	}
}

static void rice_take(struct cursor *c, int64_t *out, uint32_t n, bool least)
{
	int64_t from = cursor_take_zz(c);
	struct bits_in r = { .p = c->p, .end = c->end };
	for (uint32_t i = 0; i < n && !r.bad; i += GROUP) {
		uint32_t k = (uint32_t)bits_get(&r, K_BITS);
		rice_group(&r, out + i, MIN(n - i, (uint32_t)GROUP), k);
	}
	for (uint32_t i = 0; i < n; i++)
		out[i] = plus(from, least ? out[i] : zz_back((uint64_t)out[i]));
	c->p = bits_rest(&r);
	c->bad |= r.bad;
}

static void rle_take(struct cursor *c, int64_t *out, uint32_t n)
{
	for (uint32_t i = 0; i < n && !c->bad;) {
		int64_t v = cursor_take_zz(c);
		uint64_t more = cursor_take_varint(c);
		if (more >= n - i) {
			c->bad = true;
			return;
		}
		for (uint64_t end = i + more; i <= end; i++)
			out[i] = v;
	}
}

int ints_take(struct cursor *c, int64_t *out, uint32_t n)
{
	if (n == 0)
		return 0;
	uint8_t head = cursor_take_u8(c);
	uint32_t order = head >> 4;
	if (n > INTS_MAX || order >= ORDERS || order >= n)
		return SB_E_CORRUPT;
	for (uint32_t i = 0; i < order; i++)
		out[i] = cursor_take_zz(c);
	switch (head & 15) {
	case CONST:
		const_take(c, out + order, n - order);
		break;
	case PACK:
		pack_take(c, out + order, n - order);
		break;
	case RICE:
	case RISE:
		rice_take(c, out + order, n - order, (head & 15) == RISE);
		break;
	case RLE:
		rle_take(c, out + order, n - order);
		break;
	default:
		return SB_E_CORRUPT;
	}
	if (c->bad)
		return SB_E_CORRUPT;
	for (; order > 0; order--)
		for (uint32_t i = order; i < n; i++)
			out[i] = plus(out[i], out[i - 1]);
	return 0;
}
