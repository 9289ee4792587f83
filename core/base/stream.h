/* Listeners and connections of one loop: accept, TLS, input tails, coalesced output, limits. Data
 * is served before handshakes, at most 4 handshake steps a turn; one read and one write per
 * connection and turn, no epoll_ctl per message. Connections are named by generation-checked
 * handles (sb_conn). All calls from the loop's thread. An idle plaintext connection costs at most
 * 176 bytes here. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

#define TLS_PSK_MAX 64

struct loop;
struct stream_parcel;
struct streams;
struct tls;

struct streams_limits {
	uint32_t max_conns;         /* of this loop; 0: 65,536 */
	uint32_t handshake_seconds; /* TLS handshake, and HTTP upgrade, must be done; 0: 10 */
	/* Descriptors of the process that are left to others (files, console): peers wait in the
	 * kernel's queue instead. At most a quarter of RLIMIT_NOFILE as it is at the moment. */
	uint32_t reserved_fds;
	const char *origins; /* whose pages may speak WebSocket besides the host's own, separated by
	                        spaces; NULL: none; not copied */
};

struct streams_stats {
	uint64_t accepted, refused, closed, bytes_in, bytes_out, handshakes, handshake_failures;
	uint64_t accept_pauses; /* times peers had to wait for descriptors or memory */
	uint64_t upgrades, upgrades_refused;
	uint32_t open_now;
};

int streams_new(struct streams **out, struct loop *loop, const struct streams_limits *limits);
void streams_set_origins(struct streams *s, const char *origins); /* limits.origins from now on */
struct streams *streams_free(struct streams *s); /* closes everything, callbacks included */
/* As sb_stream.listen; tls may be NULL when spec->tls is 0. *id names the listener. With the
 * address "http" there is no socket: connections come by streams_adopt(). */
int streams_listen(struct streams *s, const struct sb_listen *spec, struct tls *tls, uint32_t *port,
                   uint32_t *id);
/* How the callbacks of a listener are called, if not directly: by somebody who wants to know whose
 * they are. All or none. */
struct stream_calls {
	int32_t (*open)(void *ud, sb_conn conn, struct sb_str peer, void **conn_ud);
	int64_t (*data)(void *ud, void *conn_ud, sb_conn conn, struct sb_bytes bytes);
	void (*writable)(void *ud, void *conn_ud, sb_conn conn);
	void (*close)(void *ud, void *conn_ud, sb_conn conn, int32_t why);
};

/* Before the loop turns. */
void streams_call_by(struct streams *s, uint32_t id, const struct stream_calls *calls, void *ud);
/* Ends its connections with SB_CLOSE_STOP, callbacks included, before it returns; not from inside a
 * callback of a connection. */
void streams_unlisten(struct streams *s, uint32_t id);
/* A write while nothing is unsent is taken whatever its length. A peer that takes nothing for 30 s
 * ends with SB_CLOSE_TIMEOUT. */
int streams_write(struct streams *s, sb_conn conn, struct sb_bytes bytes);
int streams_pause(struct streams *s, sb_conn conn);
/* What data() had left unconsumed is offered again after this, even without new bytes. */
int streams_resume(struct streams *s, sb_conn conn);
/* Nobody is read until resumed: the data path is full. What data() leaves unconsumed meanwhile is
 * offered again after resume_all. Costs two system calls for each connection that has something to
 * say. */
void streams_pause_all(struct streams *s);
void streams_resume_all(struct streams *s);
int streams_close(struct streams *s, sb_conn conn);
/* As close, and what the peer still sends is thrown away for 2 s at most: unread input would turn
 * the end into a reset, which may overtake what was sent last. */
int streams_close_gently(struct streams *s, sb_conn conn);
/* As sb_stream.peer_cert and peer_psk. */
int streams_peer_cert(const struct streams *s, sb_conn conn, uint8_t *buf, uint32_t cap,
                      uint32_t *trusted);
int streams_peer_psk(const struct streams *s, sb_conn conn, char *buf, uint32_t cap);
/* Ends the connections whose certificate is named by the revocation list that tls has now; how
 * many. */
uint32_t streams_end_revoked(struct streams *s, struct tls *tls);
uint32_t streams_unsent(const struct streams *s, sb_conn conn);
void streams_stats(const struct streams *s, struct streams_stats *out);

/* Takes a connection out of its streams, with bytes data() was given and does not want; its close()
 * is not called. From inside its data() only. -EBUSY: its output is not sent. */
int streams_part_with(struct streams *s, sb_conn conn, struct sb_bytes unread,
                      struct stream_parcel **out);
/* Takes it in, in another loop's thread, as if this listener ("http") had accepted it. Ends the
 * parcel in any case; SB_E_STALE: no such listener. */
int streams_adopt(struct streams *s, uint32_t listener, struct stream_parcel *parcel);
struct stream_parcel *stream_parcel_free(struct stream_parcel *parcel); /* hangs up; any thread */

/* One server identity, TLS 1.2 and 1.3, shared by all loops. Makes the process ignore SIGPIPE. */
int tls_new(struct tls **out, const char *cert_pem_path, const char *key_pem_path);
struct tls *tls_free(struct tls *tls);
/* Handshakes from here on use the identity of fresh, which is freed; connections keep theirs. Any
 * thread. */
void tls_renew(struct tls *tls, struct tls *fresh);
bool tls_is_same(struct tls *a, struct tls *b); /* the same certificate */
/* The certificate authority of clients, a PEM file, and its revocation list, or NULL. Before the
 * first connection. */
int tls_trust(struct tls *tls, const char *ca_pem_path, const char *crl_pem_path);
/* Where keys of clients are found: how many bytes, 0 for an unknown identity. Any thread. */
typedef uint32_t (*tls_psk_fn)(void *ud, struct sb_str identity, uint8_t key[static TLS_PSK_MAX]);
void tls_psk(struct tls *tls, tls_psk_fn fn, void *ud);
