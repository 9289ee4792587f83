/* The HTTP port: every connection begins here with the head of a request, and becomes a session of
 * the API, goes to the plugin that speaks its WebSocket subprotocol, or stays and speaks HTTP/1.1.
 * Api thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "api/http.h"
#include "base/loop.h"

struct api;
struct request;
struct session;
struct token_claims;

struct front { /* one connection */
	struct api *api;
	sb_conn conn;
	struct timer deadline;   /* of what it has to send */
	bool begun;              /* the first byte of a request is there */
	bool over;               /* closing: what it still sends is not looked at */
	struct session *session; /* NULL: HTTP */
	struct exchange ex;
	char peer[48]; /* its address, without the port */
};

/* Accepts connections; address gets what was bound, "127.0.0.1:34567". */
int front_listen(struct api *api, char *address, size_t cap);
/* Whose token stands in the request, as bearer or cookie. */
int front_whose(const struct front *front, const struct request *request, struct token_claims *who);
/* The answer to the last request is out: the next, or the end. */
void front_next(struct front *front, bool keep);
