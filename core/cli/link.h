/* A connection to the API: calls that wait for their answer, and events. One thread per link;
 * several links may live in one process. */
#pragma once
#include <jansson.h>

struct link;

struct link_options {
	const char *url;     /* "ws://127.0.0.1:8080/api/v1", or wss */
	const char *token;   /* bearer token */
	const char *ca_file; /* for wss: PEM of the authority; NULL: those of the system */
	int timeout_ms;      /* connecting, and each call; 0: 60 s */
};

struct link_error {
	int code;       /* of the API (-32004 ...), or 0: the connection failed */
	int status;     /* HTTP status when connecting was refused, or 0 */
	char name[32];  /* "not_found", or "connection" */
	char text[512]; /* one line for people, with field and remedy */
};

enum { LINK_E_REFUSED = 1 }; /* the platform answered with an error */

/* 0, or a fault; error (may be NULL) says why. */
int link_open(struct link **out, const struct link_options *options, struct link_error *error);
struct link *link_close(struct link *link); /* NULL in, NULL out */

/* Takes the reference to params (NULL: none). 0 and *result (a new reference; result may be NULL),
 * LINK_E_REFUSED, or a fault: -ETIMEDOUT, -ECONNRESET ... after which only link_close() helps. */
int link_call(struct link *link, const char *method, json_t *params, json_t **result,
              struct link_error *error);

/* The next event {"method", "params"} in *event (a new reference). 0, SB_AGAIN after timeout_ms
 * without one, or a fault. What nobody fetches is kept, 4,096 events at most, the oldest go first.
 */
int link_event(struct link *link, int timeout_ms, json_t **event);

/* The same URL over HTTP: logs in and copies the token. LINK_E_REFUSED: wrong name or password. */
int link_login(const struct link_options *options, const char *user, const char *password,
               char *token, size_t cap, struct link_error *error);
