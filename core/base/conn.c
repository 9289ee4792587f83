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

ssize_t conn_read(struct conn *c, void *p, size_t n)
{
	if (c->secure)
		return tls_read(c->ssl, p, n);
	ssize_t r = recv(c->watch.fd, p, n, MSG_DONTWAIT);
	return r < 0 ? -errno : r;
}

ssize_t conn_write(struct conn *c, const void *p, size_t n)
{
	if (c->secure)
		return tls_write(c->ssl, p, n);
	ssize_t r = send(c->watch.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return r < 0 ? -errno : r;
}

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
	struct conn *c = container_of(t, struct conn_timer, timer)->conn;
	if (c->state == CONN_HANDSHAKE)
		c->owner->stats.handshake_failures++;
	bool closed = c->state == CONN_CLOSING || c->state == CONN_LINGERING;
	conn_end(c, closed ? c->why : SB_CLOSE_TIMEOUT);
}

void conn_time(struct conn *c, int64_t delay_ns)
{
	if (!c->timer) {
		c->timer = calloc(1, sizeof(*c->timer));
		if (!c->timer) {
			conn_end(c, SB_CLOSE_ERROR);
			return;
		}
		c->timer->timer.fn = on_timer;
		c->timer->conn = c;
	}
	loop_timer(c->owner->loop, &c->timer->timer, delay_ns, 0);
}

void conn_untime(struct conn *c)
{
	if (!c->timer)
		return;
	timer_end(&c->timer->timer);
	free(c->timer);
	c->timer = NULL;
}

/* ---- life */

int conn_new(struct streams *s, struct listener *l, int fd, struct conn **out)
{
	int r = list_empty(&s->unused) ? add_chunk(s) : 0;
	if (r < 0)
		return r;
	struct conn *c = container_of(s->unused.next, struct conn, queue);
	list_remove(&c->queue);
	c->secure = l->tls != NULL;
	c->listener = l;
	c->watch = (struct watch){ .fd = fd, .fn = on_events };
	c->state = l->tls ? CONN_HANDSHAKE : CONN_OPEN;
	l->n_conns++;
	s->stats.open_now++;
	*out = c;
	return 0;
}

void conn_adopt(struct conn *c, struct ssl_st *ssl)
{
	c->ssl = ssl;
	c->secure = ssl != NULL;
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
	conn_untime(c);
	c->state = CONN_OPEN;
	void *ud = NULL;
	c->owner->callbacks++;
	const struct listener *l = c->listener;
	int r = l->calls->open(l->calls_ud, conn_handle(c), peer, &ud);
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
	conn_time(c, FLUSH_NS);
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
	conn_untime(c);
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
	conn_untime(c);
	list_remove(&c->dirty);
	list_remove(&c->ready);
	s->stats.open_now--;
	s->stats.closed++;
	c->listener->n_conns--;
	s->callbacks++;
	const struct listener *l = c->listener;
	if (c->opened)
		l->calls->close(l->calls_ud, c->ud, conn_handle(c), c->why);
	c->opened = c->paused = c->muted = false;
	c->blocked = c->read_needs_write = c->want_writable = c->linger = false;
	c->unread = c->hung = false;
	c->ud = NULL;
	c->state = CONN_FREE;
	if (++c->generation == 0)
		c->generation = 1;
	list_append(&s->unused, &c->queue);
}
