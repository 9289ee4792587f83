#include "api/socket.h"

#include <stdlib.h>
#include <string.h>

#include <libwebsockets.h>

#include <signalbox/services.h>

#include "api/access.h"
#include "api/live.h"
#include "api/rpc.h"
#include "api/server.h"
#include "base/own.h"

#define MESSAGE_MAX  (1U << 20)
#define PIECE        65536U       /* of one write */
#define SLOW_BYTES   (256U << 10) /* unsent: events are left out */
#define STUCK_BYTES  (64U << 20)  /* unsent: the client does not read its answers */
#define STUCK_FRAMES 1024U

bool session_is_slow(const struct session *s)
{
	return s->queued_bytes > SLOW_BYTES || s->close_code;
}

void session_end(struct session *s, int code, const char *why)
{
	if (s->close_code)
		return;
	s->close_code = code;
	s->close_why = why;
	lws_callback_on_writable(s->wsi);
}

bool session_send(struct session *s, struct buffer *bytes, bool event)
{
	if (bytes->bad || bytes->n <= LWS_PRE || s->close_code || (event && session_is_slow(s)))
		return false;
	struct outgoing *f = calloc(1, sizeof(*f));

	if (!f) {
		session_end(s, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, "no memory");
		return false;
	}
	f->bytes = *bytes;
	*bytes = (struct buffer){ .max = bytes->max };
	f->at = LWS_PRE;
	*s->last = f;
	s->last = &f->next;
	s->queued++;
	s->queued_bytes += f->bytes.n;
	if (s->queued_bytes > STUCK_BYTES || s->queued > STUCK_FRAMES)
		session_end(s, 1013, "answers are not read");
	lws_callback_on_writable(s->wsi);
	return true;
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

/* One write per call, as libwebsockets wants it; it may scribble into the bytes before the piece.
 */
static int socket_give(struct session *s)
{
	struct outgoing *f = s->first;

	if (s->close_code) {
		lws_close_reason(s->wsi, (enum lws_close_status)s->close_code,
		                 (unsigned char *)(uintptr_t)s->close_why, strlen(s->close_why));
		return -1;
	}
	if (!f || lws_send_pipe_choked(s->wsi)) {
		if (f)
			lws_callback_on_writable(s->wsi);
		return 0;
	}
	size_t n = MIN(f->bytes.n - f->at, PIECE);
	bool first = f->at == LWS_PRE;
	bool last = f->at + n == f->bytes.n;
	int kind = s->form == WIRE_JSON ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
	int flags = lws_write_ws_flags(kind, first, last);

	if (lws_write(s->wsi, f->bytes.p + f->at, n, (enum lws_write_protocol)flags) < (int)n)
		return -1;
	f->at += n;
	if (last)
		outgoing_pop(s);
	if (s->first)
		lws_callback_on_writable(s->wsi);
	return 0;
}

static int socket_refuse(struct lws *wsi, enum lws_close_status code, const char *why)
{
	lws_close_reason(wsi, code, (unsigned char *)(uintptr_t)why, strlen(why));
	return -1;
}

static int socket_take(struct session *s, const void *in, size_t n)
{
	if (s->close_code)
		return 0;
	if (lws_is_first_fragment(s->wsi))
		buffer_reset(&s->in);
	if (lws_frame_is_binary(s->wsi) != (s->form == WIRE_CBOR))
		return socket_refuse(s->wsi, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE,
		                     s->form == WIRE_CBOR ? "binary frames, please"
		                                          : "text frames, please");
	if (s->in.n + n + lws_remaining_packet_payload(s->wsi) > MESSAGE_MAX)
		return socket_refuse(s->wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, "1 MiB at most");
	buffer_give(&s->in, in, n);
	if (s->in.bad)
		return socket_refuse(s->wsi, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, "no memory");
	if (!lws_is_final_fragment(s->wsi) || lws_remaining_packet_payload(s->wsi))
		return 0;
	rpc_take(s, s->in.n ? s->in.p : (const uint8_t *)"", s->in.n);
	if (s->in.cap > PIECE)
		buffer_fini(&s->in);
	return 0;
}

/* ---- life */

static struct sb_str token_of(struct lws *wsi, const struct api *api, char *buf, size_t cap)
{
	struct sb_str bearer = access_bearer(
		server_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, buf, cap));

	if (bearer.n)
		return bearer;
	return access_cookie(server_header(wsi, WSI_TOKEN_HTTP_COOKIE, buf, cap), api->cookie);
}

/* The guard has let the upgrade pass; now the token decides. */
static int socket_enter(struct lws *wsi, struct api *api, struct session *s)
{
	char buf[8192];
	const char *why;

	return access_check(&api->access, token_of(wsi, api, buf, sizeof(buf)), &s->who, &why);
}

static void socket_open(struct lws *wsi, struct api *api, struct session *s)
{
	const char *name = lws_get_protocol(wsi)->name;

	s->api = api;
	s->wsi = wsi;
	s->form = strcmp(name, "signalbox.v1.cbor") == 0 ? WIRE_CBOR : WIRE_JSON;
	s->last = &s->first;
	s->in.max = MESSAGE_MAX;
	s->prev = &api->first_session;
	s->next = api->first_session;
	if (s->next)
		s->next->prev = &s->next;
	api->first_session = s;
	api->sessions++;
}

static void socket_close(struct session *s)
{
	if (!s->api)
		return;
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
	s->api = NULL;
}

int socket_on(struct lws *wsi, int reason, struct session *s, void *in, size_t n)
{
	struct api *api = lws_context_user(lws_get_context(wsi));

	switch (reason) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return socket_enter(wsi, api, s);
	case LWS_CALLBACK_ESTABLISHED:
		socket_open(wsi, api, s);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return socket_take(s, in, n);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return socket_give(s);
	case LWS_CALLBACK_CLOSED:
		socket_close(s);
		return 0;
	default:
		return 0;
	}
}

void socket_end_all(struct api *api, int code, const char *why)
{
	for (struct session *s = api->first_session; s; s = s->next)
		session_end(s, code, why);
}

void socket_check_all(struct api *api)
{
	for (struct session *s = api->first_session; s; s = s->next)
		if (access_role(&api->access, &s->who) == SB_ROLE_NONE)
			session_end(s, 4401, "the token has ended");
}
