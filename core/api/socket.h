/* One WebSocket client: what it sends is assembled and checked, what it gets is queued. Api thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "api/token.h"
#include "base/wire.h"

struct api;
struct call;
struct lws;
struct subscription;

struct outgoing { /* a message on its way out; LWS_PRE bytes stand before the text */
	struct outgoing *next;
	struct buffer bytes;
	size_t at;
};

struct session {
	struct api *api;
	struct lws *wsi;
	enum wire_form form;
	struct token_claims who;
	struct buffer in;
	struct outgoing *first, **last;
	size_t queued_bytes;
	uint32_t queued;
	struct call *calls; /* under way */
	uint32_t n_calls;
	struct subscription *subscriptions;
	uint32_t n_subscriptions, last_subscription;
	int close_code;
	const char *close_why;
	struct session *next, **prev;
};

/* Takes the memory of bytes (which is empty afterwards), LWS_PRE bytes in front of the text. An
 * event may be refused: false when the client is slow. */
bool session_send(struct session *s, struct buffer *bytes, bool event);
bool session_is_slow(const struct session *s); /* events would be refused */
/* Closes with this code as soon as possible; why is a literal. */
void session_end(struct session *s, int code, const char *why);

/* libwebsockets' callback of both subprotocols. */
int socket_on(struct lws *wsi, int reason, struct session *s, void *in, size_t n);
/* session_end() for all of them. */
void socket_end_all(struct api *api, int code, const char *why);
/* Ends sessions whose tokens have ended. */
void socket_check_all(struct api *api);
