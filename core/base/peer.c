#include "base/peer.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <string.h>

#include "base/log.h"

#define LOG_MODULE "tls"

#define DEPTH        4
#define IDENTITY_MAX 160

/* What is remembered of a handshake; hangs in the SSL. */
struct notes {
	bool untrusted; /* the chain of the certificate does not lead to the authority */
	uint32_t identity_n;
	char identity[IDENTITY_MAX];
};

static int slot = -1;

static void free_notes(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	OPENSSL_free(ptr);
}

static void make_slot(void)
{
	slot = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_notes);
}

static struct notes *notes_of(SSL *ssl)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_slot);
	struct notes *notes = SSL_get_ex_data(ssl, slot);
	if (notes)
		return notes;
	notes = OPENSSL_zalloc(sizeof(*notes));
	if (notes && SSL_set_ex_data(ssl, slot, notes) != 1) {
		OPENSSL_free(notes);
		return NULL;
	}
	return notes;
}

/* ---- certificates */

int tls_trust(struct tls *tls, const char *ca_pem_path, const char *crl_pem_path)
{
	X509_STORE *store = SSL_CTX_get_cert_store(tls->ctx);
	STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(ca_pem_path);

	if (!names || X509_STORE_load_file(store, ca_pem_path) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		ERR_clear_error();
		return log_error(-EINVAL, "cannot read the client authority %s", ca_pem_path);
	}
	SSL_CTX_set_client_CA_list(tls->ctx, names); /* takes them */
	SSL_CTX_set_verify_depth(tls->ctx, DEPTH);
	if (!crl_pem_path)
		return 0;
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
	if (!lookup || X509_load_crl_file(lookup, crl_pem_path, X509_FILETYPE_PEM) < 1) {
		ERR_clear_error();
		return log_error(-EINVAL, "cannot read the revocation list %s", crl_pem_path);
	}
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	return 0;
}

/* Certificates of nobody we know may still be registered, one by one, by their fingerprint: whose
 * chain leads nowhere is let in as untrusted. Everything else that is wrong stays wrong. */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct notes *notes = ssl ? notes_of(ssl) : NULL;

	if (ok)
		return 1;
	if (!notes)
		return 0;
	switch (X509_STORE_CTX_get_error(ctx)) {
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_UNTRUSTED:
	case X509_V_ERR_UNABLE_TO_GET_CRL:
		notes->untrusted = true;
		return 1;
	default:
		return 0;
	}
}

int peer_cert(struct ssl_st *ssl, uint8_t *buf, uint32_t cap, uint32_t *trusted)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	const struct notes *notes = x ? notes_of(ssl) : NULL;

	if (!notes)
		return SB_E_NOT_FOUND;
	int n = i2d_X509(x, NULL);
	if (n <= 0 || (uint32_t)n > cap)
		return -ERANGE;
	unsigned char *at = buf;
	(void)i2d_X509(x, &at);
	*trusted = !notes->untrusted && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
	           SSL_get_verify_result(ssl) == X509_V_OK;
	return n;
}

static bool is_listed(const X509_STORE *store, X509 *x)
{
	STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(store);

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		X509_CRL *list = X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));
		X509_REVOKED *entry;
		if (list &&
		    X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_issuer_name(x)) == 0 &&
		    X509_CRL_get0_by_cert(list, &entry, x) == 1)
			return true;
	}
	return false;
}

bool peer_is_revoked(struct ssl_st *ssl, struct tls *tls)
{
	X509 *x = SSL_get0_peer_certificate(ssl);
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl); /* of a server: those behind x */

	if (!x)
		return false;
	pthread_mutex_lock(&tls->lock);
	const X509_STORE *store = SSL_CTX_get_cert_store(tls->ctx);
	bool found = is_listed(store, x);
	for (int i = 0; i < sk_X509_num(chain) && !found; i++)
		found = is_listed(store, sk_X509_value(chain, i));
	pthread_mutex_unlock(&tls->lock);
	return found;
}

/* ---- pre-shared keys */

/* OpenSSL calls this for TLS 1.2 and, since there is no other callback, for 1.3 too. */
static unsigned int on_psk(SSL *ssl, const char *identity, unsigned char *key, unsigned int cap)
{
	const struct tls *tls = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	struct notes *notes = notes_of(ssl);
	uint8_t found[TLS_PSK_MAX];
	size_t n = identity ? strlen(identity) : 0;

	if (!notes)
		return 0;
	notes->identity_n = 0;
	if (!n || n > IDENTITY_MAX || !tls->psk)
		return 0;
	uint32_t key_n = tls->psk(tls->psk_ud, sb_str_of(identity, n), found);
	if (key_n && key_n <= cap) {
		memcpy(key, found, key_n);
		memcpy(notes->identity, identity, n);
		notes->identity_n = (uint32_t)n;
	} else {
		key_n = 0;
	}
	OPENSSL_cleanse(found, sizeof(found));
	return key_n;
}

/* That a key was found for an identity is not enough: the handshake must have used it. */
static bool used_psk(const SSL *ssl)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

	if (SSL_version(ssl) >= TLS1_3_VERSION)
		return SSL_session_reused(ssl) == 1; /* of tickets there are none here */
	switch (cipher ? SSL_CIPHER_get_kx_nid(cipher) : NID_undef) {
	case NID_kx_psk:
	case NID_kx_dhe_psk:
	case NID_kx_ecdhe_psk:
	case NID_kx_rsa_psk:
		return true;
	default:
		return false;
	}
}

int peer_psk(struct ssl_st *ssl, char *buf, uint32_t cap)
{
	const struct notes *notes = slot >= 0 ? SSL_get_ex_data(ssl, slot) : NULL;

	if (!notes || !notes->identity_n || !used_psk(ssl))
		return SB_E_NOT_FOUND;
	if (notes->identity_n > cap)
		return -ERANGE;
	memcpy(buf, notes->identity, notes->identity_n);
	return (int)notes->identity_n;
}

void tls_psk(struct tls *tls, tls_psk_fn fn, void *ud)
{
	tls->psk = fn;
	tls->psk_ud = ud;
}

void peer_ask(struct ssl_st *ssl, uint32_t clients)
{
	if (!clients)
		return;
	/* A resumed session would skip what is asked here, and the revocation list. */
	SSL_set_options(ssl, SSL_OP_NO_TICKET);
	SSL_set_num_tickets(ssl, 0);
	if (clients & SB_TLS_CERT_REQUIRED)
		SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
	else if (clients & SB_TLS_CERT_OPTIONAL)
		SSL_set_verify(ssl, SSL_VERIFY_PEER, on_verify);
	if (!(clients & SB_TLS_PSK))
		return;
	SSL_set_psk_server_callback(ssl, on_psk);
	/* Our preference counts: a client that offers its key is not to end up with our
	 * certificate. A key of TLS 1.3 goes with SHA-256. */
	(void)SSL_set_ciphersuites(ssl, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:"
	                                "TLS_AES_256_GCM_SHA384");
	(void)SSL_set_cipher_list(ssl, "kECDHEPSK:kDHEPSK:kPSK:DEFAULT:!eNULL");
}
