/* One HTTP request and its answer; keep-alive brings the next. Api thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct api;
struct front;
struct login;
struct prom;
struct request;

#define HTTP_BODY_MAX 4096 /* of a request */

struct exchange {
	struct api *api;
	struct front *front;
	const struct request *request; /* until http_take() returns */
	bool close_after, continued;
	bool head_only;      /* HEAD: the answer without its body */
	struct login *login; /* being checked on another thread */
	struct prom *prom;   /* a query under way, the same */
	struct buffer own;   /* holds body when it was made for this answer */
	struct buffer head;
	struct sb_bytes body;
	size_t head_at, at;
	int status; /* 0: not answered yet */
	const char *type, *cache, *allow;
	bool gzip;
	bool challenge; /* a 401 says how to log in */
	char etag[20];
	char *cookie;
	unsigned int retry_s;
};

void http_init(struct exchange *ex, struct front *front);
void http_fini(struct exchange *ex);
/* A request, and what was read behind its head. How much of that is its body, or -EAGAIN: it is not
 * complete. */
int64_t http_take(struct exchange *ex, const struct request *request, struct sb_bytes rest);
/* Is an answer under way? */
bool http_is_busy(const struct exchange *ex);
void http_writable(struct exchange *ex);

/* An answer whose body is in ex->own. It leaves as the socket takes it. */
void http_answer(struct exchange *ex, int status, const char *type);
/* {"error":NAME,"remedy":…} */
void http_refuse(struct exchange *ex, int status, const char *name, const char *remedy);
