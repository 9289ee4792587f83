#include "api/token.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jwt.h>

#include <signalbox/services.h>

#include "api/token_keys.h"
#include "base/clock.h"
#include "base/own.h"

#define TOKEN_ISSUER   "signalbox"
#define TOKEN_AUDIENCE "signalbox-api"
#define LEEWAY_S       60 /* a clock that was set back a little must not lock people out */

static const char *const role_names[] = {
	[SB_ROLE_VIEWER] = "viewer", [SB_ROLE_OPERATOR] = "operator", [SB_ROLE_ADMIN] = "admin"
};

const char *token_role_name(int role)
{
	return role >= SB_ROLE_VIEWER && role <= SB_ROLE_ADMIN ? role_names[role] : NULL;
}

int token_role_parse(const char *name, int *role)
{
	for (int i = SB_ROLE_VIEWER; name && i <= SB_ROLE_ADMIN; i++)
		if (strcmp(role_names[i], name) == 0) {
			*role = i;
			return 0;
		}
	return -EINVAL;
}

static void json_freep(json_t **json)
{
	json_decref(*json);
}

static void jwt_freep(jwt_t **jwt)
{
	if (*jwt)
		jwt_free(*jwt);
}

/* ---- sign */

int token_sign(const struct token_keys *keys, const struct token_claims *claims, char *out,
               size_t cap)
{
	const struct token_key *key = token_keys_newest(keys);
	json_int_t issued_s = claims->issued_ns / NS_PER_S;
	_own_(jwt_freep) jwt_t *jwt = NULL;
	_own_(json_freep)
		json_t *grants = json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:b}",
	                                   "iss", TOKEN_ISSUER, "aud", TOKEN_AUDIENCE, "sub",
	                                   claims->subject, "role", token_role_name(claims->role),
	                                   "iat", issued_s, "nbf", issued_s, "exp",
	                                   (json_int_t)(claims->expires_ns / NS_PER_S), "iat_ns",
	                                   (json_int_t)(claims->issued_ns % NS_PER_S), "loc",
	                                   claims->local, "chg", claims->must_change);
	_own_(freep) char *text = json_dumps(grants, JSON_COMPACT);

	if (!text || jwt_new(&jwt) != 0)
		return -ENOMEM;
	if (jwt_add_grants_json(jwt, text) != 0 || jwt_add_header(jwt, "kid", key->kid) != 0 ||
	    jwt_set_alg(jwt, JWT_ALG_ES256, (const unsigned char *)key->private_pem,
	                (int)strlen(key->private_pem)) != 0)
		return SB_E_FAIL;
	char *token = jwt_encode_str(jwt);

	if (!token)
		return SB_E_FAIL;
	int n = snprintf(out, cap, "%s", token);

	free(token);
	return n >= 0 && (size_t)n < cap ? 0 : -ENOSPC;
}

/* ---- verify */

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* base64url without padding, as JWTs have it; NULL for anything else. */
static json_t *part_json(const char *p, size_t n)
{
	char bytes[TOKEN_MAX];
	size_t len = 0;
	uint32_t bits = 0;
	int have = 0;

	for (size_t i = 0; i < n; i++) {
		int v = base64_value(p[i]);

		if (v < 0)
			return NULL;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			bytes[len++] = (char)(bits >> have & 0xff);
		}
	}
	if (have >= 6)
		return NULL;
	return json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
}

static bool text_member_is(const json_t *object, const char *key, const char *value)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, value) == 0;
}

/* The key the header names, if everything else in the header is what we write ourselves. */
static const struct token_key *header_key(const struct token_keys *keys, const char *p, size_t n)
{
	_own_(json_freep) json_t *header = part_json(p, n);
	const char *kid = json_string_value(json_object_get(header, "kid"));

	if (!kid || !text_member_is(header, "alg", "ES256") || json_object_get(header, "crit"))
		return NULL;
	return token_keys_find(keys, kid);
}

static int claims_take(const json_t *grants, int64_t now_ns, struct token_claims *out,
                       const char **why)
{
	const char *subject = json_string_value(json_object_get(grants, "sub"));
	const char *role = json_string_value(json_object_get(grants, "role"));
	const json_t *iat = json_object_get(grants, "iat");
	const json_t *nbf = json_object_get(grants, "nbf");
	const json_t *exp = json_object_get(grants, "exp");
	int64_t now_s = now_ns / NS_PER_S;

	*why = "the token is not for this interface";
	if (!text_member_is(grants, "iss", TOKEN_ISSUER) ||
	    !text_member_is(grants, "aud", TOKEN_AUDIENCE))
		return -EACCES;
	*why = "a claim is missing";
	if (!subject || strlen(subject) == 0 || strlen(subject) >= sizeof(out->subject) ||
	    !json_is_integer(iat) || !json_is_integer(nbf) || !json_is_integer(exp) ||
	    token_role_parse(role, &out->role) < 0)
		return -EACCES;
	*why = "the token has ended";
	if (json_integer_value(exp) <= now_s || json_integer_value(exp) > INT64_MAX / NS_PER_S)
		return -EACCES;
	*why = "the token is not valid yet";
	if (json_integer_value(nbf) > now_s + LEEWAY_S ||
	    json_integer_value(iat) > now_s + LEEWAY_S || json_integer_value(iat) < 0)
		return -EACCES;
	snprintf(out->subject, sizeof(out->subject), "%s", subject);
	out->local = json_is_true(json_object_get(grants, "loc"));
	out->must_change = json_is_true(json_object_get(grants, "chg"));
	out->issued_ns = json_integer_value(iat) * NS_PER_S +
	                 json_integer_value(json_object_get(grants, "iat_ns")) % NS_PER_S;
	out->expires_ns = json_integer_value(exp) * NS_PER_S;
	*why = NULL;
	return 0;
}

int token_verify(const struct token_keys *keys, const char *token, size_t n, int64_t now_ns,
                 struct token_claims *out, const char **why)
{
	_own_(jwt_freep) jwt_t *jwt = NULL;
	char copy[TOKEN_MAX];

	*out = (struct token_claims){ 0 };
	*why = "the token is not well formed";
	if (n == 0 || n >= sizeof(copy) || memchr(token, '\0', n))
		return -EACCES;
	memcpy(copy, token, n);
	copy[n] = '\0';
	char *first = strchr(copy, '.');
	char *second = first ? strchr(first + 1, '.') : NULL;

	if (!second || strchr(second + 1, '.') || second[1] == '\0')
		return -EACCES;
	*why = "the token was not made with a key of this platform";
	const struct token_key *key = header_key(keys, copy, (size_t)(first - copy));

	if (!key)
		return -EACCES;
	if (jwt_decode(&jwt, copy, (const unsigned char *)key->public_pem,
	               (int)strlen(key->public_pem)) != 0 ||
	    jwt_get_alg(jwt) != JWT_ALG_ES256)
		return -EACCES;
	_own_(json_freep) json_t *grants = part_json(first + 1, (size_t)(second - first - 1));

	return claims_take(grants, now_ns, out, why);
}
