/* What the tests of streams share: a listener that echoes lines, and clients on loopback sockets in
 * the same thread. Included by one test program each. */
#pragma once
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <signalbox/services.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/own.h"
#include "base/stream.h"
#include "check.h"

#define MAX_PEERS 4096

struct peer { /* the server's side of one connection */
	sb_conn conn;
	int closed, why, writable, data_calls;
	size_t consumed;
	char text[64];
};

static struct loop *loop;
static struct streams *streams;
static uint32_t port, listener_id;
static struct peer peers[MAX_PEERS];
static size_t n_peers;
static int depth; /* inside how many callbacks */
static bool consume_nothing;
/* What a test does about a line; the answer is data()'s answer if it is negative. */
static int (*on_line)(struct peer *p, const char *line, size_t n);

static int32_t peer_open(void *ud, sb_conn conn, struct sb_str text, void **conn_ud)
{
	(void)ud;
	struct peer *p = &peers[n_peers++ % MAX_PEERS];
	*p = (struct peer){ .conn = conn };
	snprintf(p->text, sizeof(p->text), "%.*s", (int)text.n, text.p);
	*conn_ud = p;
	return 0;
}

static int echo(struct peer *p, const char *line, size_t n)
{
	return streams_write(streams, p->conn, (struct sb_bytes){ (const uint8_t *)line, n });
}

static int64_t peer_data(void *conn_ud, sb_conn conn, struct sb_bytes b)
{
	struct peer *p = conn_ud;
	assert_true(conn == p->conn);
	assert_int_equal(p->closed, 0);
	p->data_calls++;
	if (consume_nothing)
		return 0;
	depth++;
	size_t used = 0;
	while (used < b.n) {
		const uint8_t *end = memchr(b.p + used, '\n', b.n - used);
		if (!end)
			break;
		size_t n = (size_t)(end - (b.p + used)) + 1;
		int r = on_line(p, (const char *)b.p + used, n);
		if (r != 0) {
			depth--;
			return r < 0 ? r : (int64_t)used;
		}
		used += n;
	}
	depth--;
	p->consumed += used;
	return (int64_t)used;
}

static void peer_writable(void *conn_ud, sb_conn conn)
{
	struct peer *p = conn_ud;
	assert_true(conn == p->conn);
	p->writable++;
}

static void peer_close(void *conn_ud, sb_conn conn, int32_t why)
{
	struct peer *p = conn_ud;
	assert_true(conn == p->conn);
	assert_int_equal(depth, 0); /* never inside a call */
	assert_int_equal(streams_write(streams, conn, (struct sb_bytes){ (const uint8_t *)"x", 1 }),
	                 SB_E_STALE);
	p->closed++;
	p->why = why;
}

static struct sb_listen peer_spec(void)
{
	return (struct sb_listen){
		.size = sizeof(struct sb_listen),
		.address = SB_STR("127.0.0.1:0"),
		.name = SB_STR("test"),
		.open = peer_open,
		.data = peer_data,
		.writable = peer_writable,
		.close = peer_close,
	};
}

static void begin(const struct sb_listen *spec, struct tls *tls, uint32_t max_conns)
{
	struct streams_limits limits = { .max_conns = max_conns, .handshake_seconds = 2 };
	memset(peers, 0, sizeof(peers));
	n_peers = 0;
	consume_nothing = false;
	on_line = echo;
	assert_int_equal(loop_new(&loop, "test"), 0);
	assert_int_equal(streams_new(&streams, loop, &limits), 0);
	assert_int_equal(streams_listen(streams, spec, tls, &port, &listener_id), 0);
}

static void finish(void)
{
	streams = streams_free(streams);
	loop = loop_free(loop);
	clock_set(0, 0);
}

static void turns(int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(loop_turn(loop, 2 * NS_PER_MS), 0);
}

static int dial(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static inline void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What is there now, after a few turns; -1 nothing, 0 the end. */
static inline ssize_t hear(int fd, char *buf, size_t cap)
{
	for (int i = 0; i < 100; i++) {
		ssize_t n = recv(fd, buf, cap - 1, MSG_DONTWAIT);
		if (n >= 0) {
			buf[n] = 0;
			return n;
		}
		turns(1);
	}
	buf[0] = 0;
	return -1;
}
