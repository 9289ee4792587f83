/* The bus: one Modbus TCP connection or serial line, through libmodbus. Everything here blocks, for
 * the response timeout at most. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "value.h"

struct link;

enum link_answer {
	LINK_OK = 0,
	LINK_EXCEPTION = 1, /* the device answered, but not with data */
	LINK_SILENCE = 2,   /* nothing or garbage; the bus itself is there */
			    /* negative: the bus is lost, connect again */
};

/* "tcp:HOST[:PORT]", "rtu:/dev/ttyS0[:9600[:8N1]]". why gets a sentence on -EINVAL. */
int link_new(struct link **out, const char *address, int64_t timeout_ns, char *why, size_t cap);
struct link *link_free(struct link *link);
int link_connect(struct link *link);
void link_close(struct link *link);
bool link_is_open(const struct link *link);
/* bits or registers, by the kind. */
int link_read(struct link *link, int unit, enum value_kind kind, uint16_t address, uint16_t count,
              void *out);
/* Of the last answer that was not LINK_OK. */
int link_exception(const struct link *link); /* exception code, 0 if it was none */
const char *link_error(const struct link *link);
