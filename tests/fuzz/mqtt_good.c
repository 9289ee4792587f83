#include "mqtt_good.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_US 1000000
#define PAUSE_US 10000

struct line { /* its connection */
	struct good *good;
	int fd;
	uint8_t in[8192];
	uint8_t id[2]; /* of the last message */
	size_t n;
};

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static bool fail(struct good *g, const char *what, uint64_t since)
{
	snprintf(g->why, sizeof(g->why), "%s after %llu ms (%s)", what,
	         (unsigned long long)(now_us() - since) / 1000, strerror(errno));
	atomic_store(&g->failed, true);
	return false;
}

static bool say(struct line *l, const void *p, size_t n)
{
	return send(l->fd, p, n, MSG_NOSIGNAL) == (ssize_t)n ||
	       fail(l->good, "good client cannot send", now_us());
}

/* The length of the whole packet in front, 0 if it is not complete. */
static size_t framed(const struct line *l)
{
	size_t len = 0;
	size_t at = 1;
	uint32_t shift = 0;

	while (at < l->n && at < 5) {
		len |= (size_t)(l->in[at] & 127) << shift;
		shift += 7;
		if (!(l->in[at++] & 128))
			return l->n >= at + len ? at + len : 0;
	}
	return 0;
}

/* Reads packets until `want` (a set of bits by type) have come. */
static bool hear(struct line *l, uint32_t want, uint64_t since)
{
	while (want) {
		size_t n = framed(l);
		if (n) {
			if (l->in[0] >> 4 == 3 && n >= 12)
				memcpy(l->id, l->in + 10, 2);
			want &= ~(1u << (l->in[0] >> 4));
			memmove(l->in, l->in + n, l->n - n);
			l->n -= n;
			continue;
		}
		struct pollfd p = { .fd = l->fd, .events = POLLIN };
		/* Longer than it may take, so that the answer's time is known. */
		if (poll(&p, 1, 5000) <= 0)
			return fail(l->good, "good client is not answered", since);
		ssize_t r = recv(l->fd, l->in + l->n, sizeof(l->in) - l->n, 0);
		if (r <= 0)
			return fail(l->good, "good client was disconnected", since);
		l->n += (size_t)r;
	}
	uint64_t us = now_us() - since;
	if (us > atomic_load(&l->good->worst_us))
		atomic_store(&l->good->worst_us, us);
	return us < LIMIT_US || fail(l->good, "good client had to wait", since);
}

static bool open_line(struct line *l)
{
	static const uint8_t connect_packet[] = { 0x10, 17, 0, 4, 'M', 'Q', 'T', 'T', 5,  2,
		                                  0,    60, 0, 0, 4,   'g', 'o', 'o', 'd' };
	static const uint8_t subscribe[] = { 0x82, 12,  0,   1,   0,   0,   6,
		                             'g',  'o', 'o', 'd', '/', 'x', 1 };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(l->good->port) };
	const int one = 1;
	uint64_t begin = now_us();

	inet_pton(AF_INET, l->good->host, &a.sin_addr);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (l->fd < 0 || connect(l->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail(l->good, "good client cannot connect", begin);
	return say(l, connect_packet, sizeof(connect_packet)) && hear(l, 1u << 2, begin) &&
	       say(l, subscribe, sizeof(subscribe)) && hear(l, 1u << 9, begin);
}

/* One publish, acknowledged and delivered. */
static bool round_trip(struct line *l)
{
	static const uint8_t publish[] = { 0x32, 12,  0,   6, 'g', 'o', 'o',
		                           'd',  '/', 'x', 0, 7,   0,   '!' };
	uint64_t begin = now_us();

	if (!say(l, publish, sizeof(publish)))
		return false;
	/* PUBACK and the message itself. */
	if (!hear(l, 1u << 4 | 1u << 3, begin))
		return false;
	const uint8_t ack[] = { 0x40, 2, l->id[0], l->id[1] };
	if (!say(l, ack, sizeof(ack)))
		return false;
	atomic_fetch_add(&l->good->rounds, 1);
	return true;
}

static void *run(void *arg)
{
	struct line l = { .good = arg, .fd = -1 };
	const struct timespec pause = { 0, PAUSE_US * 1000 };

	bool ok = open_line(&l);
	while (ok && !atomic_load(&l.good->stop)) {
		ok = round_trip(&l);
		nanosleep(&pause, NULL);
	}
	if (l.fd >= 0)
		close(l.fd);
	return NULL;
}

int good_start(struct good *g)
{
	return -pthread_create(&g->thread, NULL, run, g);
}

void good_stop(struct good *g)
{
	atomic_store(&g->stop, true);
	pthread_join(g->thread, NULL);
}
