#include "base/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/conn.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/own.h"
#include "base/peer.h"
#include "base/stream_listener.h"
#include "base/tls.h"

#define HANDSHAKE_STEPS   4 /* per turn: a storm of new peers does not delay the ones we have */
#define DEFAULT_CONNS     65536u
#define DEFAULT_HANDSHAKE 10u

/* ---- the end of a turn */

/* First hook: input that is there without a new event, before anybody else's end of turn. */
static void on_ready(struct hook *h)
{
	struct streams *s = container_of(h, struct streams, on_ready);
	if (s->paused || list_empty(&s->ready))
		return;
	struct list now;
	list_init(&now);
	list_move_all(&now, &s->ready);
	while (!s->paused && !list_empty(&now))
		conn_in_again(container_of(list_take(&now), struct conn, ready));
	list_move_all(&s->ready, &now); /* what a pause left over */
}

static void introduce(struct conn *c)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof(peer);
	if (getpeername(c->watch.fd, (struct sockaddr *)&peer, &len) < 0) {
		conn_end(c, SB_CLOSE_ERROR);
		return;
	}
	char text[64];
	c->owner->stats.handshakes++;
	conn_begin(c, listener_peer_text(text, sizeof(text), (struct sockaddr *)&peer));
	/* The client's first bytes may have come with the end of its handshake. */
	if ((c->state == CONN_OPEN || c->state == CONN_UPGRADE) && tls_has_more(c->ssl))
		list_append(&c->owner->ready, &c->ready);
}

/* The state of TLS is made when the peer has begun to speak: silence costs next to nothing. */
static int handshake(struct conn *c)
{
	const struct listener *l = c->listener;
	int r = c->ssl ? 0 : tls_accept(l->tls, c->watch.fd, l->spec.tls_clients, &c->ssl);
	return r < 0 ? r : tls_step(c->ssl);
}

static void step_handshakes(struct streams *s)
{
	for (int i = 0; i < HANDSHAKE_STEPS; i++) {
		struct list *l = list_take(&s->handshakes);
		if (!l)
			return;
		struct conn *c = container_of(l, struct conn, queue);
		int r = handshake(c);
		if (r == 0) {
			introduce(c);
		} else if (r < 0 ||
		           loop_watch(s->loop, &c->watch, (uint32_t)r | EPOLLONESHOT) < 0) {
			s->stats.handshake_failures++;
			conn_end(c, SB_CLOSE_ERROR);
		}
	}
}

static void flush_dirty(struct streams *s)
{
	struct list now;
	list_init(&now);
	list_move_all(&now, &s->dirty);
	for (struct list *l = list_take(&now); l; l = list_take(&now)) {
		prefetch(container_of(now.next, struct conn, dirty), sizeof(struct conn));
		conn_out_flush(container_of(l, struct conn, dirty));
	}
}

static void finish_dead(struct streams *s)
{
	struct list now;
	list_init(&now);
	list_move_all(&now, &s->dead);
	for (struct list *l = list_take(&now); l; l = list_take(&now))
		conn_finish(container_of(l, struct conn, queue));
}

/* Last hook. Callbacks from here may have given other hooks something to do: they get another turn.
 */
static void on_end(struct hook *h)
{
	struct streams *s = container_of(h, struct streams, on_end);
	uint64_t before = s->callbacks;
	flush_dirty(s);
	step_handshakes(s);
	finish_dead(s);
	bool waiting = !list_empty(&s->dirty) || !list_empty(&s->handshakes) ||
	               !list_empty(&s->dead) || (!list_empty(&s->ready) && !s->paused);
	if (waiting || s->callbacks != before)
		loop_again(s->loop);
}

/* ---- life */

int streams_new(struct streams **out, struct loop *loop, const struct streams_limits *limits)
{
	struct streams *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->limits = *limits;
	if (s->limits.max_conns == 0)
		s->limits.max_conns = DEFAULT_CONNS;
	if (s->limits.handshake_seconds == 0)
		s->limits.handshake_seconds = DEFAULT_HANDSHAKE;
	struct list *lists[] = { &s->unused, &s->dirty, &s->ready,    &s->handshakes,
		                 &s->dead,   &s->muted, &s->listeners };
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		list_init(lists[i]);
	s->chunks = calloc(s->limits.max_conns / CONN_CHUNK + 1, sizeof(struct conn *));
	s->scratch = malloc(CONN_READ_BYTES);
	if (!s->chunks || !s->scratch) {
		free(s->chunks);
		free(s->scratch);
		free(s);
		return -ENOMEM;
	}
	s->on_ready.fn = on_ready;
	s->on_end.fn = on_end;
	loop_hook(loop, &s->on_ready);
	loop_hook_last(loop, &s->on_end);
	*out = s;
	return 0;
}

void streams_set_origins(struct streams *s, const char *origins)
{
	s->limits.origins = origins;
}

struct streams *streams_free(struct streams *s)
{
	if (!s)
		return NULL;
	while (!list_empty(&s->listeners))
		streams_unlisten(s, container_of(s->listeners.next, struct listener, link)->id);
	loop_unhook(s->loop, &s->on_ready);
	loop_unhook(s->loop, &s->on_end);
	for (uint32_t i = 0; i < s->n_chunks; i++)
		free(s->chunks[i]);
	conn_out_free_pool(s);
	free(s->chunks);
	free(s->scratch);
	free(s);
	return NULL;
}

int streams_listen(struct streams *s, const struct sb_listen *spec, struct tls *tls, uint32_t *port,
                   uint32_t *id)
{
	struct listener *l;
	if (spec->tls && !tls)
		return -EINVAL;
	int r = listener_new(s, spec, spec->tls ? tls : NULL, port, &l);
	if (r < 0)
		return r;
	l->id = *id = ++s->next_id;
	list_append(&s->listeners, &l->link);
	return 0;
}

static struct listener *find_listener(struct streams *s, uint32_t id)
{
	for (struct list *l = s->listeners.next; l != &s->listeners; l = l->next) {
		struct listener *found = container_of(l, struct listener, link);
		if (found->id == id)
			return found;
	}
	return NULL;
}

void streams_call_by(struct streams *s, uint32_t id, const struct stream_calls *calls, void *ud)
{
	struct listener *l = find_listener(s, id);
	if (!l)
		return;
	l->calls = calls;
	l->calls_ud = ud;
}

void streams_unlisten(struct streams *s, uint32_t id)
{
	struct listener *l = find_listener(s, id);
	if (!l)
		return;
	loop_watch(s->loop, &l->watch, 0);
	uint32_t at = 0;
	for (struct conn *c = conn_each(s, &at); c; c = conn_each(s, &at)) {
		if (c->listener != l)
			continue;
		c->want_writable = false;
		if (c->ws && !c->ws->say_close)
			c->ws->say_close = 1001;
		if ((c->state == CONN_OPEN || c->state == CONN_CLOSING) && !c->blocked)
			conn_out_flush(c);
		conn_end(c, SB_CLOSE_STOP);
		list_remove(&c->queue);
		conn_finish(c);
	}
	listener_free(l);
}

/* ---- use */

int streams_write(struct streams *s, sb_conn conn, struct sb_bytes bytes)
{
	struct conn *c = conn_find(s, conn);
	return c ? conn_out_write(c, bytes) : SB_E_STALE;
}

int streams_pause(struct streams *s, sb_conn conn)
{
	struct conn *c = conn_find(s, conn);
	if (!c)
		return SB_E_STALE;
	if (c->paused)
		return 0;
	c->paused = true;
	conn_rewatch(c);
	return 0;
}

int streams_resume(struct streams *s, sb_conn conn)
{
	struct conn *c = conn_find(s, conn);
	if (!c)
		return SB_E_STALE;
	if (!c->paused)
		return 0;
	c->paused = false;
	conn_rewatch(c);
	if (c->state == CONN_OPEN)
		list_append(&s->ready, &c->ready);
	return 0;
}

void streams_pause_all(struct streams *s)
{
	s->paused = true; /* who has something to say is muted when it says it */
}

void streams_resume_all(struct streams *s)
{
	s->paused = false;
	for (struct list *l = list_take(&s->muted); l; l = list_take(&s->muted)) {
		struct conn *c = container_of(l, struct conn, queue);
		c->muted = false;
		conn_rewatch(c);
	}
}

int streams_close(struct streams *s, sb_conn conn)
{
	struct conn *c = conn_find(s, conn);
	if (!c)
		return SB_E_STALE;
	conn_close(c);
	return 0;
}

int streams_close_gently(struct streams *s, sb_conn conn)
{
	struct conn *c = conn_find(s, conn);
	if (!c)
		return SB_E_STALE;
	c->linger = true;
	conn_close(c);
	return 0;
}

/* ---- from one loop to another */

struct stream_parcel {
	int fd;
	struct ssl_st *ssl;
	uint8_t *bytes; /* read and not consumed */
	uint32_t n;
};

struct stream_parcel *stream_parcel_free(struct stream_parcel *parcel)
{
	if (!parcel)
		return NULL;
	tls_end(parcel->ssl);
	closep(&parcel->fd);
	free(parcel->bytes);
	free(parcel);
	return NULL;
}

int streams_part_with(struct streams *s, sb_conn conn, struct sb_bytes unread,
                      struct stream_parcel **out)
{
	struct conn *c = conn_find(s, conn);
	if (!c)
		return SB_E_STALE;
	conn_out_flush(c);
	if (c->state != CONN_OPEN || conn_out_unsent(c) > 0)
		return -EBUSY;
	struct stream_parcel *parcel = calloc(1, sizeof(*parcel));
	uint8_t *bytes = malloc(unread.n + 1);
	if (!parcel || !bytes) {
		free(parcel);
		free(bytes);
		return -ENOMEM;
	}
	memcpy(bytes, unread.p, unread.n);
	*parcel = (struct stream_parcel){ c->watch.fd, steal(c->ssl), bytes, (uint32_t)unread.n };
	loop_watch(s->loop, &c->watch, 0);
	c->watch.fd = -1;
	c->opened = false;
	conn_end(c, SB_CLOSE_LOCAL);
	*out = parcel;
	return 0;
}

static int adopt(struct streams *s, struct listener *l, struct stream_parcel *parcel)
{
	struct conn *c;
	if (!l || l->watch.fd >= 0)
		return SB_E_STALE;
	int r = listener_is_full(l) ? -EMFILE : conn_new(s, l, parcel->fd, &c);
	if (r < 0) {
		s->stats.refused++;
		return r;
	}
	s->stats.accepted++;
	parcel->fd = -1;
	conn_adopt(c, steal(parcel->ssl));
	if (c->state == CONN_UPGRADE && parcel->n > 0)
		conn_in_take(c, parcel->bytes, parcel->n);
	bool reads = c->state == CONN_OPEN || c->state == CONN_UPGRADE;
	if (reads && c->ssl && tls_has_more(c->ssl))
		list_append(&s->ready, &c->ready);
	return 0;
}

int streams_adopt(struct streams *s, uint32_t listener, struct stream_parcel *parcel)
{
	int r = adopt(s, find_listener(s, listener), parcel);
	stream_parcel_free(parcel);
	return r;
}

int streams_peer_cert(const struct streams *s, sb_conn conn, uint8_t *buf, uint32_t cap,
                      uint32_t *trusted)
{
	const struct conn *c = conn_find(s, conn);
	if (!c)
		return SB_E_STALE;
	return c->ssl ? peer_cert(c->ssl, buf, cap, trusted) : SB_E_NOT_FOUND;
}

uint32_t streams_end_revoked(struct streams *s, struct tls *tls)
{
	uint32_t at = 0;
	uint32_t n = 0;

	for (struct conn *c = conn_each(s, &at); c; c = conn_each(s, &at)) {
		if (!c->ssl || c->state == CONN_DEAD || !peer_is_revoked(c->ssl, tls))
			continue;
		conn_end(c, SB_CLOSE_ERROR);
		n++;
	}
	return n;
}

int streams_peer_psk(const struct streams *s, sb_conn conn, char *buf, uint32_t cap)
{
	const struct conn *c = conn_find(s, conn);
	if (!c)
		return SB_E_STALE;
	return c->ssl ? peer_psk(c->ssl, buf, cap) : SB_E_NOT_FOUND;
}

uint32_t streams_unsent(const struct streams *s, sb_conn conn)
{
	const struct conn *c = conn_find(s, conn);
	return c ? conn_out_unsent(c) : 0;
}

void streams_stats(const struct streams *s, struct streams_stats *out)
{
	*out = s->stats;
}
