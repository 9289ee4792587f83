/* Files of points: CSV (its first line first), JSON lines or CBOR by the first byte, as an operator
 * may give them; read in one piece, and cut in two anywhere, which must find the same. Only looked
 * at. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "api/load.h"
#include "base/text.h"
#include "registry/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct device device = { .no = 1, .id = "d" };

int registry_find(struct registry *reg, struct sb_str id, struct device **out)
{
	(void)reg;
	*out = &device;
	if (text_is(id, device.id))
		return 0;
	return text_is_device_id(id) ? SB_E_UNKNOWN_DEVICE : SB_E_NAME;
}

int registry_meet_as(struct registry *reg, struct sb_str id, enum provisioning how,
                     struct device **out)
{
	(void)how;
	return registry_find(reg, id, out);
}

int import_give(struct import *imp, struct device *dev, int64_t ts_ns, int64_t rx_ns,
                uint16_t flags, const struct import_point *points, uint32_t n)
{
	(void)imp, (void)dev, (void)ts_ns, (void)rx_ns, (void)flags, (void)points, (void)n;
	abort(); /* nothing is stored here */
}

int import_series(struct import *imp, struct device *dev, struct sb_str name, struct sb_str unit,
                  struct series **out)
{
	(void)imp, (void)dev, (void)name, (void)unit, (void)out;
	abort();
}

struct answer {
	uint64_t records, points, bad;
};

/* All of it, the first piece as long as said. */
static struct answer look(enum load_kind kind, struct sb_str head, const uint8_t *data, size_t n,
                          size_t first)
{
	struct answer a = { 0 };
	size_t at = 0;

	while (at < n) {
		struct load *ld;
		size_t len = at == 0 && first ? first : n - at;

		if (load_new(&ld) < 0)
			abort();
		ld->kind = kind;
		ld->unknown = LOAD_CREATE;
		ld->device = SB_STR("d");
		if (kind == LOAD_CSV && load_header(ld, head) < 0) {
			load_free(ld);
			return a;
		}
		uint8_t *copy = malloc(len);
		memcpy(copy, data + at, len);
		if (load_take(ld, copy, len, at + len == n) < 0)
			abort();
		free(copy);
		bool lost = ld->lost;

		if (ld->used > len || (!lost && at + len == n && ld->used != len))
			abort();
		a.records += ld->records;
		a.points += ld->points;
		a.bad += ld->bad;
		at += ld->used;
		first = ld->used || !first ? 0 : n - at;
		load_free(ld);
		if (lost)
			break;
	}
	return a;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sb_str head = { 0 };

	if (n < 2)
		return 0;
	enum load_kind kind = (enum load_kind)(data[0] % 3);
	size_t cut = data[1];
	data += 2;
	n -= 2;
	if (kind == LOAD_CSV) {
		const uint8_t *end = memchr(data, '\n', n);

		if (!end)
			return 0;
		head = sb_str_of((const char *)data, (size_t)(end - data));
		n -= head.n + 1;
		data = end + 1;
	}
	struct answer whole = look(kind, head, data, n, 0);
	struct answer parts = look(kind, head, data, n, cut < n ? cut : 0);

	if (whole.records != parts.records || whole.points != parts.points ||
	    whole.bad != parts.bad)
		abort();
	return 0;
}
