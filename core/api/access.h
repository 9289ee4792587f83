/* Whose token this is, and what its bearer may do now: a token is only as good as the user behind
 * it. */
#pragma once
#include <signalbox/types.h>

struct token_claims;
struct token_keys;
struct revoked;
struct users;

struct access {
	struct token_keys *keys;
	struct users *users;
	struct revoked *revoked;
};

/* 0 and who it is with the role as of now, or -EACCES and why (a literal). */
int access_check(const struct access *access, struct sb_str token, struct token_claims *out,
                 const char **why);
/* The role now, SB_ROLE_NONE if the token has ended meanwhile. */
int access_role(const struct access *access, const struct token_claims *who);
/* Logging out: this token is good for nothing from here on. -EPERM for local ones, behind which
 * there is nobody. */
int access_end(const struct access *access, const struct token_claims *who);
/* A token for who, whose role, subject and flags are set; times are filled in. */
int access_issue(const struct access *access, struct token_claims *who, int64_t ttl_ns, char *out,
                 size_t cap);
/* "Bearer TOKEN" to TOKEN, "a=b; NAME=TOKEN" to TOKEN; empty if it is not there. */
struct sb_str access_bearer(struct sb_str authorization);
struct sb_str access_cookie(struct sb_str cookies, const char *name);
