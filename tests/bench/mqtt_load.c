/* Load for MQTT servers: N connections, each with W messages of QoS 1 in flight, one write per
 * message, as fast as acknowledgements come back; or N connections that only stay. Prints one JSON
 * line.
 *
 *   mqtt-load HOST PORT CONNECTIONS SECONDS [WINDOW]      WINDOW 0: connect, say so, stay idle */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP_NS   1000000000LL
#define LATENCY_BINS 4096 /* of 16 us */

struct conn {
	int fd;
	uint32_t number;
	uint16_t packet;
	uint8_t in[64];
	uint32_t in_n;
	int64_t sent_ns;
	uint64_t sent;
};

struct load {
	struct conn *conns;
	uint32_t n, window;
	int epoll;
	int64_t begin, end;
	uint64_t acknowledged;
	uint32_t bins[LATENCY_BINS];
	bool measuring;
};

static int64_t now_ns(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int fail(const char *what)
{
	perror(what);
	exit(1);
}

static void connect_one(struct conn *c, const struct sockaddr_in *to)
{
	uint8_t packet[64] = { 0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0 };
	uint8_t answer[4];
	size_t got = 0;
	int one = 1;
	int n = snprintf((char *)packet + 14, sizeof(packet) - 14, "load-%06u", c->number);

	packet[13] = (uint8_t)n;
	packet[1] = (uint8_t)(12 + n);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		fail("connect");
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (send(c->fd, packet, 14 + (size_t)n, MSG_NOSIGNAL) < 0)
		fail("send CONNECT");
	while (got < sizeof(answer)) {
		ssize_t r = recv(c->fd, answer + got, sizeof(answer) - got, 0);
		if (r <= 0)
			fail("recv CONNACK");
		got += (size_t)r;
	}
	if (answer[0] != 0x20 || answer[3] != 0) {
		(void)fprintf(stderr, "refused: %d\n", answer[3]);
		exit(1);
	}
	(void)fcntl(c->fd, F_SETFL, O_NONBLOCK);
}

static void publish(struct load *load, struct conn *c)
{
	char packet[256];
	int64_t now = now_ns();
	int topic = snprintf(packet + 4, 64, "devices/load-%06u/telemetry", c->number);
	int at = 4 + topic;

	if (++c->packet == 0)
		c->packet = 1;
	packet[at++] = (char)(c->packet >> 8);
	packet[at++] = (char)c->packet;
	c->sent++;
	at += snprintf(packet + at, 160, "{\"temp\":%u.%u,\"hum\":%u.5,\"seq\":%llu,\"ok\":true}",
	               20 + (unsigned)(c->sent & 7), (unsigned)(c->sent % 10),
	               40 + (unsigned)(c->sent & 15), (unsigned long long)c->sent);
	packet[0] = 0x32;
	packet[1] = (char)(at - 2);
	if (at - 2 > 127)
		fail("packet too long");
	packet[2] = (char)(topic >> 8);
	packet[3] = (char)topic;
	c->sent_ns = now;
	if (send(c->fd, packet, (size_t)at, MSG_NOSIGNAL) != at)
		fail("send PUBLISH");
	(void)load;
}

static void receive(struct load *load, struct conn *c)
{
	ssize_t r = recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, 0);
	uint32_t at = 0;

	if (r < 0 && errno == EAGAIN)
		return;
	if (r <= 0)
		fail("recv");
	c->in_n += (uint32_t)r;
	for (; c->in_n - at >= 4; at += 4) {
		if (c->in[at] != 0x40) {
			(void)fprintf(stderr, "packet %02x\n", c->in[at]);
			exit(1);
		}
		if (load->measuring) {
			int64_t bin = (now_ns() - c->sent_ns) / 16000;
			load->acknowledged++;
			load->bins[bin < LATENCY_BINS ? bin : LATENCY_BINS - 1]++;
		}
		publish(load, c);
	}
	memmove(c->in, c->in + at, c->in_n - at);
	c->in_n -= at;
}

static double percentile(const struct load *load, double share)
{
	uint64_t want = (uint64_t)((double)load->acknowledged * share);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < LATENCY_BINS; i++) {
		sum += load->bins[i];
		if (sum >= want)
			return i * 0.016;
	}
	return LATENCY_BINS * 0.016;
}

static void saturate(struct load *load, double seconds)
{
	struct epoll_event events[256];
	int64_t measure_at = now_ns() + WARM_UP_NS;
	int64_t end = measure_at + (int64_t)(seconds * 1e9);
	int64_t now;

	for (uint32_t i = 0; i < load->n; i++)
		for (uint32_t k = 0; k < load->window; k++)
			publish(load, &load->conns[i]);
	while ((now = now_ns()) < end) {
		int n = epoll_wait(load->epoll, events, 256, 100);
		if (!load->measuring && now >= measure_at) {
			load->measuring = true;
			load->begin = now;
			(void)puts("measuring");
			(void)fflush(stdout);
		}
		for (int i = 0; i < n; i++)
			receive(load, events[i].data.ptr);
	}
	load->end = now;
}

int main(int argc, char **argv)
{
	static struct load load = { .window = 1 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct rlimit limit;

	if (argc < 5)
		return 2;
	to.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	load.n = (uint32_t)strtoul(argv[3], NULL, 10);
	if (argc > 5)
		load.window = (uint32_t)strtoul(argv[5], NULL, 10);
	if (inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	load.conns = calloc(load.n, sizeof(*load.conns));
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < load.n; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &load.conns[i] };
		load.conns[i].number = i;
		connect_one(&load.conns[i], &to);
		if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, load.conns[i].fd, &event) < 0)
			fail("epoll_ctl");
	}
	(void)puts("connected");
	(void)fflush(stdout);
	if (!load.window) {
		(void)sleep((unsigned)strtoul(argv[4], NULL, 10));
		return 0;
	}
	saturate(&load, strtod(argv[4], NULL));
	double took = (double)(load.end - load.begin) / 1e9;
	(void)printf(
		"{\"acknowledged\":%llu,\"seconds\":%.3f,\"per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
		(unsigned long long)load.acknowledged, took, (double)load.acknowledged / took,
		percentile(&load, 0.5), percentile(&load, 0.99));
	return 0;
}
