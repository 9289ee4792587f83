#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conn.h"
#include "base/log.h"
#include "base/own.h"
#include "base/request.h"
#include "base/stream_listener.h"
#include "base/upgrade.h"

#define LOG_MODULE "stream"

/* ---- the request */

void conn_ws_begin(struct conn *c)
{
	struct streams *s = c->owner;

	c->state = CONN_UPGRADE;
	conn_time(c, s->limits.handshake_seconds * NS_PER_S);
	conn_rewatch(c);
}

static void refuse(struct conn *c, int status, const char *why)
{
	char answer[UPGRADE_ANSWER_MAX];
	size_t n = upgrade_refuse(answer, status, why);

	c->owner->stats.upgrades_refused++;
	log_debug("%s: upgrade refused with %d: %s", c->listener->name, status, why);
	conn_out_write(c, (struct sb_bytes){ (const uint8_t *)answer, n });
	c->linger = true;
	conn_close(c);
}

static int decide(const struct conn *c, const struct request *request, const char **why)
{
	struct sb_str origin = request_field(request, "origin");
	int status = upgrade_check(request, why);

	if (status)
		return status;
	if (!request_lists(request, "sec-websocket-protocol", c->listener->websocket)) {
		*why = "this listener does not speak that Sec-WebSocket-Protocol";
		return 400;
	}
	if (origin.n &&
	    !upgrade_origin(origin, request_field(request, "host"), c->owner->limits.origins)) {
		*why = "pages of this origin may not speak to this host: see http.origins";
		return 403;
	}
	return 0;
}

static void accept_request(struct conn *c, const struct request *request)
{
	char answer[UPGRADE_ANSWER_MAX];
	char text[64];
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);
	size_t n = upgrade_accept(answer, request, c->listener->spec.websocket);
	struct conn_ws *ws = calloc(1, sizeof(*ws));

	if (!ws || getpeername(c->watch.fd, (struct sockaddr *)&peer, &len) < 0 ||
	    conn_out_write(c, (struct sb_bytes){ (const uint8_t *)answer, n }) < 0) {
		free(ws);
		conn_end(c, SB_CLOSE_ERROR);
		return;
	}
	ws->in.accepts = WEBSOCKET_BINARY;
	c->ws = ws;
	c->owner->stats.upgrades++;
	conn_open(c, listener_peer_text(text, sizeof(text), (struct sockaddr *)&peer));
}

void conn_ws_head(struct conn *c)
{
	struct request request;
	const char *why = NULL;
	int n = request_read(&request, (struct sb_bytes){ c->tail, c->tail_n }, &why);

	if (n == 0)
		return;
	int status = n < 0 ? -n : decide(c, &request, &why);
	if (status) {
		refuse(c, status, why);
		return;
	}
	accept_request(c, &request);
	/* What follows the head are frames already. */
	_own_(freep) uint8_t *bytes = steal(c->tail);
	uint32_t left = c->tail_n - (uint32_t)n;
	c->tail_n = c->tail_cap = 0;
	if (left > 0 && c->state == CONN_OPEN)
		conn_in_take(c, bytes + n, left);
}

/* ---- what comes in */

/* True: nothing more is read. */
static bool control(struct conn *c, enum websocket_event event, const struct websocket_part *part)
{
	struct conn_ws *ws = c->ws;

	switch (event) {
	case WEBSOCKET_PINGED: /* of several, the latest is answered */
		ws->pong_waits = true;
		ws->pong_n = (uint8_t)part->bytes.n;
		if (part->bytes.n)
			memcpy(ws->pong, part->bytes.p, part->bytes.n);
		if (!c->blocked)
			list_append(&c->owner->dirty, &c->dirty);
		return false;
	case WEBSOCKET_CLOSING:
		ws->met_close = part->code;
		ws->why = "";
		return true;
	case WEBSOCKET_WRONG:
		ws->met_close = part->code;
		ws->why = part->why;
		return true;
	case WEBSOCKET_DATA:
	case WEBSOCKET_PONGED:
	case WEBSOCKET_MORE:
		break;
	}
	return false;
}

uint32_t conn_ws_take(struct conn *c, uint8_t *p, uint32_t n)
{
	uint8_t *at = p;
	uint32_t got = 0;
	struct websocket_part part;

	for (;;) {
		enum websocket_event event = websocket_take(&c->ws->in, &at, p + n, &part);
		if (event == WEBSOCKET_MORE || control(c, event, &part))
			return got;
		if (event == WEBSOCKET_DATA && part.bytes.n) {
			memmove(p + got, part.bytes.p, part.bytes.n);
			got += (uint32_t)part.bytes.n;
		}
	}
}

void conn_ws_settle(struct conn *c)
{
	struct conn_ws *ws = c->ws;

	if (!ws || !ws->met_close || c->state != CONN_OPEN)
		return;
	/* What came before may have been refused by what is full: it is offered again. */
	if (c->tail && (c->paused || c->owner->paused))
		return;
	ws->say_close = ws->met_close;
	bool broken = ws->why[0] != '\0';
	if (broken)
		log_debug("%s: %s", c->listener->name, ws->why);
	conn_close(c);
	c->why = broken ? SB_CLOSE_ERROR : SB_CLOSE_PEER;
}

/* ---- what goes out: what is written in a turn is one frame */

int conn_ws_open_frame(struct conn *c)
{
	struct conn_ws *ws = c->ws;

	if (ws->framing)
		return 0;
	int r = conn_out_room(c, WEBSOCKET_HEAD_MAX);
	if (r < 0)
		return r;
	ws->frame_at = c->out_n;
	ws->framing = true;
	c->out_n += WEBSOCKET_HEAD_MAX;
	return 0;
}

/* The head takes its room from the right, and what is left of it goes. */
static void close_frame(struct conn *c)
{
	struct conn_ws *ws = c->ws;
	uint8_t head[WEBSOCKET_HEAD_MAX];
	uint8_t *at = c->out + ws->frame_at;
	uint32_t n = c->out_n - ws->frame_at - WEBSOCKET_HEAD_MAX;
	uint32_t size = (uint32_t)websocket_head(head, WEBSOCKET_BINARY, true, n);
	uint32_t gap = WEBSOCKET_HEAD_MAX - size;

	ws->framing = false;
	if (n == 0) {
		c->out_n = ws->frame_at;
	} else if (ws->frame_at == c->out_sent) {
		memcpy(at + gap, head, size);
		c->out_sent += gap;
	} else {
		memcpy(at, head, size);
		memmove(at + size, at + WEBSOCKET_HEAD_MAX, n);
		c->out_n -= gap;
	}
}

static void append(struct conn *c, const uint8_t *frame, size_t n)
{
	if (conn_out_room(c, (uint32_t)n) < 0)
		return;
	memcpy(c->out + c->out_n, frame, n);
	c->out_n += (uint32_t)n;
}

void conn_ws_seal(struct conn *c)
{
	struct conn_ws *ws = c->ws;
	uint8_t frame[2 + WEBSOCKET_CONTROL_MAX];

	if (ws->framing)
		close_frame(c);
	if (ws->closed)
		return;
	if (ws->pong_waits && conn_out_unsent(c) <= c->listener->spec.max_out_bytes) {
		struct sb_bytes payload = { ws->pong, ws->pong_n };
		ws->pong_waits = false;
		append(c, frame, websocket_control(frame, WEBSOCKET_PONG, payload));
	}
	if (ws->say_close) {
		ws->closed = true;
		append(c, frame, websocket_close(frame, ws->say_close, ws->why ? ws->why : ""));
	}
}
