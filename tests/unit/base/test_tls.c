#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "stream_peer.h"

static struct tls *tls;
static SSL_CTX *client_ctx;
static char dir[64], cert_path[80], key_path[80];

static void write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	if (cert)
		assert_int_equal(PEM_write_X509(f, cert), 1);
	else
		assert_int_equal(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(f);
}

static void make_certificate(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	assert_non_null(key);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
	X509_set_pubkey(cert, key);
	X509_NAME *name = X509_get_subject_name(cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1,
	                           -1, 0);
	X509_set_issuer_name(cert, name);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	write_pem(cert_path, cert, NULL);
	write_pem(key_path, NULL, key);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static int make_all(void **state)
{
	(void)state;
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%.40s/tlsXXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return -1;
	snprintf(cert_path, sizeof(cert_path), "%s/cert", dir);
	snprintf(key_path, sizeof(key_path), "%s/key", dir);
	make_certificate();
	client_ctx = SSL_CTX_new(TLS_client_method());
	return tls_new(&tls, cert_path, key_path);
}

static int drop_all(void **state)
{
	(void)state;
	SSL_CTX_free(client_ctx);
	tls = tls_free(tls);
	unlink(cert_path);
	unlink(key_path);
	return rmdir(dir);
}

static int start(void **state)
{
	(void)state;
	struct sb_listen spec = peer_spec();
	spec.tls = 1;
	begin(&spec, tls, 1000);
	return 0;
}

static int end(void **state)
{
	(void)state;
	finish();
	return 0;
}

static struct streams_stats stats(void)
{
	struct streams_stats st;
	streams_stats(streams, &st);
	return st;
}

static SSL *client_on(int fd)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	SSL *ssl = SSL_new(client_ctx);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	SSL_set_connect_state(ssl);
	return ssl;
}

static SSL *dial_tls(void)
{
	SSL *ssl = client_on(dial());
	for (int i = 0; SSL_do_handshake(ssl) != 1; i++) {
		assert_true(i < 100);
		ERR_clear_error();
		turns(1);
	}
	return ssl;
}

static void hang_up(SSL *ssl)
{
	int fd = SSL_get_fd(ssl);
	SSL_free(ssl);
	close(fd);
}

static int hear_tls(SSL *ssl, char *buf, int cap)
{
	for (int i = 0; i < 100; i++) {
		ERR_clear_error();
		int n = SSL_read(ssl, buf, cap - 1);
		if (n > 0) {
			buf[n] = 0;
			return n;
		}
		if (SSL_get_error(ssl, n) == SSL_ERROR_ZERO_RETURN)
			return 0;
		turns(1);
	}
	return -1;
}

static void lines_come_back_through_tls(void **state)
{
	(void)state;
	char buf[100];
	SSL *ssl = dial_tls();
	assert_int_equal(SSL_write(ssl, "one\ntw", 6), 6);
	assert_int_equal(hear_tls(ssl, buf, sizeof(buf)), 4);
	assert_int_equal(SSL_write(ssl, "o\n", 2), 2);
	assert_int_equal(hear_tls(ssl, buf, sizeof(buf)), 4);
	assert_string_equal(buf, "two\n");
	assert_memory_equal(peers[0].text, "127.0.0.1:", 10);
	assert_int_equal(stats().handshakes, 1);
	streams_close(streams, peers[0].conn);
	assert_int_equal(hear_tls(ssl, buf, sizeof(buf)), 0); /* close_notify came */
	hang_up(ssl);
}

static void old_protocol_versions_are_refused(void **state)
{
	(void)state;
	SSL *ssl = client_on(dial());
	SSL_set_security_level(ssl, 0);
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
	for (int i = 0; i < 20 && stats().handshake_failures == 0; i++) {
		SSL_do_handshake(ssl);
		ERR_clear_error();
		turns(1);
	}
	assert_int_equal(stats().handshake_failures, 1);
	assert_int_equal(n_peers, 0);
	hang_up(ssl);
}

static void megabytes_pass_both_ways_with_slow_readers(void **state)
{
	(void)state;
	enum { LINE = 50000, LINES = 40 };
	static char line[LINE], back[LINE];
	memset(line, 'z', LINE);
	line[LINE - 1] = '\n';
	SSL *ssl = dial_tls();
	size_t sent = 0, got = 0;
	for (int i = 0; got < (size_t)LINE * LINES; i++) {
		assert_true(i < 100000);
		ERR_clear_error();
		if (sent < (size_t)LINE * LINES && sent < got + 2 * LINE) {
			int n = SSL_write(ssl, line + sent % LINE, (int)(LINE - sent % LINE));
			sent += n > 0 ? (size_t)n : 0;
		}
		if (i % 3 == 0) {
			int n = SSL_read(ssl, back, sizeof(back));
			for (int k = 0; k < n; k++)
				assert_int_equal(back[k],
				                 (got + (size_t)k) % LINE == LINE - 1 ? '\n' : 'z');
			got += n > 0 ? (size_t)n : 0;
		}
		assert_int_equal(loop_turn(loop, 0), 0);
	}
	hang_up(ssl);
}

static int say_again(struct peer *p, const char *line, size_t n)
{
	(void)line, (void)n;
	streams_pause_all(streams);
	return p->data_calls ? SB_AGAIN : 0;
}

static void what_tls_has_read_ahead_is_not_forgotten_in_a_pause(void **state)
{
	(void)state;
	char buf[100];
	SSL *ssl = dial_tls();
	turns(2);
	on_line = say_again;
	assert_int_equal(SSL_write(ssl, "a\n", 2), 2);
	assert_int_equal(SSL_write(ssl, "b\n", 2), 2);
	turns(3);
	assert_int_equal(SSL_write(ssl, "c\n", 2), 2);
	turns(3);
	on_line = echo;
	streams_resume_all(streams);
	size_t got = 0;
	while (got < 6) {
		int n = hear_tls(ssl, buf + got, (int)(sizeof(buf) - got));
		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_string_equal(buf, "a\nb\nc\n");
	hang_up(ssl);
}

static void garbage_and_silence_end_without_troubling_the_plugin(void **state)
{
	(void)state;
	char buf[100];
	int garbage = dial(), silent = dial();
	say(garbage, "GET / HTTP/1.1\r\n\r\n");
	while (hear(garbage, buf, sizeof(buf)) > 0)
		;
	assert_int_equal(stats().handshake_failures, 1);
	assert_int_equal(stats().open_now, 1);
	clock_set(1, clock_mono() + 3 * NS_PER_S);
	turns(2);
	assert_int_equal(stats().handshake_failures, 2);
	assert_int_equal(stats().open_now, 0);
	assert_int_equal(n_peers, 0);
	close(garbage);
	close(silent);
}

static void a_storm_of_handshakes_does_not_delay_data(void **state)
{
	(void)state;
	enum { STORM = 200 };
	static SSL *storm[STORM];
	char buf[100];
	SSL *ssl = dial_tls();
	turns(2);
	clock_set(1, clock_mono()); /* it stands: a slow machine is not a slow peer */
	for (int i = 0; i < STORM; i++) {
		storm[i] = client_on(dial());
		assert_int_equal(SSL_do_handshake(storm[i]), -1); /* its first flight is out */
		ERR_clear_error();
	}
	uint64_t done = stats().handshakes;
	for (int round = 0; round < 20; round++) {
		assert_int_equal(SSL_write(ssl, "hello\n", 6), 6);
		turns(2);
		ERR_clear_error();
		assert_int_equal(SSL_read(ssl, buf, sizeof(buf)),
		                 6); /* one turn, or it was accepted */
		for (int i = 0; i < STORM; i++) {
			SSL_do_handshake(storm[i]);
			ERR_clear_error();
		}
		assert_true(stats().handshakes - done <= 8);
		done = stats().handshakes;
	}
	for (int i = 0; i < 1000 && stats().handshakes < STORM + 1; i++) {
		for (int k = 0; k < STORM; k++)
			SSL_do_handshake(storm[k]);
		ERR_clear_error();
		turns(1);
	}
	assert_int_equal(stats().handshakes, STORM + 1);
	for (int i = 0; i < STORM; i++)
		hang_up(storm[i]);
	hang_up(ssl);
}

static void a_renewed_certificate_serves_new_connections_and_leaves_the_old(void **state)
{
	(void)state;
	char buf[100];
	struct tls *fresh = NULL;
	SSL *old = dial_tls();
	make_certificate();
	assert_int_equal(tls_new(&fresh, cert_path, key_path), 0);
	tls_renew(tls, fresh);
	SSL *new = dial_tls();
	X509 *before = SSL_get1_peer_certificate(old);
	X509 *after = SSL_get1_peer_certificate(new);
	assert_int_not_equal(X509_cmp(before, after), 0);
	SSL *both[] = { old, new };
	for (int i = 0; i < 2; i++) {
		assert_int_equal(SSL_write(both[i], "one\n", 4), 4);
		assert_int_equal(hear_tls(both[i], buf, sizeof(buf)), 4);
		hang_up(both[i]);
	}
	X509_free(before);
	X509_free(after);
}

static void files_that_do_not_fit_are_refused(void **state)
{
	(void)state;
	struct tls *t = NULL;
	assert_true(tls_new(&t, "/nonexistent", key_path) < 0);
	assert_true(tls_new(&t, cert_path, cert_path) < 0);
	assert_null(t);
	assert_null(tls_free(NULL));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, end)
	const struct CMUnitTest tests[] = {
		T(lines_come_back_through_tls),
		T(old_protocol_versions_are_refused),
		T(megabytes_pass_both_ways_with_slow_readers),
		T(what_tls_has_read_ahead_is_not_forgotten_in_a_pause),
		T(garbage_and_silence_end_without_troubling_the_plugin),
		T(a_storm_of_handshakes_does_not_delay_data),
		T(a_renewed_certificate_serves_new_connections_and_leaves_the_old),
		cmocka_unit_test(files_that_do_not_fit_are_refused),
	};
	return cmocka_run_group_tests(tests, make_all, drop_all);
}
