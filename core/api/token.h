/* Tokens of the API: ES256 JWTs under keys of our own in DATA/keys. The only file that talks to
 * libjwt, which takes the algorithm from the token, accepts everything without a key, and checks no
 * claim: algorithm and kid are pinned before it sees the token, claims are checked here afterwards.
 * Also linked by the CLI, so it leans on base alone. Any thread; keys do not change after opening.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_MAX 2048 /* bytes of a token */

struct token_keys;

struct token_claims {
	char subject[129]; /* user, or the name a local token was given */
	int role;          /* SB_ROLE_VIEWER .. ADMIN */
	bool local;        /* minted beside the data directory: no user stands behind it */
	bool must_change;  /* good for nothing but choosing a password */
	int64_t issued_ns, expires_ns; /* UTC; expiry counts in whole seconds */
};

/* Reads DATA/keys/api-*.pem; makes the first key if `make` and there is none (-ENOENT otherwise).
 * -EACCES if others than the owner may read a key. */
int token_keys_open(struct token_keys **out, const char *data_dir, bool make);
struct token_keys *token_keys_free(struct token_keys *keys);

/* Signs with the newest key. -ENOSPC if cap is too small (TOKEN_MAX is enough). */
int token_sign(const struct token_keys *keys, const struct token_claims *claims, char *out,
               size_t cap);
/* 0 and the claims, or -EACCES and why (a literal). */
int token_verify(const struct token_keys *keys, const char *token, size_t n, int64_t now_ns,
                 struct token_claims *out, const char **why);

const char *token_role_name(int role);             /* "viewer"; NULL for none */
int token_role_parse(const char *name, int *role); /* -EINVAL */
