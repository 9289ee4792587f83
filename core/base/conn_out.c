#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/conn.h"
#include "base/own.h"
#include "base/stream_listener.h"
#include "base/tls.h"

#define MAX_POOL  2048u
#define STALL_NS  (30 * NS_PER_S)
#define LINGER_NS (2 * NS_PER_S)

/* ---- buffers: the smallest size is recycled, so that busy connections do not allocate each turn
 */

static uint8_t *take_buffer(struct streams *s, uint32_t *cap)
{
	struct out_buffer *b = s->pool;
	*cap = CONN_OUT_BYTES;
	if (!b)
		return malloc(CONN_OUT_BYTES);
	s->pool = b->next;
	s->n_pool--;
	return (uint8_t *)b;
}

void conn_out_free(struct conn *c)
{
	struct streams *s = c->owner;
	if (c->out == c->few) {
		/* nothing to give back */
	} else if (c->out && c->out_cap == CONN_OUT_BYTES && s->n_pool < MAX_POOL) {
		struct out_buffer *b = (struct out_buffer *)(void *)c->out;
		b->next = s->pool;
		s->pool = b;
		s->n_pool++;
	} else {
		free(c->out);
	}
	c->out = NULL;
	c->out_n = c->out_cap = c->out_sent = 0;
}

void conn_out_free_pool(struct streams *s)
{
	for (struct out_buffer *b = s->pool; b; b = s->pool) {
		s->pool = b->next;
		free(b);
	}
	s->n_pool = 0;
}

static int grow(struct conn *c, uint32_t need)
{
	bool few = c->out == c->few;
	uint32_t cap = MAX(need, c->out_cap * 2);
	uint8_t *p;
	if (few && need <= CONN_OUT_BYTES)
		p = take_buffer(c->owner, &cap);
	else
		p = realloc(few ? NULL : c->out, cap);
	if (!p)
		return -ENOMEM;
	if (few)
		memcpy(p, c->few, c->out_n);
	c->out = p;
	c->out_cap = cap;
	return 0;
}

int conn_out_room(struct conn *c, uint32_t n)
{
	if (!c->out) {
		c->out = c->few;
		c->out_cap = CONN_FEW_BYTES;
	}
	if (n > c->out_cap - c->out_n && c->out_sent > 0) {
		memmove(c->out, c->out + c->out_sent, conn_out_unsent(c));
		c->out_n -= c->out_sent;
		if (c->ws)
			c->ws->frame_at -= c->out_sent;
		c->out_sent = 0;
	}
	if (n <= c->out_cap - c->out_n)
		return 0;
	return grow(c, c->out_n + n);
}

int conn_out_write(struct conn *c, struct sb_bytes bytes)
{
	uint32_t unsent = conn_out_unsent(c);
	if (bytes.n == 0)
		return 0;
	if (bytes.n > INT32_MAX)
		return -EMSGSIZE;
	if (unsent > 0 && unsent + (uint64_t)bytes.n > c->listener->spec.max_out_bytes) {
		c->want_writable = true;
		return SB_AGAIN;
	}
	int r = c->ws ? conn_ws_open_frame(c) : 0;
	if (r == 0)
		r = conn_out_room(c, (uint32_t)bytes.n);
	if (r < 0)
		return r;
	memcpy(c->out + c->out_n, bytes.p, bytes.n);
	c->out_n += (uint32_t)bytes.n;
	if (!c->blocked)
		list_append(&c->owner->dirty, &c->dirty);
	return 0;
}

void conn_out_stalled(struct conn *c)
{
	if (c->state == CONN_OPEN)
		conn_time(c, STALL_NS);
	conn_rewatch(c);
}

/* All that was to be said has been given to the kernel. */
static void closed(struct conn *c)
{
	if (!c->linger) {
		conn_end(c, c->why);
		return;
	}
	c->state = CONN_LINGERING;
	if (c->ssl)
		tls_goodbye(c->ssl);
	shutdown(c->watch.fd, SHUT_WR);
	conn_time(c, LINGER_NS);
	conn_rewatch(c);
}

static void after_progress(struct conn *c)
{
	bool was_stalled = c->timer && c->state == CONN_OPEN;
	if (conn_out_unsent(c) > 0) {
		c->blocked = true;
		conn_out_stalled(c);
		return;
	}
	if (was_stalled)
		conn_untime(c);
	conn_out_free(c);
	if (c->state == CONN_CLOSING)
		closed(c);
	else
		conn_rewatch(c);
}

void conn_out_flush(struct conn *c)
{
	ssize_t n = 0;
	if (c->ws)
		conn_ws_seal(c);
	if (conn_out_unsent(c) > 0) {
		n = conn_write(c, c->out + c->out_sent, conn_out_unsent(c));
		if (n < 0 && n != -EAGAIN && n != -EINTR) {
			conn_end(c, SB_CLOSE_ERROR);
			return;
		}
		if (n > 0) {
			c->out_sent += (uint32_t)n;
			c->owner->stats.bytes_out += (uint64_t)n;
		}
	}
	/* Nothing went out and the stall is timed already: the clock goes on. */
	if (n <= 0 && conn_out_unsent(c) > 0 && c->timer) {
		c->blocked = true;
		conn_rewatch(c);
		return;
	}
	after_progress(c);
	if (c->want_writable && c->state == CONN_OPEN &&
	    conn_out_unsent(c) <= c->listener->spec.max_out_bytes / 2) {
		c->want_writable = false;
		c->owner->callbacks++;
		const struct listener *l = c->listener;
		l->calls->writable(l->calls_ud, c->ud, conn_handle(c));
	}
}
