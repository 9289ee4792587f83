/* Passwords of people and devices: argon2id, as libsodium writes it. Any thread; blocks for tens of
 * milliseconds and needs 12 MiB meanwhile. */
#pragma once
#include <signalbox/types.h>

#define PASSWORD_HASH_BYTES 128 /* with its end */

int password_hash(struct sb_str password, char out[static PASSWORD_HASH_BYTES]);
/* 0 or -EACCES; -ENOMEM. */
int password_verify(struct sb_str password, const char *hash);
/* A hash no password fits: checking against it takes as long as against a real one, so that answers
 * do not tell which names exist. */
int password_nobody(char out[static PASSWORD_HASH_BYTES]);
