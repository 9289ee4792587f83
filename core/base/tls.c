#include "base/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/own.h"
#include "base/peer.h"
#include "base/stream.h"

#define LOG_MODULE "tls"

static int fault(const char *what, const char *subject)
{
	char text[160];
	ERR_error_string_n(ERR_peek_error(), text, sizeof(text));
	ERR_clear_error();
	return log_error(-EINVAL, "%s %s: %s", what, subject, text);
}

static int load(SSL_CTX *ctx, const char *cert_path, const char *key_path)
{
	if (SSL_CTX_use_certificate_chain_file(ctx, cert_path) != 1)
		return fault("cannot use certificate", cert_path);
	if (SSL_CTX_use_PrivateKey_file(ctx, key_path, SSL_FILETYPE_PEM) != 1)
		return fault("cannot use private key", key_path);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return fault("private key does not belong to", cert_path);
	return 0;
}

/* OpenSSL writes with write(): a peer that is gone must be an error, not a signal. */
static void ignore_sigpipe(void)
{
	struct sigaction now;
	if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

/* HTTP/1.1 for browsers, which would rather have HTTP/2; MQTT for who asks for it. Others get no
 * answer and go on. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                           const unsigned char *in, unsigned int n, void *ud)
{
	static const unsigned char ours[] = "\x08http/1.1\x04mqtt";
	unsigned char *chosen = NULL;
	(void)ssl;
	(void)ud;
	int r = SSL_select_next_proto(&chosen, out_n, ours, sizeof(ours) - 1, in, n);
	*out = chosen;
	return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

int tls_new(struct tls **out, const char *cert_pem_path, const char *key_pem_path)
{
	struct tls *tls = calloc(1, sizeof(*tls));
	if (!tls)
		return -ENOMEM;
	pthread_mutex_init(&tls->lock, NULL);
	ERR_clear_error();
	tls->ctx = SSL_CTX_new(TLS_server_method());
	if (!tls->ctx) {
		tls_free(tls);
		return -ENOMEM;
	}
	SSL_CTX_set_app_data(tls->ctx, tls);
	SSL_CTX_set_min_proto_version(tls->ctx, TLS1_2_VERSION);
	SSL_CTX_set_mode(tls->ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
	                                   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_options(tls->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
	                                      SSL_OP_CIPHER_SERVER_PREFERENCE |
	                                      SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_alpn_select_cb(tls->ctx, choose_protocol, NULL);
	SSL_CTX_set_num_tickets(tls->ctx, 1);
	SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(tls->ctx, 1); /* one system call a record instead of two */
	int r = load(tls->ctx, cert_pem_path, key_pem_path);
	if (r < 0) {
		tls_free(tls);
		return r;
	}
	ignore_sigpipe();
	*out = tls;
	return 0;
}

struct tls *tls_free(struct tls *tls)
{
	if (!tls)
		return NULL;
	SSL_CTX_free(tls->ctx);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
	return NULL;
}

void tls_renew(struct tls *tls, struct tls *fresh)
{
	SSL_CTX_set_app_data(fresh->ctx, tls);
	pthread_mutex_lock(&tls->lock);
	SSL_CTX *was = tls->ctx;
	tls->ctx = fresh->ctx;
	pthread_mutex_unlock(&tls->lock);
	fresh->ctx = was;
	tls_free(fresh);
}

static SSL_CTX *ctx_of(struct tls *tls)
{
	pthread_mutex_lock(&tls->lock);
	SSL_CTX *ctx = tls->ctx;
	SSL_CTX_up_ref(ctx);
	pthread_mutex_unlock(&tls->lock);
	return ctx;
}

bool tls_is_same(struct tls *a, struct tls *b)
{
	SSL_CTX *left = ctx_of(a);
	SSL_CTX *right = ctx_of(b);
	bool same = X509_cmp(SSL_CTX_get0_certificate(left), SSL_CTX_get0_certificate(right)) == 0;

	SSL_CTX_free(left);
	SSL_CTX_free(right);
	return same;
}

/* Connections hold the context they began with. */
static SSL *ssl_new(struct tls *tls)
{
	pthread_mutex_lock(&tls->lock);
	SSL *ssl = SSL_new(tls->ctx);
	pthread_mutex_unlock(&tls->lock);
	return ssl;
}

int tls_accept(struct tls *tls, int fd, uint32_t clients, struct ssl_st **out)
{
	ERR_clear_error();
	SSL *ssl = ssl_new(tls);
	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return -ENOMEM;
	}
	SSL_set_accept_state(ssl);
	peer_ask(ssl, clients);
	*out = ssl;
	return 0;
}

struct ssl_st *tls_end(struct ssl_st *ssl)
{
	SSL_free(ssl);
	return NULL;
}

int tls_step(struct ssl_st *ssl)
{
	ERR_clear_error();
	int r = SSL_do_handshake(ssl);
	if (r == 1)
		return 0;
	int why = SSL_get_error(ssl, r);
	ERR_clear_error();
	if (why == SSL_ERROR_WANT_READ)
		return EPOLLIN;
	if (why == SSL_ERROR_WANT_WRITE)
		return EPOLLOUT;
	return -EPROTO;
}

static ssize_t why_not(SSL *ssl, int r)
{
	int why = SSL_get_error(ssl, r);
	ERR_clear_error();
	if (why == SSL_ERROR_WANT_READ)
		return -EAGAIN;
	if (why == SSL_ERROR_WANT_WRITE)
		return -EBUSY;
	if (why == SSL_ERROR_ZERO_RETURN)
		return 0;
	return -EPROTO;
}

ssize_t tls_read(struct ssl_st *ssl, void *p, size_t n)
{
	size_t done = 0;
	do {
		size_t got = 0;
		ERR_clear_error();
		int r = SSL_read_ex(ssl, (char *)p + done, n - done, &got);
		if (r != 1)
			return done > 0 ? (ssize_t)done : why_not(ssl, r);
		done += got;
	} while (done < n && SSL_has_pending(ssl));
	return (ssize_t)done;
}

ssize_t tls_write(struct ssl_st *ssl, const void *p, size_t n)
{
	size_t done = 0;
	while (done < n) {
		size_t put = 0;
		ERR_clear_error();
		int r = SSL_write_ex(ssl, (const char *)p + done, n - done, &put);
		if (r != 1) {
			ssize_t why = why_not(ssl, r);
			if (why == -EBUSY)
				return done > 0 ? (ssize_t)done : -EAGAIN;
			return -EPROTO; /* it never has to read first: no renegotiation */
		}
		done += put;
	}
	return (ssize_t)done;
}

bool tls_has_more(const struct ssl_st *ssl)
{
	return SSL_has_pending(ssl) == 1 || (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN);
}

void tls_goodbye(struct ssl_st *ssl)
{
	ERR_clear_error();
	SSL_shutdown(ssl);
	ERR_clear_error();
}
