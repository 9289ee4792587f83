/* TLS on a connected socket, by OpenSSL. Clears OpenSSL's error queue itself. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ssl_st;
struct tls; /* base/stream.h */

/* clients: SB_TLS_* of sb_listen.tls_clients. */
int tls_accept(struct tls *tls, int fd, uint32_t clients, struct ssl_st **out);
struct ssl_st *tls_end(struct ssl_st *ssl); /* frees; NULL in, NULL out */
/* One step of the handshake: 0 done, EPOLLIN or EPOLLOUT to wait for, or a fault. */
int tls_step(struct ssl_st *ssl);
/* As struct conn_ops. */
ssize_t tls_read(struct ssl_st *ssl, void *p, size_t n);
ssize_t tls_write(struct ssl_st *ssl, const void *p, size_t n);
bool tls_has_more(const struct ssl_st *ssl); /* input that no descriptor will announce */
void tls_goodbye(struct ssl_st *ssl);        /* close_notify, if it can be sent now */
