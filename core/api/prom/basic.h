/* HTTP Basic: "Basic BASE64", where user and password stand for a user of the platform; or the
 * password is a token of the API, whatever the user. */
#pragma once
#include <stdbool.h>

#include <signalbox/types.h>

#define BASIC_MAX 2304 /* bytes, decoded */

struct basic { /* zero: none. Wiped by basic_fini() */
	struct sb_str user, password;
	char text[BASIC_MAX];
};

/* False: the header is none, or too long. */
bool basic_take(struct basic *basic, struct sb_str authorization);
void basic_fini(struct basic *basic);
bool basic_is_token(const struct basic *basic); /* the password looks like one */
