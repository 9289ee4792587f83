#include "base/websocket.h"

#include <string.h>

#include "base/own.h"

#define NO_CODE 1005

static enum websocket_event wrong(struct websocket *ws, struct websocket_part *out, uint16_t code,
                                  const char *why)
{
	ws->ended = true;
	out->code = code;
	out->why = why;
	return WEBSOCKET_WRONG;
}

static bool is_control(uint8_t opcode)
{
	return opcode >= WEBSOCKET_CLOSE;
}

/* ---- UTF-8, as it comes: refused at the first byte that can belong to no code point */

static bool utf8_step(struct websocket_utf8 *u, uint8_t c)
{
	if (u->left) {
		bool fits = c >= u->low && c <= u->high;
		u->low = 0x80;
		u->high = 0xBF;
		u->left--;
		return fits;
	}
	if (c < 0x80)
		return true;
	if (c < 0xC2 || c > 0xF4)
		return false;
	u->left = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
	u->low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
	u->high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
	return true;
}

static size_t ascii_prefix(const uint8_t *p, size_t n)
{
	size_t i = 0;
	uint64_t word;

	for (; i + 8 <= n; i += 8) {
		memcpy(&word, p + i, 8);
		if (word & 0x8080808080808080u)
			break;
	}
	return i;
}

static bool utf8_take(struct websocket_utf8 *u, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!u->left)
			i += ascii_prefix(p + i, n - i);
		if (i < n && !utf8_step(u, p[i]))
			return false;
	}
	return true;
}

/* ---- heads */

static size_t length_bytes(const struct websocket *ws)
{
	uint8_t n = ws->head[1] & 0x7F;
	return n < 126 ? 0 : n == 126 ? 2 : 8;
}

/* Why the first two bytes cannot begin a frame here; NULL: they can. */
static const char *fault_of(const struct websocket *ws)
{
	uint8_t opcode = ws->head[0] & 0x0F;

	if (ws->head[0] & 0x70)
		return "a reserved bit is set, no extension was agreed on";
	if ((opcode > WEBSOCKET_BINARY && opcode < WEBSOCKET_CLOSE) || opcode > WEBSOCKET_PONG)
		return "an opcode nobody knows";
	if (!(ws->head[1] & 0x80))
		return "frames of clients are masked";
	if (is_control(opcode)) {
		if (!(ws->head[0] & 0x80))
			return "control frames are not fragmented";
		return (ws->head[1] & 0x7F) > WEBSOCKET_CONTROL_MAX
		               ? "control frames have 125 bytes at most"
		               : NULL;
	}
	if (opcode == 0 && ws->message == 0)
		return "a continuation of nothing";
	if (opcode != 0 && ws->message != 0)
		return "a message begins inside another";
	return NULL;
}

static uint64_t length_of(const struct websocket *ws)
{
	size_t wide = length_bytes(ws);
	uint64_t n = 0;

	if (wide == 0)
		return ws->head[1] & 0x7F;
	for (size_t i = 0; i < wide; i++)
		n = n << 8 | ws->head[2 + i];
	return n;
}

/* The head is complete: is its length written as it must be, does its payload fit? */
static enum websocket_event begin(struct websocket *ws, struct websocket_part *out)
{
	uint64_t n = length_of(ws);
	size_t wide = length_bytes(ws);

	if (n >> 63 || (wide == 2 && n < 126) || (wide == 8 && n < 65536))
		return wrong(ws, out, 1002, "a length is written in the shortest way");
	ws->opcode = ws->head[0] & 0x0F;
	ws->final = ws->head[0] & 0x80;
	ws->left = n;
	ws->mask_at = 0;
	ws->control_n = 0;
	if (is_control(ws->opcode))
		return WEBSOCKET_MORE;
	if (ws->opcode) {
		ws->message = ws->opcode;
		ws->message_n = 0;
		ws->utf8.left = 0;
	}
	if (ws->max_message && n > ws->max_message - ws->message_n)
		return wrong(ws, out, 1009, "the message is too large");
	ws->message_n += ws->max_message ? n : 0;
	return WEBSOCKET_MORE;
}

static bool fill_head(struct websocket *ws, uint8_t **p, const uint8_t *end, size_t want)
{
	size_t n = MIN(want - ws->head_n, (size_t)(end - *p));

	memcpy(ws->head + ws->head_n, *p, n);
	ws->head_n += (uint8_t)n;
	*p += n;
	return ws->head_n == want;
}

static bool is_unwanted(const struct websocket *ws)
{
	uint8_t opcode = ws->head[0] & 0x0F;

	return opcode && !is_control(opcode) && !(ws->accepts & opcode);
}

/* True once the whole head is there, or the two bytes that make it wrong. */
static bool take_head(struct websocket *ws, uint8_t **p, const uint8_t *end)
{
	if (ws->head_n < 2 && !fill_head(ws, p, end, 2))
		return false;
	if (ws->head_n == 2 && (fault_of(ws) || is_unwanted(ws)))
		return true;
	return fill_head(ws, p, end, 6 + length_bytes(ws));
}

/* ---- payloads */

static void unmask(struct websocket *ws, uint8_t *p, size_t n)
{
	const uint8_t *mask = ws->head + ws->head_n - 4;
	uint8_t turned[8];
	uint64_t wide = 0;
	uint64_t word = 0;
	size_t i = 0;

	for (size_t k = 0; k < sizeof(turned); k++)
		turned[k] = mask[(ws->mask_at + k) & 3];
	memcpy(&wide, turned, sizeof(wide));
	for (; i + 8 <= n; i += 8) {
		memcpy(&word, p + i, 8);
		word ^= wide;
		memcpy(p + i, &word, 8);
	}
	for (; i < n; i++)
		p[i] ^= turned[i & 7];
	ws->mask_at = (uint8_t)((ws->mask_at + n) & 3);
}

static bool is_code(uint16_t code)
{
	return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
	       (code >= 3000 && code <= 4999);
}

static enum websocket_event take_close(struct websocket *ws, struct websocket_part *out)
{
	out->code = NO_CODE;
	if (ws->control_n == 0) {
		ws->ended = true;
		return WEBSOCKET_CLOSING;
	}
	if (ws->control_n == 1)
		return wrong(ws, out, 1002, "a close code has two bytes");
	out->code = (uint16_t)(ws->control[0] << 8 | ws->control[1]);
	if (!is_code(out->code))
		return wrong(ws, out, 1002, "no such close code");
	ws->utf8.left = 0;
	if (!utf8_take(&ws->utf8, ws->control + 2, ws->control_n - 2U) || ws->utf8.left)
		return wrong(ws, out, 1007, "a reason is UTF-8");
	out->bytes = (struct sb_bytes){ ws->control + 2, ws->control_n - 2U };
	ws->ended = true;
	return WEBSOCKET_CLOSING;
}

static enum websocket_event take_control(struct websocket *ws, uint8_t *p, size_t n,
                                         struct websocket_part *out)
{
	memcpy(ws->control + ws->control_n, p, n);
	ws->control_n += (uint8_t)n;
	if (ws->left)
		return WEBSOCKET_MORE;
	ws->head_n = 0;
	if (ws->opcode == WEBSOCKET_CLOSE)
		return take_close(ws, out);
	out->bytes = (struct sb_bytes){ ws->control, ws->control_n };
	return ws->opcode == WEBSOCKET_PING ? WEBSOCKET_PINGED : WEBSOCKET_PONGED;
}

static enum websocket_event take_data(struct websocket *ws, uint8_t *p, size_t n,
                                      struct websocket_part *out)
{
	out->last = ws->left == 0 && ws->final;
	out->bytes = (struct sb_bytes){ p, n };
	if (ws->message == WEBSOCKET_TEXT &&
	    (!utf8_take(&ws->utf8, p, n) || (out->last && ws->utf8.left)))
		return wrong(ws, out, 1007, "text is UTF-8");
	if (ws->left == 0)
		ws->head_n = 0;
	if (out->last)
		ws->message = 0;
	return n || out->last ? WEBSOCKET_DATA : WEBSOCKET_MORE;
}

static bool in_payload(const struct websocket *ws)
{
	return ws->head_n > 2 && ws->head_n == 6 + length_bytes(ws);
}

static enum websocket_event take_begin(struct websocket *ws, struct websocket_part *out)
{
	const char *fault = fault_of(ws);

	if (fault)
		return wrong(ws, out, 1002, fault);
	if (ws->head_n == 2)
		return wrong(ws, out, 1003,
		             ws->accepts == WEBSOCKET_TEXT ? "text frames, please"
		                                           : "binary frames, please");
	return begin(ws, out);
}

enum websocket_event websocket_take(struct websocket *ws, uint8_t **p, uint8_t *end,
                                    struct websocket_part *out)
{
	enum websocket_event event = WEBSOCKET_MORE;

	*out = (struct websocket_part){ 0 };
	while (event == WEBSOCKET_MORE) {
		if (ws->ended) {
			*p = end;
			return WEBSOCKET_MORE;
		}
		bool begun = in_payload(ws);
		if (!begun) {
			if (!take_head(ws, p, end))
				return WEBSOCKET_MORE;
			event = take_begin(ws, out);
			if (event != WEBSOCKET_MORE)
				return event;
		}
		size_t n = (size_t)MIN(ws->left, (uint64_t)(end - *p));
		if (n == 0 && ws->left)
			return WEBSOCKET_MORE;
		uint8_t *at = *p;
		*p += n;
		ws->left -= n;
		unmask(ws, at, n);
		event = is_control(ws->opcode) ? take_control(ws, at, n, out)
		                               : take_data(ws, at, n, out);
	}
	return event;
}

/* ---- what we send */

size_t websocket_head(uint8_t out[static WEBSOCKET_HEAD_MAX], uint8_t opcode, bool final,
                      uint64_t n)
{
	size_t wide = n < 126 ? 0 : n < 65536 ? 2 : 8;

	out[0] = (uint8_t)((final ? 0x80 : 0) | opcode);
	out[1] = (uint8_t)(wide == 0 ? n : wide == 2 ? 126 : 127);
	for (size_t i = 0; i < wide; i++)
		out[2 + i] = (uint8_t)(n >> (8 * (wide - 1 - i)));
	return 2 + wide;
}

size_t websocket_control(uint8_t out[static 2 + WEBSOCKET_CONTROL_MAX], uint8_t opcode,
                         struct sb_bytes payload)
{
	size_t n = MIN(payload.n, (size_t)WEBSOCKET_CONTROL_MAX);

	out[0] = 0x80 | opcode;
	out[1] = (uint8_t)n;
	if (n)
		memcpy(out + 2, payload.p, n);
	return 2 + n;
}

size_t websocket_close(uint8_t out[static 2 + WEBSOCKET_CONTROL_MAX], uint16_t code,
                       const char *why)
{
	uint8_t payload[WEBSOCKET_CONTROL_MAX] = { (uint8_t)(code >> 8), (uint8_t)code };
	size_t n = 2;

	if (code == NO_CODE)
		return websocket_control(out, WEBSOCKET_CLOSE, (struct sb_bytes){ 0 });
	while (*why && n < sizeof(payload))
		payload[n++] = (uint8_t)*why++;
	return websocket_control(out, WEBSOCKET_CLOSE, (struct sb_bytes){ payload, n });
}
