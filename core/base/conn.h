/* What the files of streams share: connections, their table, the lists of what is due at the end of
 * a turn. Nobody else includes this. A connection only ends (its callback, its memory) in
 * conn_finish(), which no callback is above of. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <signalbox/services.h>

#include "base/list.h"
#include "base/loop.h"
#include "base/stream.h"
#include "base/websocket.h"

struct conn;
struct listener;
struct ssl_st;

#define CONN_READ_BYTES 65536u /* one read: the shared buffer */
#define CONN_OUT_BYTES  512u   /* an output buffer of the pool */

enum conn_state {
	CONN_FREE,
	CONN_HANDSHAKE, /* TLS; unknown to the plugin */
	CONN_UPGRADE,   /* HTTP: waits for the head; unknown to the plugin */
	CONN_OPEN,
	CONN_CLOSING,   /* the plugin closed it: output is flushed, input is not looked at */
	CONN_LINGERING, /* flushed; input is thrown away until the peer has seen it */
	CONN_DEAD,      /* in streams.dead, until the end of this turn */
};

#define CONN_FEW_BYTES 16u /* so much output, an acknowledgement or two, needs no buffer */

struct conn {
	struct streams *owner;
	struct listener *listener;
	struct ssl_st *ssl; /* NULL: plaintext, or the peer has not said anything */
	struct conn_ws *ws; /* NULL: no WebSocket */
	void *ud;           /* the plugin's */
	struct watch watch;
	struct conn_timer *timer; /* handshake, write stall or flush deadline, by state; NULL: none
	                           */
	struct list dirty;        /* in streams.dirty: output to send */
	struct list ready;        /* in streams.ready: input to hand over without a new event */
	struct list queue;        /* in streams.handshakes, .dead, .muted or .unused */
	uint8_t *tail;            /* input that was not consumed; NULL when there is none */
	uint8_t *out; /* [sent, n) is not sent; NULL when there is nothing; may be few */
	uint32_t tail_n, tail_cap;
	uint32_t out_n, out_cap, out_sent;
	uint32_t generation, index;
	uint8_t state; /* enum conn_state */
	uint8_t why;   /* SB_CLOSE_*, once CLOSING or DEAD */
	bool secure : 1;
	bool opened : 1;
	bool paused : 1;
	bool muted : 1;            /* not read because of pause_all, or closing */
	bool blocked : 1;          /* the kernel takes no more: waits for EPOLLOUT */
	bool read_needs_write : 1; /* TLS wants to answer before it reads on */
	bool want_writable : 1;
	bool linger : 1; /* see streams_close_gently() */
	bool unread : 1; /* the socket may hold more than was read */
	bool hung : 1;   /* the peer sends nothing any more: read to the end */
	uint8_t few[CONN_FEW_BYTES];
};

struct conn_timer { /* what few connections need at a time */
	struct timer timer;
	struct conn *conn;
};

struct conn_ws { /* what a connection that speaks WebSocket has besides */
	struct websocket in;
	uint32_t frame_at;             /* in out: room for the head of the frame being collected */
	uint16_t say_close, met_close; /* code to close with when flushing; to close with once what
	                                  came before is consumed; 0: none */
	bool framing, closed, pong_waits;
	uint8_t pong_n, pong[WEBSOCKET_CONTROL_MAX]; /* of the latest ping */
	const char *why;
};

_Static_assert(sizeof(struct conn) <= 176, "an idle connection is cheap");

struct out_buffer { /* unused, in the pool */
	struct out_buffer *next;
};

#define CONN_CHUNK 64u

struct streams {
	struct loop *loop;
	struct streams_limits limits;
	struct streams_stats stats;
	struct conn **chunks; /* of CONN_CHUNK each; connections never move */
	uint32_t n_chunks;
	struct list unused, dirty, ready, handshakes, dead, muted, listeners;
	struct hook on_ready, on_end;
	struct out_buffer *pool;
	uint32_t n_pool;
	uint32_t next_id;
	uint64_t callbacks; /* made so far, but data() */
	bool paused;
	uint8_t *scratch; /* CONN_READ_BYTES, for one read at a time */
};

/* ---- conn.c: the table, what is watched, the end */
int conn_new(struct streams *s, struct listener *l, int fd, struct conn **out);
sb_conn conn_handle(const struct conn *c);
struct conn *conn_find(const struct streams *s, sb_conn handle); /* NULL: stale */
/* Tells epoll what is wanted now. */
void conn_rewatch(struct conn *c);
/* Ready for input: introduces it to the plugin, or waits for its request to speak WebSocket. */
void conn_begin(struct conn *c, struct sb_str peer);
/* Goes on with a connection that other streams began. Takes ssl, which may be NULL. */
void conn_adopt(struct conn *c, struct ssl_st *ssl);
/* Its deadline, which ends it; without memory for that it ends at once. */
void conn_time(struct conn *c, int64_t delay_ns);
void conn_untime(struct conn *c);
/* Bytes moved; read: 0 is the end. -EAGAIN: wait; -EBUSY (read): wait until output moves; else a
 * fault. */
ssize_t conn_read(struct conn *c, void *p, size_t n);
ssize_t conn_write(struct conn *c, const void *p, size_t n);
/* Introduces it to the plugin; may end it. */
void conn_open(struct conn *c, struct sb_str peer);
/* The plugin or its answer wants it closed: flush, then end. */
void conn_close(struct conn *c);
/* It is dead; conn_finish() follows at the end of the turn. */
void conn_end(struct conn *c, int why);
void conn_finish(struct conn *c);
/* The next in use at or behind *at, NULL at the end. */
struct conn *conn_each(const struct streams *s, uint32_t *at);

/* ---- conn_in.c */
void conn_in_read(struct conn *c);  /* once, from the socket */
void conn_in_again(struct conn *c); /* what was left, and what TLS holds */
/* Bytes the peer sent, from whatever memory: decoded, handed over, kept. */
void conn_in_take(struct conn *c, uint8_t *p, uint32_t n);

/* ---- conn_ws.c: between the bytes of the socket and those of the plugin */
void conn_ws_begin(struct conn *c);
void conn_ws_head(struct conn *c); /* the request is in its tail, or a part of it */
/* Decodes in place, returns how many bytes are payload. */
uint32_t conn_ws_take(struct conn *c, uint8_t *p, uint32_t n);
/* The peer closed or broke a rule, and what came before was handed over. */
void conn_ws_settle(struct conn *c);
int conn_ws_open_frame(struct conn *c); /* what is written from here on is its payload */
void conn_ws_seal(struct conn *c);      /* the frame is complete; control frames follow it */

/* ---- conn_out.c */
/* Room for n bytes behind out_n. */
int conn_out_room(struct conn *c, uint32_t n);
int conn_out_write(struct conn *c, struct sb_bytes bytes);
void conn_out_flush(struct conn *c);
/* The kernel takes no more: wait for EPOLLOUT, 30 s at most. */
void conn_out_stalled(struct conn *c);
void conn_out_free(struct conn *c);
void conn_out_free_pool(struct streams *s);
static inline uint32_t conn_out_unsent(const struct conn *c)
{
	return c->out_n - c->out_sent;
}
