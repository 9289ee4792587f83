/* An HTTP/1.1 request that wants to become a WebSocket: may it, and what is answered. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include <signalbox/types.h>

struct request;

#define UPGRADE_ANSWER_MAX 512

/* Does it ask for an upgrade of any kind? */
bool upgrade_is_asked(const struct request *request);
/* 0, or the HTTP status and why (a literal): method, Connection, Upgrade, version, key, and that no
 * body follows. Origin and subprotocol are the caller's to look at. */
int upgrade_check(const struct request *request, const char **why);
/* May a page of this origin speak to this host? origins: allowed besides the host's own, separated
 * by spaces, or NULL. */
bool upgrade_origin(struct sb_str origin, struct sb_str host, const char *origins);
/* 16 bytes in base64? */
bool upgrade_is_key(struct sb_str key);
/* The 101 for a request that passed upgrade_check(); returns its length. */
size_t upgrade_accept(char out[static UPGRADE_ANSWER_MAX], const struct request *request,
                      struct sb_str protocol);
/* A refusal with its reason as text, after which the connection is closed. */
size_t upgrade_refuse(char out[static UPGRADE_ANSWER_MAX], int status, const char *why);
