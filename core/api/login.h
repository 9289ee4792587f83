/* POST /api/v1/login and logout: rate-limited per address and per name, the password checked on a
 * query thread, the token in a cookie no script can read. Api thread. */
#pragma once

struct exchange;
struct login;
struct token_claims;
struct wire;

void login_begin(struct exchange *ex);   /* the body is complete */
void login_abandon(struct login *login); /* the client is gone */
void login_forget(struct exchange *ex,
                  const struct token_claims *who); /* logout; who may be NULL */
/* {"user","role","expires","must_change"}, and "token" unless NULL. */
void login_give(struct wire *w, const struct token_claims *who, const char *token);
