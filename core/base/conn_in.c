#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/conn.h"
#include "base/log.h"
#include "base/own.h"
#include "base/stream_listener.h"
#include "base/tls.h"

#define LOG_MODULE "stream"

#define TAIL_STEP 256u

/* Room for cap bytes of tail. Grows geometrically, so that input which trickles in costs what it is
 * long, and shrinks to fit when most of it was consumed. */
static int resize_tail(struct conn *c, uint32_t cap)
{
	cap = (cap + TAIL_STEP - 1) / TAIL_STEP * TAIL_STEP;
	uint8_t *p = realloc(c->tail, cap);
	if (!p)
		return -ENOMEM;
	c->tail = p;
	c->tail_cap = cap;
	return 0;
}

static int append(struct conn *c, const uint8_t *p, uint32_t n)
{
	uint32_t need = c->tail_n + n;
	if (!c->tail || need > c->tail_cap) {
		int r = resize_tail(c, MAX(need, c->tail_cap * 2));
		if (r < 0)
			return r;
	}
	memcpy(c->tail + c->tail_n, p, n);
	c->tail_n = need;
	return 0;
}

static void drop_tail(struct conn *c)
{
	free(c->tail);
	c->tail = NULL;
	c->tail_n = c->tail_cap = 0;
}

/* Keeps the n bytes at p, which may lie in the tail itself. */
static int keep(struct conn *c, const uint8_t *p, uint32_t n)
{
	if (n == 0) {
		drop_tail(c);
		return 0;
	}
	if (!c->tail)
		return append(c, p, n);
	if (p != c->tail)
		memmove(c->tail, p, n);
	c->tail_n = n;
	if (n < c->tail_cap / 4)
		return resize_tail(c, n);
	return 0;
}

/* Hands bytes to the plugin and keeps what it leaves. */
static void feed(struct conn *c, const uint8_t *p, uint32_t n)
{
	const struct listener *l = c->listener;
	struct sb_bytes bytes = { p, n };
	int64_t used = l->calls->data(l->calls_ud, c->ud, conn_handle(c), bytes);
	if (c->state != CONN_OPEN) {
		drop_tail(c);
		return;
	}
	if (used < 0) {
		drop_tail(c);
		conn_close(c);
		return;
	}
	if (used > n) {
		log_warn(0, "%s: more input consumed than given", l->name);
		conn_end(c, SB_CLOSE_ERROR);
		return;
	}
	uint32_t left = n - (uint32_t)used;
	if (left > l->spec.max_in_bytes)
		conn_end(c, SB_CLOSE_LIMIT);
	else if (keep(c, p + used, left) < 0)
		conn_end(c, SB_CLOSE_ERROR);
	else if (left > 0 && c->owner->paused) /* perhaps refused by what is full: offered again */
		list_append(&c->owner->ready, &c->ready);
}

static void take_payload(struct conn *c, uint8_t *p, uint32_t n)
{
	if (!c->tail) {
		feed(c, p, n);
		return;
	}
	if (append(c, p, n) < 0)
		conn_end(c, SB_CLOSE_ERROR);
	else
		feed(c, c->tail, c->tail_n);
}

void conn_in_take(struct conn *c, uint8_t *p, uint32_t n)
{
	if (c->state == CONN_UPGRADE) {
		if (append(c, p, n) < 0)
			conn_end(c, SB_CLOSE_ERROR);
		else
			conn_ws_head(c);
		return;
	}
	if (!c->ws) {
		take_payload(c, p, n);
		return;
	}
	n = conn_ws_take(c, p, n);
	if (n > 0)
		take_payload(c, p, n);
	conn_ws_settle(c);
}

void conn_in_read(struct conn *c)
{
	struct streams *s = c->owner;
	prefetch(c->ud, 192); /* comes while the kernel works */
	ssize_t n = conn_read(c, s->scratch, CONN_READ_BYTES);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n == -EBUSY) {
		c->read_needs_write = true;
		c->blocked = true;
		conn_out_stalled(c);
		return;
	}
	if (n <= 0) {
		conn_end(c, n == 0 ? SB_CLOSE_PEER : SB_CLOSE_ERROR);
		return;
	}
	s->stats.bytes_in += (uint64_t)n;
	if (c->ssl && tls_has_more(c->ssl))
		list_append(&s->ready, &c->ready);
	conn_in_take(c, s->scratch, (uint32_t)n);
	bool unread = n == CONN_READ_BYTES || c->hung;
	if (unread == c->unread)
		return;
	c->unread = unread;
	if (c->state == CONN_OPEN)
		conn_rewatch(c);
}

void conn_in_again(struct conn *c)
{
	if (c->state == CONN_OPEN && !c->paused && c->tail)
		feed(c, c->tail, c->tail_n);
	if (c->ws)
		conn_ws_settle(c);
	bool reads = c->state == CONN_OPEN || c->state == CONN_UPGRADE;
	if (c->ssl && reads && !c->paused && tls_has_more(c->ssl))
		conn_in_read(c);
}
