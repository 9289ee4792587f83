#include "ingest/recent.h"

#include <string.h>

#include "base/map.h"
#include "model/row.h"

#define MIX 0x9e3779b97f4a7c15u

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * MIX;
	return h ^ h >> 29;
}

static uint64_t content(const struct row *row, const void *giver)
{
	uint64_t h = mix(row->n, (uintptr_t)giver);
	for (size_t i = 0; i < row->n; i++) {
		const struct row_value *value = &row->values[i];
		h = mix(h, (uint64_t)value->column << 16 | (uint64_t)value->type << 8 |
		                   value->quality);
		if (value->type == SB_T_STR || value->type == SB_T_BYTES)
			h = mix(h, map_hash(sb_str_of((const char *)value->v.blob.p,
			                              value->v.blob.n)));
		else
			h = mix(h, value->v.u);
	}
	return h ? h : 1;
}

bool recent_seen(struct recent *recent, const struct row *row, uint32_t epoch, const void *giver)
{
	uint64_t hash = content(row, giver);
	if (recent->epoch != epoch) {
		memset(recent, 0, sizeof(*recent));
		recent->epoch = epoch;
	}
	for (uint32_t i = 0; i < RECENT_ROWS; i++)
		if (recent->ts_ns[i] == row->ts_ns && recent->hash[i] == hash)
			return true;
	recent->ts_ns[recent->next] = row->ts_ns;
	recent->hash[recent->next] = hash;
	recent->next = (recent->next + 1) % RECENT_ROWS;
	return false;
}

void recent_forget(struct recent *recent)
{
	recent->next = (recent->next + RECENT_ROWS - 1) % RECENT_ROWS;
	recent->hash[recent->next] = 0;
}
