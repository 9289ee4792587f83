/* POST /api/v1/login and logout: rate-limited per address and per name, the password checked on a
 * query thread, the token in a cookie no script can read. Api thread. */
#pragma once
#include <signalbox/types.h>

struct exchange;
struct login;
struct token_claims;

void login_begin(struct exchange *ex, struct sb_bytes body);
void login_abandon(struct login *login); /* the client is gone */
void login_forget(struct exchange *ex,
                  const struct token_claims *who); /* logout; who may be NULL */
