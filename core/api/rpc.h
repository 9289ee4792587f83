/* Calls: JSON-RPC 2.0 in JSON or CBOR. A method is a row of schemas/api.json and a function of this
 * form in methods/<subject>.c, whose parameters are checked against the row's schema before it
 * runs. */
#pragma once
#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "api/token.h"
#include "base/wire.h"

struct api;
struct session;
struct call;

/* 0: exactly one value was written to c->result. RPC_REFUSED: call_refuse() said why. Negative: a
 * fault, told as far as it concerns the caller. On the api thread, or a query thread where the row
 * says so; there it may block. */
typedef int (*rpc_fn)(struct call *c);
enum { RPC_REFUSED = 1 };

struct rpc_method {
	const char *name;
	int role;
	bool blocks; /* runs on a query thread */
	rpc_fn fn;
	const char *schema;
};
extern const struct rpc_method rpc_methods[]; /* sorted by name */

struct rpc_error_text {
	int code;
	const char *name, *text;
};
extern const struct rpc_error_text rpc_error_texts[]; /* ended by name NULL */

struct call_error {
	int code; /* 0: none */
	char text[200], field[128], limit[64], remedy[200];
};

struct call {
	struct api *api;
	const struct rpc_method *method;
	json_t *params; /* an object */
	struct wire result;
	struct token_claims who; /* as of the call */
	struct session *session; /* api thread only; NULL once the client is gone */
	_Atomic bool cancelled;  /* the client is gone, or took it back: stop early */
	bool renewed;            /* who has a new token: the session goes on with it */
	struct call_error error;
	/* rpc.c */
	json_t *id; /* NULL: a notification, nobody waits */
	struct buffer out;
	enum wire_form form;
	struct call *next, **prev; /* of the session */
};

/* Always RPC_REFUSED. text NULL: the usual text of the code. */
int call_refuse(struct call *c, int code, const char *field, const char *text);
int call_refuse_with(struct call *c, int code, const char *field, const char *limit,
                     const char *remedy);
/* What a code of the core means to the caller; passes 0 on, knows -errno and SB_E_*. */
int call_fault(struct call *c, int r, const char *field);

/* Members of the parameters; absent ones give the fallback. */
struct sb_str call_str(const struct call *c, const char *key); /* p NULL: absent */
int64_t call_int(const struct call *c, const char *key, int64_t fallback);
bool call_bool(const struct call *c, const char *key);

struct rpc;
int rpc_new(struct rpc **out, struct api *api); /* reads the schemas */
struct rpc *rpc_free(struct rpc *rpc);
/* Takes back a call of this client that is under way, but the one it is asked from: it ends early,
 * as its method allows. False: there is none with this id. Api thread. */
bool rpc_cancel(struct call *from, const json_t *id);
/* One message of a client: answers now or later. Api thread. */
void rpc_take(struct session *s, const void *p, size_t n);
