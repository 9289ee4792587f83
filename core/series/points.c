#include "series/points.h"

#include <signalbox/error.h>

#include "model/record.h"
#include "model/row.h"

int points_open(struct points *p, struct sb_bytes payload)
{
	p->c = cursor_of(payload.p, payload.n);
	uint8_t type = cursor_take_u8(&p->c);
	p->base_ns = (int64_t)cursor_take_u64(&p->c);
	return p->c.bad || type != RECORD_POINTS ? SB_E_CORRUPT : 0;
}

int points_next(struct points *p, struct row *row, struct sb_bytes *bytes)
{
	if (cursor_left(&p->c) == 0)
		return 0;
	const uint8_t *begin = p->c.p;
	int r = row_take(&p->c, p->base_ns, row);
	if (r < 0)
		return r;
	bytes->p = begin;
	bytes->n = (size_t)(p->c.p - begin);
	return 1;
}
