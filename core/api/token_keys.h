/* The signing keys: P-256, one file each, DATA/keys/api-<created>-<kid>.pem. The newest signs, all
 * verify, so a key is rotated by adding one and later removing the old. Part of token.c. */
#pragma once
#include <stddef.h>

struct token_keys;

struct token_key {
	long long created_s;
	char kid[17];
	char private_pem[512], public_pem[512];
};

const struct token_key *token_keys_newest(const struct token_keys *keys);
const struct token_key *token_keys_find(const struct token_keys *keys,
                                        const char *kid); /* NULL: none */
