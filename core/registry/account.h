/* One user as stored: document of space "user". */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "registry/password.h"

struct buffer;
struct wire;

#define ACCOUNT_LIST_BYTES 1025 /* with its end */

struct account {
	char name[65];
	int role;
	bool disabled, must_change;
	bool integration;                /* a program: its first password is its password */
	bool has_publish, has_subscribe; /* a list stands, perhaps an empty one */
	/* Topic filters, each ended by \n but the last. */
	char publish[ACCOUNT_LIST_BYTES], subscribe[ACCOUNT_LIST_BYTES];
	int64_t created_ns, tokens_since_ns;
	char hash[PASSWORD_HASH_BYTES];
};

bool account_is_name(struct sb_str name); /* [a-z0-9._-]{1,64} */
/* A list of filters, a line each. SB_E_QUOTA: too long, SB_E_MALFORMED; out stays then. */
int account_set_list(char out[static ACCOUNT_LIST_BYTES], struct sb_str list);
void account_give(struct buffer *out, const struct account *account);
/* SB_E_CORRUPT; SB_E_ABI for a document of a newer version. */
int account_take(struct sb_bytes doc, struct account *out);
void account_show(const struct account *account, struct wire *out); /* without the hash */
