#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop.h"

#define READ_BYTES 262144

void client_fail(const char *fmt, ...)
{
	va_list args;

	(void)fputs("mqtt-load: ", stderr);
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fputc('\n', stderr);
	exit(1);
}

/* ---- buffers */

uint8_t *client_room(struct client_bytes *b, uint32_t n)
{
	if (b->cap - b->n < n) {
		uint32_t cap = b->cap ? b->cap : 128;
		while (cap - b->n < n)
			cap *= 2;
		b->p = realloc(b->p, cap);
		if (!b->p)
			client_fail("out of memory");
		b->cap = cap;
	}
	return b->p + b->n;
}

static void forget(struct client_bytes *b)
{
	free(b->p);
	*b = (struct client_bytes){ 0 };
}

void client_times_push(struct client_times *t, int64_t time)
{
	if (t->tail - t->head == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 2;
		int64_t *ring = malloc(cap * sizeof(*ring));
		if (!ring)
			client_fail("out of memory");
		for (uint32_t i = t->head; i != t->tail; i++)
			ring[i & (cap - 1)] = t->ring[i & (t->cap - 1)];
		free(t->ring);
		t->ring = ring;
		t->cap = cap;
	}
	t->ring[t->tail++ & (t->cap - 1)] = time;
}

int64_t client_times_pop(struct client_times *t)
{
	if (t->head == t->tail)
		client_fail("an acknowledgement too much");
	return t->ring[t->head++ & (t->cap - 1)];
}

/* ---- writing */

static void watch(struct client *c, bool writable)
{
	struct loop *loop = c->owner;

	if (c->blocked == writable)
		return;
	c->blocked = writable;
	loop_watch(loop, c, writable);
}

void client_flush(struct client *c)
{
	if (c->connecting || !c->out.n)
		return;
	ssize_t r = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);
	if (r < 0 && errno != EAGAIN) {
		if (!c->on_closed)
			client_fail("%s %u: send: %s", c->kind, c->number, strerror(errno));
		return; /* epoll says so too */
	}
	uint32_t done = r > 0 ? (uint32_t)r : 0;
	memmove(c->out.p, c->out.p + done, c->out.n - done);
	c->out.n -= done;
	watch(c, c->out.n > 0);
}

/* ---- reading */

struct client_message client_message_of(const struct client_packet *p)
{
	struct client_message m = { 0 };
	uint32_t at = 2;

	m.topic_n = (uint32_t)p->body[0] << 8 | p->body[1];
	m.topic = (const char *)p->body + at;
	at += m.topic_n;
	if (p->flags & 6) {
		m.id = (uint16_t)(p->body[at] << 8 | p->body[at + 1]);
		at += 2;
	}
	m.payload = (const char *)p->body + at;
	m.payload_n = p->n - at;
	return m;
}

static void take(struct client *c, const struct client_packet *p)
{
	if (p->type != CLIENT_CONNACK) {
		c->on_packet(c, p);
		return;
	}
	c->up = p->body[1] == 0;
	c->refused = p->body[1];
	c->present = p->body[0] & 1;
	if (!c->up && !c->on_closed)
		client_fail("%s %u: refused with %u", c->kind, c->number, c->refused);
	if (c->up && c->on_up)
		c->on_up(c);
}

/* One packet at p: its length, 0 if it is not complete. */
static uint32_t packet_at(const uint8_t *p, uint32_t n, struct client_packet *out)
{
	uint32_t length = 0;
	uint32_t at = 1;

	for (uint32_t shift = 0;; shift += 7) {
		if (at >= n || shift > 21)
			return 0;
		length |= (uint32_t)(p[at] & 0x7f) << shift;
		if (!(p[at++] & 0x80))
			break;
	}
	if (n - at < length)
		return 0;
	*out = (struct client_packet){ p[0] >> 4, p[0] & 15, length, p + at };
	return at + length;
}

static uint32_t take_all(struct client *c, const uint8_t *p, uint32_t n)
{
	struct client_packet packet;
	uint32_t at = 0;

	for (;;) {
		uint32_t used = packet_at(p + at, n - at, &packet);
		if (!used)
			return at;
		take(c, &packet);
		at += used;
	}
}

static void closed(struct client *c)
{
	if (!c->on_closed)
		client_fail("%s %u: the server closed the connection", c->kind, c->number);
	client_cut(c);
	c->on_closed(c);
}

static void receive(struct client *c)
{
	static uint8_t chunk[READ_BYTES];
	uint32_t had = c->in.n;

	if (had)
		memcpy(chunk, c->in.p, had);
	ssize_t r = recv(c->fd, chunk + had, sizeof(chunk) - had, 0);
	if (r < 0 && errno == EAGAIN)
		return;
	if (r <= 0) {
		closed(c);
		return;
	}
	uint32_t n = had + (uint32_t)r;
	uint32_t used = take_all(c, chunk, n);
	c->in.n = 0;
	if (n > used) {
		memcpy(client_room(&c->in, n - used), chunk + used, n - used);
		c->in.n = n - used;
	}
	if (c->fd >= 0 && !c->blocked)
		client_flush(c);
}

static void connected(struct client *c)
{
	int error = 0;
	socklen_t n = sizeof(error);

	(void)getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error && !c->on_closed)
		client_fail("%s %u: connect: %s", c->kind, c->number, strerror(error));
	if (error) {
		closed(c);
		return;
	}
	c->connecting = false;
	client_flush(c);
	if (!c->out.n)
		watch(c, false);
}

void client_event(struct client *c, uint32_t events)
{
	int fd = c->fd;

	if (c->connecting && events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		connected(c);
	else if (events & EPOLLOUT)
		client_flush(c);
	if (c->fd == fd && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		receive(c);
}

/* ---- beginning and end */

void client_open(struct client *c, struct loop *loop, bool clean)
{
	int one = 1;

	c->owner = loop;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		client_fail("socket: %s", strerror(errno));
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->connecting = true;
	c->up = c->present = false;
	c->out.n = c->in.n = 0;
	c->times.head = c->times.tail;
	client_connect(c, clean);
	if (connect(c->fd, (const struct sockaddr *)&loop->to, sizeof(loop->to)) < 0 &&
	    errno != EINPROGRESS)
		client_fail("connect: %s", strerror(errno));
	c->blocked = true;
	loop_add(loop, c);
}

void client_cut(struct client *c)
{
	(void)close(c->fd);
	c->fd = -1;
	c->up = false;
	forget(&c->in);
	forget(&c->out);
}
