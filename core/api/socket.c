#include "api/socket.h"

#include <stdlib.h>
#include <string.h>

#include <signalbox/services.h>

#include "api/access.h"
#include "api/front.h"
#include "api/guard.h"
#include "api/live.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/request.h"
#include "base/stream.h"
#include "base/text.h"
#include "base/upgrade.h"

#define MESSAGE_MAX  (1U << 20)
#define PIECE        65536U       /* of one frame */
#define SLOW_BYTES   (256U << 10) /* unsent: events are left out */
#define STUCK_BYTES  (64U << 20)  /* unsent: the client does not read its answers */
#define STUCK_FRAMES 1024U
#define ASK_NS       (30 * NS_PER_S)
#define SILENT_NS    (75 * NS_PER_S)

bool session_is_slow(const struct session *s)
{
	return s->queued_bytes > SLOW_BYTES || s->close_code;
}

/* ---- what goes out */

static int give(struct session *s, const uint8_t *p, size_t n)
{
	return streams_write(s->api->streams, s->conn, (struct sb_bytes){ p, n });
}

static void outgoing_pop(struct session *s)
{
	struct outgoing *f = s->first;

	s->first = f->next;
	if (!s->first)
		s->last = &s->first;
	s->queued--;
	s->queued_bytes -= f->bytes.n;
	buffer_fini(&f->bytes);
	free(f);
}

static void give_close(struct session *s)
{
	uint8_t frame[2 + WEBSOCKET_CONTROL_MAX];

	give(s, frame, websocket_close(frame, (uint16_t)s->close_code, s->close_why));
	s->closed = true;
	streams_close_gently(s->api->streams, s->conn);
}

static int give_pong(struct session *s)
{
	uint8_t frame[2 + WEBSOCKET_CONTROL_MAX];
	struct sb_bytes payload = { s->pong, s->pong_n };
	int r = give(s, frame, websocket_control(frame, WEBSOCKET_PONG, payload));

	s->pong_waits = r != 0;
	return r;
}

/* The head of a frame stands where bytes were that have been sent. */
static int give_piece(struct session *s)
{
	struct outgoing *f = s->first;
	uint8_t head[WEBSOCKET_HEAD_MAX];
	size_t n = MIN(f->bytes.n - f->at, (size_t)PIECE);
	bool last = f->at + n == f->bytes.n;
	uint8_t kind = s->form == WIRE_JSON ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
	size_t size = websocket_head(head, f->at == SESSION_HEAD ? kind : 0, last, n);
	uint8_t *at = f->bytes.p + f->at - size;

	memcpy(at, head, size);
	int r = give(s, at, size + n);

	if (r != 0)
		return r;
	f->at += n;
	if (last)
		outgoing_pop(s);
	return 0;
}

void session_writable(struct session *s)
{
	int r = 0;

	while (r == 0 && !s->closed) {
		if (s->close_code)
			give_close(s);
		else if (s->pong_waits)
			r = give_pong(s);
		else if (s->first)
			r = give_piece(s);
		else
			return;
	}
}

void session_end(struct session *s, int code, const char *why)
{
	if (s->close_code)
		return;
	s->close_code = code;
	s->close_why = why;
	session_writable(s);
}

bool session_send(struct session *s, struct buffer *bytes, bool event)
{
	if (bytes->bad || bytes->n <= SESSION_HEAD || s->close_code ||
	    (event && session_is_slow(s)))
		return false;
	struct outgoing *f = calloc(1, sizeof(*f));

	if (!f) {
		session_end(s, 1011, "no memory");
		return false;
	}
	f->bytes = *bytes;
	*bytes = (struct buffer){ .max = bytes->max };
	f->at = SESSION_HEAD;
	*s->last = f;
	s->last = &f->next;
	s->queued++;
	s->queued_bytes += f->bytes.n;
	if (s->queued_bytes > STUCK_BYTES || s->queued > STUCK_FRAMES)
		session_end(s, 1013, "answers are not read");
	else
		session_writable(s);
	return true;
}

/* ---- what comes in */

static void take_data(struct session *s, const struct websocket_part *part)
{
	if (part->last && s->in.n == 0) { /* the usual: one frame, one read */
		rpc_take(s, part->bytes.p, part->bytes.n);
		return;
	}
	buffer_give(&s->in, part->bytes.p, part->bytes.n);
	if (s->in.bad) {
		session_end(s, 1011, "no memory");
		return;
	}
	if (!part->last)
		return;
	rpc_take(s, s->in.p, s->in.n);
	buffer_reset(&s->in);
	if (s->in.cap > PIECE)
		buffer_fini(&s->in);
}

static void take_ping(struct session *s, struct sb_bytes payload)
{
	s->pong_waits = true;
	s->pong_n = (uint8_t)payload.n;
	if (payload.n)
		memcpy(s->pong, payload.p, payload.n);
	session_writable(s);
}

void session_take(struct session *s, struct sb_bytes bytes)
{
	uint8_t *p = (uint8_t *)(uintptr_t)bytes.p;
	uint8_t *end = p + bytes.n;
	struct websocket_part part;
	enum websocket_event event = WEBSOCKET_DATA;

	s->heard_ns = clock_mono();
	s->asked = false;
	while (!s->close_code && event != WEBSOCKET_MORE) {
		event = websocket_take(&s->reader, &p, end, &part);
		switch (event) {
		case WEBSOCKET_DATA:
			take_data(s, &part);
			break;
		case WEBSOCKET_PINGED:
			take_ping(s, part.bytes);
			break;
		case WEBSOCKET_CLOSING:
			session_end(s, part.code, "");
			break;
		case WEBSOCKET_WRONG:
			s->api->counts.clients_cut_off++;
			session_end(s, part.code, part.why);
			break;
		case WEBSOCKET_PONGED:
		case WEBSOCKET_MORE:
			break;
		}
	}
}

/* ---- life */

static int check(struct front *front, const struct request *request, struct token_claims *who,
                 const char **why)
{
	struct api *api = front->api;
	struct guard_upgrade asked = {
		.upgrade = request_field(request, "upgrade"),
		.version = request_field(request, "sec-websocket-version"),
		.key = request_field(request, "sec-websocket-key"),
		.origin = request_field(request, "origin"),
		.host = request_field(request, "host"),
		.ours = request_lists(request, "sec-websocket-protocol", "signalbox.v1.json") ||
		        request_lists(request, "sec-websocket-protocol", "signalbox.v1.cbor"),
		.bearer = access_bearer(request_field(request, "authorization")).n > 0,
	};
	int status = guard_upgrade(&asked, api->config.origins, why);

	if (status == 0)
		status = upgrade_check(request, why);
	if (status)
		return status;
	*why = "too many clients, try later";
	if (api->sessions >= api->config.max_clients)
		return 503;
	*why = "log in first, or send a bearer token";
	return front_whose(front, request, who) < 0 ? 401 : 0;
}

static void session_link(struct session *s)
{
	struct api *api = s->api;

	s->prev = &api->first_session;
	s->next = api->first_session;
	if (s->next)
		s->next->prev = &s->next;
	api->first_session = s;
	api->sessions++;
}

int socket_enter(struct front *front, const struct request *request, struct session **out,
                 const char **why)
{
	char answer[UPGRADE_ANSWER_MAX];
	struct token_claims who;
	/* Of both, JSON. */
	bool json = request_lists(request, "sec-websocket-protocol", "signalbox.v1.json");
	int status = check(front, request, &who, why);

	if (status)
		return status;
	struct session *s = calloc(1, sizeof(*s));

	*why = "no memory";
	if (!s)
		return 503;
	s->api = front->api;
	s->conn = front->conn;
	s->who = who;
	s->form = json ? WIRE_JSON : WIRE_CBOR;
	s->reader.accepts = json ? WEBSOCKET_TEXT : WEBSOCKET_BINARY;
	s->reader.max_message = MESSAGE_MAX;
	s->last = &s->first;
	s->in.max = MESSAGE_MAX;
	s->heard_ns = clock_mono();
	session_link(s);
	size_t n = upgrade_accept(answer, request,
	                          json ? SB_STR("signalbox.v1.json") : SB_STR("signalbox.v1.cbor"));
	give(s, (const uint8_t *)answer, n);
	*out = s;
	return 0;
}

struct session *session_free(struct session *s)
{
	if (!s)
		return NULL;
	for (struct call *c = s->calls; c; c = c->next) {
		c->session = NULL;
		c->cancelled = true;
	}
	live_forget(s);
	while (s->first)
		outgoing_pop(s);
	buffer_fini(&s->in);
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->api->sessions--;
	free(s);
	return NULL;
}

void socket_end_all(struct api *api, int code, const char *why)
{
	for (struct session *s = api->first_session; s; s = s->next)
		session_end(s, code, why);
}

static void check_life(struct session *s, int64_t now_ns)
{
	uint8_t frame[2 + WEBSOCKET_CONTROL_MAX];
	int64_t silent_ns = now_ns - s->heard_ns;

	if (s->closed)
		return;
	if (silent_ns >= SILENT_NS) {
		s->closed = true; /* nobody is there to read why */
		streams_close(s->api->streams, s->conn);
	} else if (silent_ns >= ASK_NS && !s->asked) {
		size_t n = websocket_control(frame, WEBSOCKET_PING, (struct sb_bytes){ 0 });
		s->asked = give(s, frame, n) == 0;
	}
}

void socket_check_all(struct api *api)
{
	int64_t now_ns = clock_mono();

	for (struct session *s = api->first_session; s; s = s->next) {
		if (access_role(&api->access, &s->who) == SB_ROLE_NONE)
			session_end(s, 4401, "the token has ended");
		check_life(s, now_ns);
	}
}
