#include "base/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "base/stream_listener.h"
#include "base/tls.h"

#define FLUSH_NS (10 * NS_PER_S)

static ssize_t plain_read(struct conn *c, void *p, size_t n)
{
	ssize_t r = recv(c->watch.fd, p, n, MSG_DONTWAIT);
	return r < 0 ? -errno : r;
}

static ssize_t plain_write(struct conn *c, const void *p, size_t n)
{
	ssize_t r = send(c->watch.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return r < 0 ? -errno : r;
}

static ssize_t tls_conn_read(struct conn *c, void *p, size_t n)
{
	return tls_read(c->ssl, p, n);
}

static ssize_t tls_conn_write(struct conn *c, const void *p, size_t n)
{
	return tls_write(c->ssl, p, n);
}

static const struct conn_ops plain_ops = { plain_read, plain_write };
static const struct conn_ops tls_ops = { tls_conn_read, tls_conn_write };

/* ---- table */

static int add_chunk(struct streams *s)
{
	if (s->n_chunks * CONN_CHUNK >= s->limits.max_conns)
		return -EMFILE;
	struct conn *chunk = calloc(CONN_CHUNK, sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	for (uint32_t i = 0; i < CONN_CHUNK; i++) {
		struct conn *c = &chunk[i];
		c->owner = s;
		c->index = s->n_chunks * CONN_CHUNK + i;
		c->generation = 1;
		list_init(&c->dirty);
		list_init(&c->ready);
		list_init(&c->queue);
		list_append(&s->unused, &c->queue);
	}
	s->chunks[s->n_chunks++] = chunk;
	return 0;
}

sb_conn conn_handle(const struct conn *c)
{
	return (uint64_t)c->generation << 32 | (c->index + 1);
}

struct conn *conn_find(const struct streams *s, sb_conn handle)
{
	uint32_t index = (uint32_t)handle - 1;
	if (index / CONN_CHUNK >= s->n_chunks)
		return NULL;
	struct conn *c = &s->chunks[index / CONN_CHUNK][index % CONN_CHUNK];
	return c->state == CONN_OPEN && c->generation == handle >> 32 ? c : NULL;
}

struct conn *conn_each(const struct streams *s, uint32_t *at)
{
	while (*at < s->n_chunks * CONN_CHUNK) {
		struct conn *c = &s->chunks[*at / CONN_CHUNK][*at % CONN_CHUNK];
		++*at;
		if (c->state != CONN_FREE)
			return c;
	}
	return NULL;
}

/* ---- events */

static bool may_read(const struct conn *c)
{
	return (c->state == CONN_OPEN || c->state == CONN_UPGRADE) && !c->paused && !c->muted &&
	       !c->read_needs_write;
}

void conn_rewatch(struct conn *c)
{
	uint32_t events = 0;
	if (may_read(c) || c->state == CONN_LINGERING)
		events |= EPOLLIN;
	if (c->blocked)
		events |= EPOLLOUT;
	/* A short read empties a socket: the kernel need not look again before more has come. */
	if (events == EPOLLIN && !c->ssl && !c->unread && c->state == CONN_OPEN)
		events |= EPOLLRDHUP | EPOLLET;
	/* EPOLLHUP and EPOLLERR come anyway; without a flag the watch would end and they would not.
	 */
	if (events == 0)
		events = EPOLLHUP;
	if (loop_watch(c->owner->loop, &c->watch, events) < 0)
		conn_end(c, SB_CLOSE_ERROR);
}

static void mute(struct conn *c)
{
	if (c->muted)
		return;
	c->muted = true;
	if (c->state == CONN_OPEN || c->state == CONN_UPGRADE)
		list_append(&c->owner->muted, &c->queue);
	conn_rewatch(c);
}

/* What the peer still sends was sent before it knew. */
static void throw_away(struct conn *c)
{
	ssize_t n = recv(c->watch.fd, c->owner->scratch, CONN_READ_BYTES, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_end(c, c->why);
}

static void on_events(struct watch *w, uint32_t events)
{
	struct conn *c = container_of(w, struct conn, watch);
	struct streams *s = c->owner;
	if (c->state == CONN_DEAD)
		return;
	if (c->state == CONN_HANDSHAKE) {
		/* One-shot: quiet until its turn has come. */
		list_append(&s->handshakes, &c->queue);
		return;
	}
	if (c->state == CONN_LINGERING) {
		throw_away(c);
		return;
	}
	if (events & EPOLLOUT) {
		c->blocked = false;
		c->read_needs_write = false;
		list_append(&s->dirty, &c->dirty);
	}
	c->hung |= (events & EPOLLRDHUP) != 0;
	if (may_read(c) && !s->paused) {
		if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			conn_in_read(c);
	} else if (events & (EPOLLHUP | EPOLLERR)) {
		conn_end(c, SB_CLOSE_ERROR);
	} else if (events & EPOLLIN) {
		mute(c);
	}
}

static void on_timer(struct timer *t)
{
	struct conn *c = container_of(t, struct conn, timer);
	if (c->state == CONN_HANDSHAKE)
		c->owner->stats.handshake_failures++;
	bool closed = c->state == CONN_CLOSING || c->state == CONN_LINGERING;
	conn_end(c, closed ? c->why : SB_CLOSE_TIMEOUT);
}

/* ---- life */

int conn_new(struct streams *s, struct listener *l, int fd, struct conn **out)
{
	int r = list_empty(&s->unused) ? add_chunk(s) : 0;
	if (r < 0)
		return r;
	struct conn *c = container_of(s->unused.next, struct conn, queue);
	list_remove(&c->queue);
	c->ops = l->tls ? &tls_ops : &plain_ops;
	c->listener = l;
	c->watch = (struct watch){ .fd = fd, .fn = on_events };
	c->timer.fn = on_timer;
	c->state = l->tls ? CONN_HANDSHAKE : CONN_OPEN;
	l->n_conns++;
	s->stats.open_now++;
	*out = c;
	return 0;
}

void conn_adopt(struct conn *c, struct ssl_st *ssl)
{
	c->ssl = ssl;
	c->ops = ssl ? &tls_ops : &plain_ops;
	conn_ws_begin(c);
}

void conn_begin(struct conn *c, struct sb_str peer)
{
	if (c->listener->spec.websocket.n)
		conn_ws_begin(c);
	else
		conn_open(c, peer);
}

void conn_open(struct conn *c, struct sb_str peer)
{
	timer_end(&c->timer);
	c->state = CONN_OPEN;
	void *ud = NULL;
	c->owner->callbacks++;
	int r = c->listener->spec.open(c->listener->spec.ud, conn_handle(c), peer, &ud);
	c->ud = ud;
	c->opened = r >= 0;
	if (r < 0)
		conn_end(c, SB_CLOSE_LOCAL);
	else if (c->state == CONN_OPEN)
		conn_rewatch(c);
}

void conn_close(struct conn *c)
{
	if (c->state != CONN_OPEN && c->state != CONN_UPGRADE)
		return;
	c->state = CONN_CLOSING;
	c->why = SB_CLOSE_LOCAL;
	if (c->ws) {
		c->linger = true; /* the peer answers a close frame */
		if (!c->ws->say_close)
			c->ws->say_close = 1000;
	}
	loop_timer(c->owner->loop, &c->timer, FLUSH_NS, 0);
	list_remove(&c->ready);
	list_remove(&c->queue);
	c->muted = false;
	list_append(&c->owner->dirty, &c->dirty);
}

void conn_end(struct conn *c, int why)
{
	if (c->state == CONN_DEAD || c->state == CONN_FREE)
		return;
	c->state = CONN_DEAD;
	c->why = (uint8_t)why;
	timer_end(&c->timer);
	list_remove(&c->dirty);
	list_remove(&c->ready);
	list_append(&c->owner->dead, &c->queue);
}

/* A close with unread input would be a reset, which may overtake what we sent last. */
static void say_goodbye(struct conn *c)
{
	if (c->ssl)
		tls_goodbye(c->ssl);
	else
		shutdown(c->watch.fd, SHUT_WR);
	ssize_t n = recv(c->watch.fd, c->owner->scratch, CONN_READ_BYTES, MSG_DONTWAIT);
	(void)n;
}

void conn_finish(struct conn *c)
{
	struct streams *s = c->owner;
	loop_watch(s->loop, &c->watch, 0);
	if (c->watch.fd >= 0) { /* else it was given away */
		if (c->why == SB_CLOSE_LOCAL || c->why == SB_CLOSE_STOP)
			say_goodbye(c);
		c->ssl = tls_end(c->ssl);
		close(c->watch.fd);
	}
	free(c->ws);
	c->ws = NULL;
	free(c->tail);
	c->tail = NULL;
	c->tail_n = c->tail_cap = 0;
	conn_out_free(c);
	timer_end(&c->timer);
	list_remove(&c->dirty);
	list_remove(&c->ready);
	s->stats.open_now--;
	s->stats.closed++;
	c->listener->n_conns--;
	s->callbacks++;
	if (c->opened && c->listener->spec.close)
		c->listener->spec.close(c->ud, conn_handle(c), c->why);
	c->opened = c->paused = c->muted = false;
	c->blocked = c->read_needs_write = c->want_writable = c->linger = false;
	c->unread = c->hung = false;
	c->ud = NULL;
	c->state = CONN_FREE;
	if (++c->generation == 0)
		c->generation = 1;
	list_append(&s->unused, &c->queue);
}
