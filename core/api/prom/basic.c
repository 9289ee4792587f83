#include "api/prom/basic.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

bool basic_take(struct basic *basic, struct sb_str authorization)
{
	static const char scheme[] = "Basic ";
	size_t skip = sizeof(scheme) - 1;
	size_t n = 0;
	const char *end = NULL;

	basic->user = basic->password = sb_str_of(NULL, 0);
	if (authorization.n <= skip || strncasecmp(authorization.p, scheme, skip) != 0)
		return false;
	if (sodium_base642bin((unsigned char *)basic->text, sizeof(basic->text),
	                      authorization.p + skip, authorization.n - skip, NULL, &n, &end,
	                      sodium_base64_VARIANT_ORIGINAL) != 0 ||
	    end != authorization.p + authorization.n)
		return false;
	const char *colon = n ? memchr(basic->text, ':', n) : NULL;

	if (!colon)
		return false;
	basic->user = sb_str_of(basic->text, (size_t)(colon - basic->text));
	basic->password = sb_str_of(colon + 1, n - basic->user.n - 1);
	return true;
}

void basic_fini(struct basic *basic)
{
	sodium_memzero(basic, sizeof(*basic));
}

/* Three parts of base64url, the first begins with {" */
bool basic_is_token(const struct basic *basic)
{
	struct sb_str p = basic->password;
	int dots = 0;

	for (size_t i = 0; i < p.n; i++)
		dots += p.p[i] == '.';
	return p.n > 3 && dots == 2 && memcmp(p.p, "eyJ", 3) == 0;
}
