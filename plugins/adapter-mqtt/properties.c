#include "properties.h"

#include <stdbool.h>

#include "packet.h"
#include "reason.h"

enum type { NONE, BYTE, TWO, FOUR, VARINT, BINARY, STRING, PAIR };

#define IN(packet) (1u << (packet))
#define MESSAGE    (IN(PACKET_PUBLISH) | IN(PROPERTIES_WILL))

struct row {
	enum type type;
	uint32_t where;
	bool repeats, forwarded, nonzero, flag;
};

/* Only what a client may send; everything else is refused by standing nowhere. */
static const struct row rows[48] = {
	[PROPERTY_PAYLOAD_FORMAT] = { .type = BYTE,
	                              .where = MESSAGE,
	                              .forwarded = true,
	                              .flag = true },
	[PROPERTY_MESSAGE_EXPIRY] = { .type = FOUR, .where = MESSAGE },
	[PROPERTY_CONTENT_TYPE] = { .type = STRING, .where = MESSAGE, .forwarded = true },
	[PROPERTY_RESPONSE_TOPIC] = { .type = STRING, .where = MESSAGE, .forwarded = true },
	[PROPERTY_CORRELATION_DATA] = { .type = BINARY, .where = MESSAGE, .forwarded = true },
	[PROPERTY_SUBSCRIPTION_ID] = { .type = VARINT,
	                               .where = IN(PACKET_SUBSCRIBE),
	                               .nonzero = true },
	[PROPERTY_SESSION_EXPIRY] = { .type = FOUR,
	                              .where = IN(PACKET_CONNECT) | IN(PACKET_DISCONNECT) },
	[PROPERTY_AUTH_METHOD] = { .type = STRING, .where = IN(PACKET_CONNECT) | IN(PACKET_AUTH) },
	[PROPERTY_AUTH_DATA] = { .type = BINARY, .where = IN(PACKET_CONNECT) | IN(PACKET_AUTH) },
	[PROPERTY_REQUEST_PROBLEM] = { .type = BYTE, .where = IN(PACKET_CONNECT), .flag = true },
	[PROPERTY_WILL_DELAY] = { .type = FOUR, .where = IN(PROPERTIES_WILL) },
	[PROPERTY_REQUEST_RESPONSE] = { .type = BYTE, .where = IN(PACKET_CONNECT), .flag = true },
	[PROPERTY_REASON_STRING] = { .type = STRING,
	                             .where = IN(PACKET_PUBACK) | IN(PACKET_PUBREC) |
	                                      IN(PACKET_PUBREL) | IN(PACKET_PUBCOMP) |
	                                      IN(PACKET_DISCONNECT) | IN(PACKET_AUTH) },
	[PROPERTY_RECEIVE_MAXIMUM] = { .type = TWO, .where = IN(PACKET_CONNECT), .nonzero = true },
	[PROPERTY_TOPIC_ALIAS_MAXIMUM] = { .type = TWO, .where = IN(PACKET_CONNECT) },
	[PROPERTY_TOPIC_ALIAS] = { .type = TWO, .where = IN(PACKET_PUBLISH) },
	[PROPERTY_USER] = { .type = PAIR, .where = UINT32_MAX, .repeats = true, .forwarded = true },
	[PROPERTY_MAXIMUM_PACKET] = { .type = FOUR, .where = IN(PACKET_CONNECT), .nonzero = true },
};

static void take_text(struct cursor *c, unsigned id, enum type type, struct properties *out)
{
	if (type == BINARY) {
		cursor_binary(c);
		return;
	}
	struct sb_str s = cursor_string(c);
	if (type == PAIR)
		cursor_string(c);
	if (id == PROPERTY_CONTENT_TYPE)
		out->content_type = s;
	else if (id == PROPERTY_RESPONSE_TOPIC)
		out->response_topic = s;
	else if (id == PROPERTY_AUTH_METHOD)
		out->auth_method = s;
}

static uint8_t take_value(struct cursor *c, unsigned id, struct properties *out)
{
	const struct row *row = &rows[id];

	switch (row->type) {
	case BYTE:
		out->value[id] = cursor_u8(c);
		break;
	case TWO:
		out->value[id] = cursor_u16(c);
		break;
	case FOUR:
		out->value[id] = cursor_u32(c);
		break;
	case VARINT:
		out->value[id] = cursor_varint(c);
		break;
	case BINARY:
	case STRING:
	case PAIR:
		take_text(c, id, row->type, out);
		break;
	case NONE:
		return REASON_PROTOCOL_ERROR;
	}
	if (c->bad)
		return REASON_MALFORMED;
	if ((row->nonzero && !out->value[id]) || (row->flag && out->value[id] > 1))
		return REASON_PROTOCOL_ERROR;
	return 0;
}

/* Adjacent forwarded properties are one piece. At most two properties of a message are not
 * forwarded and neither repeats, so three pieces are enough. */
static void keep(struct properties *out, const uint8_t *from, const uint8_t *to)
{
	for (unsigned i = 0; i < 3; i++) {
		struct sb_bytes *piece = &out->forward[i];
		if (!piece->n)
			piece->p = from;
		if (piece->p + piece->n == from) {
			piece->n += (size_t)(to - from);
			return;
		}
	}
}

uint8_t properties_take(struct cursor *c, uint8_t where, struct properties *out)
{
	uint32_t n = cursor_varint(c);
	struct cursor block = cursor_of(cursor_bytes(c, n));

	memset(out, 0, sizeof(*out));
	if (c->bad)
		return REASON_MALFORMED;
	while (cursor_left(&block)) {
		const uint8_t *from = block.p;
		uint32_t id = cursor_varint(&block);
		if (block.bad || id >= 48 || rows[id].type == NONE)
			return REASON_MALFORMED;
		if (!(rows[id].where & IN(where)))
			return REASON_PROTOCOL_ERROR;
		if (properties_have(out, id) && !rows[id].repeats)
			return REASON_PROTOCOL_ERROR;
		out->have |= 1ull << id;
		uint8_t reason = take_value(&block, id, out);
		if (reason)
			return reason;
		if (rows[id].forwarded && (MESSAGE & IN(where)))
			keep(out, from, block.p);
	}
	return 0;
}
