/* One HTTP request and its answer; keep-alive brings the next. Api thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct api;
struct login;
struct lws;

struct exchange { /* libwebsockets' memory per connection, zeroed at first */
	struct api *api;
	struct lws *wsi;
	bool post, head_sent, close_after;
	struct buffer in;    /* body of a POST */
	struct login *login; /* being checked on another thread */
	struct buffer own;   /* holds body when it was made for this answer */
	struct sb_bytes body;
	size_t at;
	int status;
	const char *type, *cache;
	bool gzip;
	char etag[20], cookie[2300], allow[8], path[64];
	unsigned int retry_s;
};

/* An answer whose body is in ex->own. It leaves when the socket is writable. */
void http_answer(struct exchange *ex, int status, const char *type);
/* {"error":NAME,"remedy":…} */
void http_refuse(struct exchange *ex, int status, const char *name, const char *remedy);

int http_on(struct lws *wsi, int reason, struct exchange *ex, void *in, size_t n);
