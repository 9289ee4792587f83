/* Who is at the other end of a TLS connection: client certificates and pre-shared keys. */
#pragma once
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/stream.h"

struct ssl_ctx_st;
struct ssl_st;

struct tls {                  /* of tls.c */
	pthread_mutex_t lock; /* handshakes begin on every loop's thread */
	struct ssl_ctx_st *ctx;
	tls_psk_fn psk;
	void *psk_ud;
};

/* Before the handshake: what clients are asked for, SB_TLS_*. */
void peer_ask(struct ssl_st *ssl, uint32_t clients);
/* After it: bytes of the certificate in DER, *trusted whether it leads to the authority of
 * tls_trust(). SB_E_NOT_FOUND, -ERANGE. */
int peer_cert(struct ssl_st *ssl, uint8_t *buf, uint32_t cap, uint32_t *trusted);
/* Does the revocation list that tls has now name the certificate, or one that it leans on? Looks at
 * names and numbers alone: cheap. */
bool peer_is_revoked(struct ssl_st *ssl, struct tls *tls);
/* Bytes of the identity whose key the peer has, without an end. SB_E_NOT_FOUND, -ERANGE. */
int peer_psk(struct ssl_st *ssl, char *buf, uint32_t cap);
