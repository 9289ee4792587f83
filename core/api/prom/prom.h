/* The Prometheus query API, a subset: GET and POST of /api/v1/query, query_range, series, labels,
 * label/NAME/values, metadata and status/buildinfo, with or without /prometheus in front. It is for
 * whoever may read: a bearer token, a cookie, or HTTP Basic with a user's password or a token.
 * Passwords are checked and queries run on threads of their own; a client that goes ends its query.
 * Api thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct exchange;
struct prom;

#define PROM_BODY_MAX 16384 /* of a POST */

bool prom_is(struct sb_str path);
/* Why a POST cannot be taken; NULL: it can. */
const char *prom_refuses(const struct exchange *ex, int64_t n, int *status);
/* Answers now or later. */
void prom_begin(struct exchange *ex, struct sb_bytes body);
void prom_abandon(struct prom *prom); /* the client is gone */
