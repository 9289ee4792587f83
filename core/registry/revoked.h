/* Tokens that ended before their time, because their bearer logged out: by whose they are and when
 * they were issued, until they would have ended anyway. In memory, and in documents of space
 * "token.revoked". Any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct docs;
struct revoked;

#define REVOKED_MAX 65536 /* beyond, the one that ends first is forgotten */

int revoked_new(struct revoked **out, struct docs *docs);
struct revoked *revoked_free(struct revoked *revoked);
int revoked_load(struct revoked *revoked); /* main, at start */
/* Holds at once; on disk a moment later. */
int revoked_add(struct revoked *revoked, struct sb_str name, int64_t issued_ns, int64_t expires_ns);
bool revoked_has(struct revoked *revoked, struct sb_str name, int64_t issued_ns);
