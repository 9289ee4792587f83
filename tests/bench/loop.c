#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#include "client.h"

#define EVENTS      256
#define CONNECTING  500
#define PATIENCE_NS 60000000000LL

int64_t loop_now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void loop_init(struct loop *loop, uint16_t port)
{
	struct rlimit limit;

	loop->to = (struct sockaddr_in){ .sin_family = AF_INET,
		                         .sin_port = htons(port),
		                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void control(struct loop *loop, int what, struct client *c, bool writable)
{
	struct epoll_event event = { .events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = c };

	if (epoll_ctl(loop->epoll, what, c->fd, &event) < 0)
		client_fail("epoll_ctl: %s", strerror(errno));
}

void loop_add(struct loop *loop, struct client *c)
{
	control(loop, EPOLL_CTL_ADD, c, true);
}

void loop_watch(struct loop *loop, struct client *c, bool writable)
{
	control(loop, EPOLL_CTL_MOD, c, writable);
}

void loop_turn(struct loop *loop, int64_t until)
{
	struct epoll_event events[EVENTS];
	int64_t left = until - loop_now();
	struct timespec wait = { 0 };

	if (left > 0) {
		wait.tv_sec = left / 1000000000;
		wait.tv_nsec = left % 1000000000;
	}
	int n = epoll_pwait2(loop->epoll, events, EVENTS, &wait, NULL);
	if (n < 0 && errno != EINTR)
		client_fail("epoll_wait: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;
		if (c->fd >= 0)
			client_event(c, events[i].events);
	}
}

void loop_connect(struct loop *loop, struct client *clients, uint32_t n, bool clean)
{
	int64_t end = loop_now() + PATIENCE_NS;
	uint32_t opened = 0;

	for (uint32_t up = 0; up < n;) {
		while (opened < n && opened - up < CONNECTING)
			client_open(&clients[opened++], loop, clean);
		loop_turn(loop, loop_now() + 10000000);
		while (up < opened && clients[up].up)
			up++;
		if (loop_now() > end)
			client_fail("%u of %u connected in a minute", up, n);
	}
}

void loop_say(const char *word)
{
	(void)puts(word);
	(void)fflush(stdout);
}

void loop_start(struct loop *loop)
{
	loop->begin = loop_now() + (int64_t)(loop->warm_up * 1e9);
	loop->end = 0;
}

bool loop_measuring(const struct loop *loop)
{
	return loop->end != 0;
}

bool loop_going(struct loop *loop, int64_t now)
{
	if (!loop->end && now >= loop->begin) {
		loop->begin = now;
		loop->end = now + (int64_t)(loop->seconds * 1e9);
		loop_say("measuring");
	}
	if (!loop->end || now < loop->end)
		return true;
	loop->end = now;
	loop_say("measured");
	return false;
}
