/* Talks to a running MQTT server as many clients at once, most of them nearly right, while a good
 * client checks that it is served.
 *
 *   mqtt-sessions --mqtt HOST:PORT [--ws HOST:PORT]... [--packets N] [--seed S] [--peers N]
 *
 * Session number k of seed S always begins the same way; its answers depend on the server. Prints
 * one line of key=value. Ends with 1 when the good client was not served in time or the server does
 * not take connections any more. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "mqtt_good.h"
#include "mqtt_grammar.h"

#define PEERS_MAX  512
#define OUT_MAX    (2 * GRAMMAR_PACKET_MAX)
#define IN_MAX     16384
#define WS_MAX     4
#define PATIENCE_S 4 /* a session without progress is over */

struct target {
	const char *host;
	uint16_t port;
};

struct peer {
	int fd;
	const struct target *to;
	bool ws, upgraded, deaf, ending;
	struct grammar g;
	uint32_t left;   /* packets to make */
	uint32_t unsent; /* packets in out */
	uint8_t *out;
	size_t out_n, out_sent;
	uint8_t in[IN_MAX];
	size_t in_n, skip; /* skip: rest of a packet too long to look at */
	time_t since;
};

static struct {
	struct target mqtt, ws[WS_MAX];
	uint32_t n_ws;
	uint64_t packets, want, seed, sessions, answers, ended_by_server, failures, upgraded;
	uint32_t n_peers;
	int epoll;
	struct peer *peers;
	uint8_t scratch[GRAMMAR_PACKET_MAX + 32];
} run;

static struct rng stream_rng; /* of what is about the stream, not the session */

/* ---- the stream, plain or in frames of WebSocket */

static void put(struct peer *p, const uint8_t *bytes, size_t n)
{
	if (p->out_n + n > OUT_MAX)
		return;
	memcpy(p->out + p->out_n, bytes, n);
	p->out_n += n;
}

static void put_frame(struct peer *p, const uint8_t *bytes, size_t n)
{
	uint8_t head[14] = { 0x82 };
	size_t h = 2;

	if (p->g.dirty && rng_one_in(&p->g.rng, 40))
		head[0] = (uint8_t)rng_next(&p->g.rng);
	head[1] = (uint8_t)(0x80 | (n < 126 ? n : n < 65536 ? 126 : 127));
	if (n >= 65536)
		for (int i = 7; i >= 0; i--)
			head[h++] = (uint8_t)((uint64_t)n >> (8 * i));
	else if (n >= 126)
		head[h++] = (uint8_t)(n >> 8), head[h++] = (uint8_t)n;
	h += 4; /* a mask of zeros is a mask */
	put(p, head, h);
	put(p, bytes, n);
}

/* A packet may lie in several frames, and a frame hold a part of it. */
static void send_bytes(struct peer *p, const uint8_t *bytes, size_t n)
{
	while (p->ws && n > 1 && rng_one_in(&p->g.rng, 4)) {
		size_t part = 1 + rng_below(&p->g.rng, (uint32_t)n - 1);
		put_frame(p, bytes, part);
		bytes += part;
		n -= part;
	}
	if (p->ws)
		put_frame(p, bytes, n);
	else
		put(p, bytes, n);
}

/* ---- one session */

static int dial(struct peer *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(p->to->port) };
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP, .data.ptr = p };
	const int one = 1;

	inet_pton(AF_INET, p->to->host, &a.sin_addr);
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return -errno;
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(p->fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		return -errno;
	return epoll_ctl(run.epoll, EPOLL_CTL_ADD, p->fd, &e) < 0 ? -errno : 0;
}

static void begin(struct peer *p)
{
	static const char upgrade[] =
		"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Protocol: mqtt\r\n\r\n";
	struct rng *r = &p->g.rng;
	uint8_t *out = p->out;

	*p = (struct peer){ .fd = -1, .out = out };
	r->s = run.seed * 0x9e3779b97f4a7c15u ^ ++run.sessions;
	rng_next(r);
	p->g.p = run.scratch;
	p->g.v5 = rng_below(r, 5) < 3;
	p->g.dirty = rng_one_in(r, 4);
	p->left = 1 + rng_below(r, rng_one_in(r, 10) ? 200 : 24);
	p->deaf = rng_one_in(r, 25);
	p->ws = run.n_ws && rng_one_in(r, 4);
	p->to = p->ws ? &run.ws[rng_below(r, run.n_ws)] : &run.mqtt;
	p->since = time(NULL);
	if (p->ws)
		put(p, (const uint8_t *)upgrade, sizeof(upgrade) - 1);
	if (dial(p) < 0) {
		run.failures++;
		p->left = 0;
		p->ending = true;
	}
}

static void end(struct peer *p)
{
	const struct linger hard = { 1, 0 };

	if (p->fd >= 0) {
		if (rng_one_in(&stream_rng, 4))
			setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(p->fd);
	}
	p->fd = -1;
}

static void next_packet(struct peer *p)
{
	size_t n = grammar_packet(&p->g);

	if (p->g.dirty && rng_one_in(&p->g.rng, 10))
		n = grammar_mutate(&p->g);
	send_bytes(p, run.scratch, n);
	if (p->g.dirty && rng_one_in(&p->g.rng, 50))
		send_bytes(p, run.scratch, n); /* the same again */
	p->unsent++;
	p->left--;
}

/* ---- what the server says */

static void answer(struct peer *p, const uint8_t *packet, size_t n)
{
	run.answers++;
	size_t len = grammar_answer(&p->g, packet, n);
	/* Some acknowledgements never come, some are not what they should be. */
	if (!len || rng_one_in(&p->g.rng, 20))
		return;
	if (p->g.dirty && rng_one_in(&p->g.rng, 30))
		len = grammar_mutate(&p->g);
	send_bytes(p, run.scratch, len);
	p->unsent++;
}

/* Takes the upgrade's answer or the head of a frame off; false: not complete. */
static bool unwrap(struct peer *p, size_t *at, size_t *n)
{
	if (!p->upgraded) {
		const uint8_t *end_of = memmem(p->in, p->in_n, "\r\n\r\n", 4);
		if (!end_of)
			return false;
		*at = (size_t)(end_of - p->in) + 4;
		*n = 0;
		p->upgraded = true;
		run.upgraded++;
		return true;
	}
	if (p->in_n < 4)
		return false;
	*n = p->in[1] & 127;
	*at = 2;
	if (*n == 126) {
		*n = (size_t)p->in[2] << 8 | p->in[3];
		*at = 4;
	}
	return p->in_n >= *at + *n || *n > IN_MAX - 16;
}

/* The length of the packet at b, 0 if it cannot be told yet. */
static size_t length_of(const uint8_t *b, size_t n)
{
	size_t len = 0;
	uint32_t shift = 0;

	for (size_t at = 1; at < n && at < 5; at++) {
		len |= (size_t)(b[at] & 127) << shift;
		shift += 7;
		if (!(b[at] & 128))
			return at + 1 + len;
	}
	return 0;
}

static void consume(struct peer *p, size_t n)
{
	if (n > p->in_n) {
		p->skip = n - p->in_n;
		n = p->in_n;
	}
	memmove(p->in, p->in + n, p->in_n - n);
	p->in_n -= n;
}

static void look(struct peer *p)
{
	for (;;) {
		size_t at = 0;
		size_t n = p->in_n;
		if (p->ws && !unwrap(p, &at, &n))
			return;
		size_t len = n ? length_of(p->in + at, n) : 0;
		if (!p->ws && (!len || (len > n && len <= IN_MAX)))
			return;
		/* Over WebSocket, packets are looked at where a frame begins with one. */
		if (len && len <= n && !p->deaf)
			answer(p, p->in + at, len);
		consume(p, p->ws ? at + n : len);
	}
}

static bool take(struct peer *p)
{
	while (!p->deaf) {
		ssize_t r = recv(p->fd, p->in + p->in_n, IN_MAX - p->in_n, 0);
		if (r < 0)
			return errno == EAGAIN;
		if (r == 0)
			return false;
		p->in_n += (size_t)r;
		p->since = time(NULL);
		size_t skip = p->skip < p->in_n ? p->skip : p->in_n;
		p->skip -= skip;
		consume(p, skip);
		look(p);
		if (p->in_n == IN_MAX)
			p->in_n = 0;
	}
	return true;
}

/* Sends all at once, or a few bytes, or waits for a moment. */
static bool give(struct peer *p)
{
	while (p->left && p->out_n - p->out_sent < OUT_MAX / 8 && !rng_one_in(&stream_rng, 5))
		next_packet(p);
	size_t n = p->out_n - p->out_sent;
	if (n > 3 && rng_one_in(&stream_rng, 6))
		n = 1 + rng_below(&stream_rng, (uint32_t)n);
	if (!n)
		return p->left || !p->ending;
	ssize_t r = send(p->fd, p->out + p->out_sent, n, MSG_NOSIGNAL);
	if (r < 0)
		return errno == EAGAIN;
	p->since = time(NULL);
	p->out_sent += (size_t)r;
	if (p->out_sent == p->out_n) {
		run.packets += p->unsent;
		p->out_n = p->out_sent = p->unsent = 0;
	}
	return true;
}

static void turn(struct peer *p, uint32_t events)
{
	bool on = true;

	if (events & EPOLLIN)
		on = take(p);
	if (on && events & EPOLLOUT)
		on = give(p);
	if (!on || events & (EPOLLERR | EPOLLHUP)) {
		run.ended_by_server++;
		end(p);
		return;
	}
	/* Done: perhaps it stays for a last answer. */
	if (!p->left && p->out_n == 0 && rng_one_in(&stream_rng, 4))
		end(p);
	else if (!p->left && p->out_n == 0 && !p->ending) {
		struct epoll_event e = { .events = EPOLLIN | EPOLLRDHUP, .data.ptr = p };
		p->ending = true;
		epoll_ctl(run.epoll, EPOLL_CTL_MOD, p->fd, &e);
	}
}

/* ---- the run */

static bool parse_address(char *text, struct target *out)
{
	char *colon = strrchr(text, ':');
	struct in_addr any;

	if (!colon)
		return false;
	*colon = 0;
	out->host = text;
	out->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	return out->port && inet_pton(AF_INET, text, &any) == 1;
}

static bool parse(int argc, char **argv)
{
	run.want = 20000;
	run.seed = 1;
	run.n_peers = 48;
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t v = strtoull(argv[i + 1], NULL, 10);
		if (strcmp(argv[i], "--mqtt") == 0) {
			if (!parse_address(argv[i + 1], &run.mqtt))
				return false;
		} else if (strcmp(argv[i], "--ws") == 0) {
			if (run.n_ws == WS_MAX || !parse_address(argv[i + 1], &run.ws[run.n_ws++]))
				return false;
		} else if (strcmp(argv[i], "--packets") == 0) {
			run.want = v;
		} else if (strcmp(argv[i], "--seed") == 0) {
			run.seed = v;
		} else if (strcmp(argv[i], "--peers") == 0) {
			run.n_peers = v && v < PEERS_MAX ? (uint32_t)v : PEERS_MAX;
		} else {
			return false;
		}
	}
	return run.mqtt.port != 0;
}

static void renew(time_t now)
{
	for (uint32_t i = 0; i < run.n_peers; i++) {
		struct peer *p = &run.peers[i];
		if (p->fd >= 0 && (now - p->since > PATIENCE_S || (p->ending && now > p->since)))
			end(p);
		if (p->fd < 0 && run.packets < run.want)
			begin(p);
	}
}

static void work(struct good *good)
{
	struct epoll_event events[64];

	while (run.packets < run.want && !atomic_load(&good->failed) && run.failures < 1000) {
		renew(time(NULL));
		int n = epoll_wait(run.epoll, events, 64, 50);
		for (int i = 0; i < n; i++) {
			struct peer *p = events[i].data.ptr;
			if (p->fd >= 0)
				turn(p, events[i].events);
		}
	}
}

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_answering(void)
{
	struct good once = { .host = run.mqtt.host, .port = run.mqtt.port };

	if (good_start(&once) < 0)
		return false;
	while (!atomic_load(&once.rounds) && !atomic_load(&once.failed))
		(void)usleep(10000);
	good_stop(&once);
	return !atomic_load(&once.failed);
}

int main(int argc, char **argv)
{
	static struct good good;

	if (!parse(argc, argv)) {
		fprintf(stderr,
		        "usage: %s --mqtt HOST:PORT [--ws HOST:PORT]... [--packets N] [--seed S] "
		        "[--peers N]\n",
		        argv[0]);
		return 2;
	}
	good.host = run.mqtt.host;
	good.port = run.mqtt.port;
	stream_rng.s = run.seed;
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	run.peers = calloc(run.n_peers, sizeof(struct peer));
	if (run.epoll < 0 || !run.peers || good_start(&good) < 0)
		return 2;
	for (uint32_t i = 0; i < run.n_peers; i++) {
		run.peers[i].fd = -1;
		run.peers[i].out = malloc(OUT_MAX);
		if (!run.peers[i].out)
			return 2;
	}
	double start = seconds();
	work(&good);
	double took = seconds() - start;
	good_stop(&good);
	for (uint32_t i = 0; i < run.n_peers; i++)
		end(&run.peers[i]);
	bool failed = atomic_load(&good.failed) || run.failures >= 1000 || !is_answering();
	printf("packets=%llu sessions=%llu over_ws=%llu answers=%llu ended_by_server=%llu seconds=%.1f "
	       "packets_per_s=%.0f good_rounds=%llu good_worst_ms=%.1f seed=%llu served=%s%s%s\n",
	       (unsigned long long)run.packets, (unsigned long long)run.sessions,
	       (unsigned long long)run.upgraded, (unsigned long long)run.answers,
	       (unsigned long long)run.ended_by_server, took, (double)run.packets / took,
	       (unsigned long long)good.rounds, (double)good.worst_us / 1000,
	       (unsigned long long)run.seed, failed ? "no" : "yes", *good.why ? " why=" : "",
	       good.why);
	return failed;
}
