#include "api/access.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <signalbox/services.h>

#include "api/token.h"
#include "base/clock.h"
#include "base/own.h"
#include "registry/revoked.h"
#include "registry/users.h"

int access_role(const struct access *access, const struct token_claims *who)
{
	int64_t since_ns = 0;

	if (who->expires_ns <= clock_utc())
		return SB_ROLE_NONE;
	if (who->local)
		return who->role;
	struct sb_str name = sb_str_of(who->subject, strlen(who->subject));
	int role = users_role(access->users, name, &since_ns);

	if (who->issued_ns < since_ns || revoked_has(access->revoked, name, who->issued_ns))
		return SB_ROLE_NONE;
	return MIN(role, who->role);
}

int access_end(const struct access *access, const struct token_claims *who)
{
	struct sb_str name = sb_str_of(who->subject, strlen(who->subject));

	if (who->local)
		return -EPERM;
	return revoked_add(access->revoked, name, who->issued_ns, who->expires_ns);
}

int access_check(const struct access *access, struct sb_str token, struct token_claims *out,
                 const char **why)
{
	int r = token_verify(access->keys, token.p, token.n, clock_utc(), out, why);

	if (r < 0)
		return r;
	out->role = access_role(access, out);
	if (out->role != SB_ROLE_NONE)
		return 0;
	*why = "the token was withdrawn: its user logged out, was removed, disabled or has a new password";
	return -EACCES;
}

int access_issue(const struct access *access, struct token_claims *who, int64_t ttl_ns, char *out,
                 size_t cap)
{
	who->issued_ns = clock_utc();
	who->expires_ns = (who->issued_ns + ttl_ns) / NS_PER_S * NS_PER_S;
	return token_sign(access->keys, who, out, cap);
}

struct sb_str access_bearer(struct sb_str authorization)
{
	static const char scheme[] = "Bearer ";
	size_t n = sizeof(scheme) - 1;

	if (authorization.n <= n || strncasecmp(authorization.p, scheme, n) != 0)
		return SB_STR("");
	return sb_str_of(authorization.p + n, authorization.n - n);
}

struct sb_str access_cookie(struct sb_str cookies, const char *name)
{
	size_t len = strlen(name);

	while (cookies.n) {
		const char *end = memchr(cookies.p, ';', cookies.n);
		size_t n = end ? (size_t)(end - cookies.p) : cookies.n;

		if (n > len && cookies.p[len] == '=' && strncmp(cookies.p, name, len) == 0)
			return sb_str_of(cookies.p + len + 1, n - len - 1);
		while (n < cookies.n && (cookies.p[n] == ';' || cookies.p[n] == ' '))
			n++;
		cookies = sb_str_of(cookies.p + n, cookies.n - n);
	}
	return SB_STR("");
}
