/* One WebSocket client: what it sends is assembled and checked, what it gets is queued. Api thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "api/token.h"
#include "base/websocket.h"
#include "base/wire.h"

struct api;
struct call;
struct front;
struct request;
struct subscription;

#define SESSION_HEAD WEBSOCKET_HEAD_MAX /* bytes that stand before the text of a message */

struct outgoing { /* a message on its way out */
	struct outgoing *next;
	struct buffer bytes;
	size_t at;
};

struct session {
	struct api *api;
	sb_conn conn;
	enum wire_form form;
	struct token_claims who;
	struct websocket reader;
	struct buffer in;
	struct outgoing *first, **last;
	size_t queued_bytes;
	uint32_t queued;
	struct call *calls; /* under way */
	uint32_t n_calls;
	struct subscription *subscriptions;
	uint32_t n_subscriptions, last_subscription;
	int64_t heard_ns; /* the client said something */
	bool asked;       /* whether it lives, since then */
	bool closed;      /* the close frame is out, or cannot be sent */
	bool pong_waits;
	uint8_t pong_n, pong[WEBSOCKET_CONTROL_MAX]; /* to the latest ping */
	int close_code;
	const char *close_why;
	struct session *next, **prev;
};

/* Takes the memory of bytes (which is empty afterwards), SESSION_HEAD bytes in front of the text.
 * An event may be refused: false when the client is slow. */
bool session_send(struct session *s, struct buffer *bytes, bool event);
bool session_is_slow(const struct session *s); /* events would be refused */
/* Closes with this code as soon as possible; why is a literal. */
void session_end(struct session *s, int code, const char *why);
/* Its output has room again. */
void session_writable(struct session *s);
/* All bytes are taken; they are scratch memory. */
void session_take(struct session *s, struct sb_bytes bytes);
/* The connection is gone. */
struct session *session_free(struct session *s);

/* An upgrade at /api/v1: answers it and makes a session, or gives the HTTP status to refuse it
 * with, and why (a literal). */
int socket_enter(struct front *front, const struct request *request, struct session **out,
                 const char **why);
/* session_end() for all of them. */
void socket_end_all(struct api *api, int code, const char *why);
/* Once a second: ends sessions whose tokens have ended, and those that are silent for 75 s although
 * they were asked after 30. */
void socket_check_all(struct api *api);
