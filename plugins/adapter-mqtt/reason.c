#include "reason.h"

#include <string.h>

#include "conn.h"
#include "packet.h"
#include "properties.h"
#include "server.h"

/* Does a packet with a body of n bytes stay within what the client takes? */
static bool fits(const struct conn *c, size_t n)
{
	return !c->max_out || 1 + packet_varint_size((uint32_t)n) + n <= c->max_out;
}

static uint32_t size_of(size_t text_n)
{
	return text_n ? (uint32_t)text_n + 3 : 0;
}

static void put(struct writer *w, uint8_t id, const char *text, size_t n)
{
	if (!n)
		return;
	writer_u8(w, id);
	writer_binary(w, text, n);
}

void reason_put(struct writer *w, const struct conn *c, uint8_t reason, const char *why,
                size_t rest)
{
	const char *reference = c->srv->config.redirect;
	bool elsewhere = reason == REASON_USE_ANOTHER || reason == REASON_MOVED;
	size_t body = w->n - WRITER_HEAD + rest;
	size_t why_n = why ? strnlen(why, REASON_WHY_MAX) : 0;
	size_t ref_n = elsewhere ? strlen(reference) : 0;

	/* What it would make too large is left out, the words before the address. */
	uint32_t n = size_of(why_n) + size_of(ref_n);
	if (!fits(c, body + packet_varint_size(n) + n)) {
		why_n = 0;
		n = size_of(ref_n);
	}
	if (!fits(c, body + packet_varint_size(n) + n))
		ref_n = n = 0;
	writer_varint(w, n);
	put(w, PROPERTY_SERVER_REFERENCE, reference, ref_n);
	put(w, PROPERTY_REASON_STRING, why, why_n);
}
