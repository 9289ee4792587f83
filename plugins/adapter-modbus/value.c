#include "value.h"

#include <math.h>
#include <string.h>

bool value_is_bit(enum value_kind kind)
{
	return kind == VALUE_COIL || kind == VALUE_DISCRETE;
}

const char *value_kind_text(enum value_kind kind)
{
	static const char *const texts[] = { "coil", "discrete", "input", "holding" };
	return texts[kind];
}

uint8_t value_type(const struct value_spec *spec)
{
	static const uint8_t types[] = {
		[VALUE_U16] = SB_T_U64,    [VALUE_I16] = SB_T_I64, [VALUE_U32] = SB_T_U64,
		[VALUE_I32] = SB_T_I64,    [VALUE_U64] = SB_T_U64, [VALUE_I64] = SB_T_I64,
		[VALUE_F32] = SB_T_F64,    [VALUE_F64] = SB_T_F64, [VALUE_BOOL] = SB_T_BOOL,
		[VALUE_STRING] = SB_T_STR,
	};
	return spec->is_scaled ? SB_T_F64 : types[spec->form];
}

static uint16_t register_at(const struct value_spec *spec, const uint16_t *registers, unsigned i)
{
	uint16_t r = registers[spec->word_swap ? spec->size - 1u - i : i];
	return spec->byte_swap ? __builtin_bswap16(r) : r;
}

/* Most significant register first, whatever the device does. */
static uint64_t raw_bits(const struct value_spec *spec, const uint16_t *registers)
{
	uint64_t bits = 0;
	for (unsigned i = 0; i < spec->size; i++)
		bits = bits << 16 | register_at(spec, registers, i);
	return bits;
}

static void take_text(const struct value_spec *spec, const uint16_t *registers, struct value *out)
{
	uint32_t n = 0;
	for (unsigned i = 0; i < spec->size; i++) {
		uint16_t r = register_at(spec, registers, i);
		out->text[n++] = (char)(r >> 8);
		out->text[n++] = (char)(r & 0xff);
	}
	n = (uint32_t)strnlen(out->text, n);
	while (n > 0 && out->text[n - 1] == ' ')
		n--;
	for (uint32_t i = 0; i < n; i++) {
		if (out->text[i] < ' ' || out->text[i] > '~')
			out->text[i] = '?';
	}
	out->text_n = n;
}

static double float_of(enum value_form form, uint64_t bits)
{
	if (form == VALUE_F64) {
		double d;
		memcpy(&d, &bits, sizeof(d));
		return d;
	}
	uint32_t half = (uint32_t)bits;
	float f;
	memcpy(&f, &half, sizeof(f));
	return (double)f;
}

static int64_t signed_of(enum value_form form, uint64_t bits)
{
	if (form == VALUE_I16)
		return (int16_t)bits;
	return form == VALUE_I32 ? (int32_t)bits : (int64_t)bits;
}

static double scaled(const struct value_spec *spec, double raw)
{
	double v = spec->divisor != 0 ? raw / spec->divisor : raw * spec->scale;
	return v + spec->offset;
}

static void take_number(const struct value_spec *spec, uint64_t bits, struct value *out)
{
	double raw;
	switch (value_type(&(struct value_spec){ .form = spec->form })) {
	case SB_T_F64:
		raw = float_of(spec->form, bits);
		out->v.f = raw;
		if (!isfinite(raw))
			out->quality = SB_Q_SENSOR;
		break;
	case SB_T_I64:
		out->v.i = signed_of(spec->form, bits);
		raw = (double)out->v.i;
		break;
	default:
		out->v.u = bits;
		raw = (double)bits;
		break;
	}
	if (!spec->is_scaled || out->quality != SB_Q_GOOD)
		return;
	out->v.f = scaled(spec, raw);
	if (!isfinite(out->v.f))
		out->quality = SB_Q_RANGE;
}

void value_of_registers(const struct value_spec *spec, const uint16_t *registers, struct value *out)
{
	out->type = value_type(spec);
	out->quality = SB_Q_GOOD;
	out->text_n = 0;
	if (spec->form == VALUE_STRING) {
		take_text(spec, registers, out);
		return;
	}
	uint64_t bits = raw_bits(spec, registers);
	if (spec->has_invalid && bits == spec->invalid)
		out->quality = SB_Q_SENSOR;
	else if (spec->form == VALUE_BOOL)
		out->v.i = bits >> spec->bit & 1;
	else
		take_number(spec, bits, out);
}

void value_of_bit(uint8_t bit, struct value *out)
{
	out->type = SB_T_BOOL;
	out->quality = SB_Q_GOOD;
	out->text_n = 0;
	out->v.i = bit != 0;
}

static double as_double(uint8_t type, union sb_value v)
{
	if (type == SB_T_F64)
		return v.f;
	return type == SB_T_U64 ? (double)v.u : (double)v.i;
}

bool value_differs(const struct value_spec *spec, union sb_value a, union sb_value b)
{
	uint8_t type = value_type(spec);
	if (!(spec->deadband > 0))
		return true;
	return fabs(as_double(type, a) - as_double(type, b)) >= spec->deadband;
}
