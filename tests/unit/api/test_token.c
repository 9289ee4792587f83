#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jwt.h>

#include <signalbox/services.h>

#include "api/token.h"
#include "api/token_keys.h"
#include "base/clock.h"
#include "base/own.h"
#include "check.h"

#define NOW_S 1800000000LL
#define NOW   (NOW_S * NS_PER_S)

static char dir[64];
static struct token_keys *keys;

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test-token-XXXXXX");
	clock_set(NOW, NOW);
	return mkdtemp(dir) && token_keys_open(&keys, dir, true) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	keys = token_keys_free(keys);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static struct token_claims usual_claims(void)
{
	return (struct token_claims){
		.subject = "ada",
		.role = SB_ROLE_OPERATOR,
		.issued_ns = NOW + 123456789,
		.expires_ns = NOW + 3600 * NS_PER_S,
	};
}

static int verify(const char *token)
{
	struct token_claims claims;
	const char *why = NULL;
	int r = token_verify(keys, token, strlen(token), NOW, &claims, &why);

	assert_true((r == 0) == (why == NULL));
	return r;
}

/* A token as an attacker would make it: any header, any claims, any key. */
static char *forge(jwt_alg_t alg, const char *key, const char *kid, const char *grants)
{
	jwt_t *jwt = NULL;

	assert_int_equal(jwt_new(&jwt), 0);
	assert_int_equal(jwt_add_grants_json(jwt, grants), 0);
	if (kid)
		assert_int_equal(jwt_add_header(jwt, "kid", kid), 0);
	assert_int_equal(jwt_set_alg(jwt, alg, (const unsigned char *)key,
	                             key ? (int)strlen(key) : 0),
	                 0);
	char *token = jwt_encode_str(jwt);

	assert_non_null(token);
	jwt_free(jwt);
	return token;
}

static const char good_grants[] =
	"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"ada\",\"role\":\"admin\","
	"\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800003600}";

static void a_signed_token_comes_back_with_its_claims(void **state)
{
	struct token_claims in = usual_claims();
	struct token_claims out;
	const char *why;
	char token[TOKEN_MAX];

	(void)state;
	assert_int_equal(token_sign(keys, &in, token, sizeof(token)), 0);
	assert_int_equal(token_verify(keys, token, strlen(token), NOW, &out, &why), 0);
	assert_string_equal(out.subject, "ada");
	assert_int_equal(out.role, SB_ROLE_OPERATOR);
	assert_false(out.local);
	assert_false(out.must_change);
	assert_int_equal(out.issued_ns, in.issued_ns);
	assert_int_equal(out.expires_ns, in.expires_ns);
}

static void keys_are_for_the_owner_alone(void **state)
{
	struct token_keys *again = NULL;
	char command[160];

	(void)state;
	snprintf(command, sizeof(command), "test \"$(stat -c %%a %s/keys/api-*.pem)\" = 600", dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "chmod 640 %s/keys/api-*.pem", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(token_keys_open(&again, dir, true), -EACCES);
}

static void the_same_keys_are_read_again(void **state)
{
	struct token_keys *again = NULL;
	struct token_claims in = usual_claims();
	char token[TOKEN_MAX];

	(void)state;
	assert_int_equal(token_keys_open(&again, dir, false), 0);
	assert_int_equal(token_sign(again, &in, token, sizeof(token)), 0);
	assert_int_equal(verify(token), 0);
	token_keys_free(again);
}

static void without_a_key_nothing_is_made_unless_asked(void **state)
{
	struct token_keys *none = NULL;

	(void)state;
	assert_int_equal(token_keys_open(&none, "/nonexistent", false), -ENOENT);
}

static void a_token_without_signature_is_refused(void **state)
{
	(void)state;
	_own_(freep) char *token = forge(JWT_ALG_NONE, NULL, token_keys_newest(keys)->kid,
	                                 good_grants);
	assert_int_equal(verify(token), -EACCES);
}

static void the_public_key_is_no_hmac_secret(void **state)
{
	const struct token_key *key = token_keys_newest(keys);

	(void)state;
	_own_(freep) char *token = forge(JWT_ALG_HS256, key->public_pem, key->kid, good_grants);
	assert_int_equal(verify(token), -EACCES);
}

static void another_key_is_refused_even_under_our_kid(void **state)
{
	struct token_keys *other = NULL;
	char other_dir[] = "/tmp/test-token-other-XXXXXX";
	char command[160];

	(void)state;
	assert_non_null(mkdtemp(other_dir));
	assert_int_equal(token_keys_open(&other, other_dir, true), 0);
	_own_(freep) char *token = forge(JWT_ALG_ES256, token_keys_newest(other)->private_pem,
	                                 token_keys_newest(keys)->kid, good_grants);
	assert_int_equal(verify(token), -EACCES);
	token_keys_free(other);
	snprintf(command, sizeof(command), "rm -r %s", other_dir);
	assert_int_equal(system(command), 0);
}

static void an_unknown_or_missing_kid_is_refused(void **state)
{
	const char *key = token_keys_newest(keys)->private_pem;

	(void)state;
	_own_(freep) char *unknown = forge(JWT_ALG_ES256, key, "0123456789abcdef", good_grants);
	_own_(freep) char *missing = forge(JWT_ALG_ES256, key, NULL, good_grants);
	assert_int_equal(verify(unknown), -EACCES);
	assert_int_equal(verify(missing), -EACCES);
}

static void every_claim_is_checked(void **state)
{
	static const char *const bad[] = {
		"{\"iss\":\"other\",\"aud\":\"signalbox-api\",\"sub\":\"a\",\"role\":\"admin\",\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800003600}",
		"{\"iss\":\"signalbox\",\"aud\":\"other\",\"sub\":\"a\",\"role\":\"admin\",\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800003600}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"role\":\"admin\",\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800003600}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"\",\"role\":\"admin\",\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800003600}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"a\",\"role\":\"root\",\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800003600}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"a\",\"role\":\"admin\",\"iat\":1799990000,\"nbf\":1799990000,\"exp\":1800000000}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"a\",\"role\":\"admin\",\"iat\":1800000000,\"nbf\":1800000000}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"a\",\"role\":\"admin\",\"iat\":1800000000,\"nbf\":1800000000,\"exp\":\"1800003600\"}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"a\",\"role\":\"admin\",\"iat\":1800000000,\"nbf\":1800001000,\"exp\":1800003600}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"a\",\"role\":\"admin\",\"iat\":-5,\"nbf\":1,\"exp\":1800003600}",
		"{\"iss\":\"signalbox\",\"aud\":\"signalbox-api\",\"sub\":\"a\",\"role\":\"admin\",\"iat\":1,\"nbf\":1,\"exp\":9223372036854775807}",
	};
	const struct token_key *key = token_keys_newest(keys);

	(void)state;
	_own_(freep) char *good = forge(JWT_ALG_ES256, key->private_pem, key->kid, good_grants);
	assert_int_equal(verify(good), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_own_(freep) char *token = forge(JWT_ALG_ES256, key->private_pem, key->kid, bad[i]);

		assert_int_equal(verify(token), -EACCES);
	}
}

static void a_cut_or_changed_token_is_refused(void **state)
{
	struct token_claims in = usual_claims();
	char token[TOKEN_MAX], changed[TOKEN_MAX];

	(void)state;
	assert_int_equal(token_sign(keys, &in, token, sizeof(token)), 0);
	size_t n = strlen(token);

	for (size_t i = 0; i < n; i++) {
		strcpy(changed, token);
		changed[i] = '\0';
		assert_int_equal(verify(changed), -EACCES);
	}
	/* The lowest bits of the last character of a part carry nothing; all others count. */
	for (size_t i = 0; i + 2 < n; i++) {
		if (token[i] == '.' || token[i + 1] == '.')
			continue;
		strcpy(changed, token);
		changed[i] = token[i] == 'A' ? 'B' : 'A';
		assert_int_equal(verify(changed), -EACCES);
	}
}

static void nonsense_is_refused(void **state)
{
	static const char *const texts[] = { "",           ".",
		                             "..",         "...",
		                             "a.b.c",      "e30.e30.",
		                             "e30.e30.AA", "eyJhbGciOiJFUzI1NiJ9.e30.AA",
		                             "{}.{}.{}" };
	char long_one[TOKEN_MAX + 10];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(verify(texts[i]), -EACCES);
	memset(long_one, 'A', sizeof(long_one) - 1);
	long_one[sizeof(long_one) - 1] = '\0';
	assert_int_equal(verify(long_one), -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		T(a_signed_token_comes_back_with_its_claims),
		T(keys_are_for_the_owner_alone),
		T(the_same_keys_are_read_again),
		T(without_a_key_nothing_is_made_unless_asked),
		T(a_token_without_signature_is_refused),
		T(the_public_key_is_no_hmac_secret),
		T(another_key_is_refused_even_under_our_kid),
		T(an_unknown_or_missing_kid_is_refused),
		T(every_claim_is_checked),
		T(a_cut_or_changed_token_is_refused),
		T(nonsense_is_refused),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
