/* One value of a device as its profile describes it, and how it is read out of registers. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

enum value_kind { VALUE_COIL, VALUE_DISCRETE, VALUE_INPUT, VALUE_HOLDING };

enum value_form {
	VALUE_U16,
	VALUE_I16,
	VALUE_U32,
	VALUE_I32,
	VALUE_U64,
	VALUE_I64,
	VALUE_F32,
	VALUE_F64,
	VALUE_BOOL,   /* a coil, a discrete input, or one bit of a register */
	VALUE_STRING, /* two characters a register */
};

#define VALUE_MAX_REGISTERS 125
#define VALUE_MAX_TEXT      (2 * VALUE_MAX_REGISTERS)

struct value_spec {
	char *name, *unit; /* owned by the profile */
	enum value_kind kind;
	enum value_form form;
	uint16_t address; /* from 0, as on the wire */
	uint16_t size;    /* registers, or 1 bit */
	uint8_t bit;      /* of a BOOL in a register; 0 is the least */
	bool word_swap;   /* least significant register first */
	bool byte_swap;   /* least significant byte of each register first */
	bool is_scaled;   /* then value = raw * scale + offset, an f64 */
	double scale;     /* if divisor is 0 */
	double divisor;   /* of a scale like 0.1: raw / 10 is the decimal number that is meant */
	double offset;
	double deadband; /* smaller changes are not sent; 0: every reading is */
	int64_t interval_ns;
	uint32_t series; /* SB_KIND_* of its series */
	bool has_invalid;
	uint64_t invalid; /* the raw value that means "no measurement" */
};

struct value {
	uint8_t type;    /* SB_T_* */
	uint8_t quality; /* not good: v is not set */
	union sb_value v;
	uint32_t text_n;
	char text[VALUE_MAX_TEXT];
};

bool value_is_bit(enum value_kind kind); /* read as bits, not as registers */
const char *value_kind_text(enum value_kind kind);
/* The registers at spec->address, spec->size of them. */
void value_of_registers(const struct value_spec *spec, const uint16_t *registers,
                        struct value *out);
void value_of_bit(uint8_t bit, struct value *out);
/* The type its points have. */
uint8_t value_type(const struct value_spec *spec);
/* Is the change large enough to be sent? Both of the same type. */
bool value_differs(const struct value_spec *spec, union sb_value a, union sb_value b);
