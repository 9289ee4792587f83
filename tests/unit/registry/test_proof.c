#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "registry/inner.h"
#include "registry/stage.h"

static struct answer prove(const struct sb_credentials *cred)
{
	struct answer a = { 0 };

	assert_int_equal(fake_service()->authenticate((struct sb_host *)fake_instance(), cred,
	                                              stage_answered, &a, 1),
	                 0);
	if (a.n == 0)
		assert_int_equal(fake_instance_run(1), 1);
	return a;
}

static void a_key_is_for_tls_and_no_password(void **state)
{
	struct device_change change = { .admin = -1, .if_rev = UINT64_MAX };
	struct sb_credentials cred = { .size = sizeof(cred), .psk_identity = str("open") };
	uint8_t key[64];
	struct answer a;

	(void)state;
	assert_int_equal(prove(&cred).r, -EACCES);
	change.psk = str("00112233");
	assert_int_equal(registry_change(reg, str("open"), &change, NULL, NULL), SB_E_MALFORMED);
	change.psk = str("00112233445566778899aabbccddeefF");
	assert_int_equal(registry_change(reg, str("open"), &change, NULL, NULL), SB_PENDING);
	assert_int_equal(registry_save(reg), 0);
	assert_int_equal(registry_psk(reg, str("open"), key), 16);
	assert_int_equal(key[15], 0xff);
	assert_int_equal(registry_psk(reg, str("open#next"), key), 0);
	assert_int_equal(registry_psk(reg, str("boiler"), key), 0);
	a = prove(&cred);
	assert_int_equal(a.r, 0);
	assert_int_equal(a.who.kind, SB_PRINCIPAL_DEVICE);
	assert_int_equal(ask("x", "open", "00112233445566778899aabbccddeefF", NULL).r, -EACCES);
	assert_int_equal(ask("x", "open", "psk:00112233445566778899aabbccddeefF", NULL).r, -EACCES);
	assert_int_equal(ask("open", "", "", NULL).r, -EACCES);
}

static void garbage_is_no_certificate(void **state)
{
	struct sb_credentials cred = { .size = sizeof(cred),
		                       .anonymous_allowed = 1,
		                       .cert_der = { (const uint8_t *)"0\x82garbage", 9 },
		                       .cert_trusted = 1 };
	struct device_change change = { .admin = -1, .if_rev = UINT64_MAX };

	(void)state;
	assert_int_equal(prove(&cred).r, -EACCES);
	change.certificate = str("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	assert_int_equal(registry_change(reg, str("open"), &change, NULL, NULL), SB_E_MALFORMED);
	change.certificate = str("AB:CD");
	assert_int_equal(registry_change(reg, str("open"), &change, NULL, NULL), SB_E_MALFORMED);
	change.psk = str("00112233445566778899aabbccddeeff");
	assert_int_equal(registry_change(reg, str("open"), &change, NULL, NULL), SB_E_RANGE);
}

static int token(void *ud, struct sb_str text, struct registry_token *out)
{
	(void)ud;
	if (text.n != 9 || memcmp(text.p, "eyJ.x.yes", 9) != 0)
		return -EACCES;
	*out = (struct registry_token){ .subject = "anna", .role = SB_ROLE_VIEWER, .until_ns = 77 };
	return 0;
}

static void a_token_stands_in_for_a_password(void **state)
{
	int64_t until = 0;
	struct sb_credentials cred = { .size = sizeof(cred),
		                       .username = str("whatever"),
		                       .password = { (const uint8_t *)"eyJ.x.yes", 9 },
		                       .until_ns = &until };
	struct answer a;

	(void)state;
	assert_int_equal(prove(&cred).r, -EACCES); /* nobody takes tokens here */
	reg->config.token = token;
	a = prove(&cred);
	assert_int_equal(a.r, 0);
	assert_int_equal(a.who.role, SB_ROLE_VIEWER);
	assert_true(a.who.id == users_id(str("anna"), false));
	assert_int_equal(until, 77);
	cred.password.p = (const uint8_t *)"eyJ.x.not";
	assert_int_equal(prove(&cred).r, -EACCES);
	/* A device may have been given such a text as its password. */
	stage_password("open", "eyJ.x.yes");
	cred.username = str("open");
	cred.password.p = (const uint8_t *)"eyJ.x.yes";
	assert_int_equal(prove(&cred).who.kind, SB_PRINCIPAL_DEVICE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, stage_up, stage_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_for_tls_and_no_password),
		TEST(garbage_is_no_certificate),
		TEST(a_token_stands_in_for_a_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
