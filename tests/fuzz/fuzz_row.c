/* Any bytes as a row: refused, or understood so that writing it again gives the same row. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "model/row.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int is_same(const struct row_value *a, const struct row_value *b)
{
	if (a->column != b->column || a->type != b->type || a->quality != b->quality)
		return 0;
	if (a->type < SB_T_STR)
		return a->v.u == b->v.u;
	return a->v.blob.n == b->v.blob.n && memcmp(a->v.blob.p, b->v.blob.p, a->v.blob.n) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct row first;
	static struct row second;
	struct cursor c = cursor_of(data, n);
	struct buffer b = { 0 };
	int64_t base_ns = 1790000000123456789;
	int r = row_take(&c, base_ns, &first);

	if (r == SB_E_CORRUPT)
		return 0;
	row_give(&b, base_ns, &first);
	c = cursor_of(b.p, b.n);
	if (r != 0 || b.bad || row_take(&c, base_ns, &second) != 0 || cursor_left(&c) != 0)
		abort();
	if (first.stream != second.stream || first.flags != second.flags || first.n != second.n ||
	    first.ts_ns != second.ts_ns || first.rx_ns != second.rx_ns)
		abort();
	for (size_t i = 0; i < first.n; i++)
		if (!is_same(&first.values[i], &second.values[i]))
			abort();
	buffer_fini(&b);
	return 0;
}
