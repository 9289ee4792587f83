#include "series/definition.h"

#include <string.h>

#include <signalbox/error.h>
#include <signalbox/services.h>

#include "base/buffer.h"
#include "base/text.h"

void definition_of(struct definition *d, const struct series *s)
{
	d->no = s->no;
	d->device_no = s->device_no;
	d->name = s->name;
	d->unit = series_unit(s);
	d->kind = s->kind;
	for (int t = 0; t < SERIES_TYPES; t++) {
		d->places[t].stream = s->places[t].stream;
		d->places[t].column = d->places[t].stream ? s->places[t].column : 0;
	}
}

void definition_give(struct buffer *out, const struct definition *d)
{
	buffer_give_varint(out, d->no);
	buffer_give_varint(out, d->device_no);
	buffer_give_str(out, d->name);
	buffer_give_str(out, d->unit);
	uint8_t n = 0;
	for (int t = 0; t < SERIES_TYPES; t++)
		n = (uint8_t)(n + (d->places[t].stream != 0));
	/* Before there were kinds, the upper half was 0. */
	buffer_give_u8(out, (uint8_t)(d->kind << 4 | n));
	for (int t = 0; t < SERIES_TYPES; t++) {
		if (!d->places[t].stream)
			continue;
		buffer_give_u8(out, (uint8_t)t);
		buffer_give_u8(out, d->places[t].column);
		buffer_give_varint(out, d->places[t].stream);
	}
}

static uint32_t number_take(struct cursor *c)
{
	uint64_t v = cursor_take_varint(c);
	if (v == 0 || v > UINT32_MAX)
		c->bad = true;
	return (uint32_t)v;
}

int definition_take(struct cursor *c, struct definition *out)
{
	memset(out, 0, sizeof(*out));
	out->no = number_take(c);
	out->device_no = number_take(c);
	out->name = cursor_take_str(c);
	out->unit = cursor_take_str(c);
	uint8_t n = cursor_take_u8(c);
	out->kind = n >> 4;
	n &= 15;
	if (out->kind > SB_KIND_EVENT)
		return SB_E_CORRUPT;
	for (uint8_t i = 0; i < n && !c->bad; i++) {
		uint8_t type = cursor_take_u8(c);
		uint8_t column = cursor_take_u8(c);
		uint32_t stream = number_take(c);
		if (type >= SERIES_TYPES || column >= ROW_COLUMNS_MAX)
			return SB_E_CORRUPT;
		out->places[type].stream = stream;
		out->places[type].column = column;
	}
	if (c->bad || !text_is_name(out->name, SERIES_NAME_MAX))
		return SB_E_CORRUPT;
	if (out->unit.n && !text_is_name(out->unit, SERIES_UNIT_MAX))
		return SB_E_CORRUPT;
	return 0;
}
