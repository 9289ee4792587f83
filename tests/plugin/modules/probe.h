/* What the probe and its newer version share: it does what its configuration tells it, and
 * misbehaves on request. */
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

struct probe {
	struct sb_host *host;
	char mode[32], log[256];
	char listen[64];
	uint64_t *beats;
	int pipe[2];
	int drains;
};

static const struct sb_core *core;

/* One word of the story per line; tests read it afterwards. */
static void tell(struct probe *p, const char *word)
{
	int fd = p->log[0] ? open(p->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		return;
	char line[128];
	int n = snprintf(line, sizeof(line), "%s\n", word);
	if (write(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static void copy(const struct sb_config *c, const char *pointer, char *out, size_t cap)
{
	struct sb_str s = { "", 0 };
	(void)c->str(c, pointer, &s);
	snprintf(out, cap, "%.*s", (int)s.n, s.p);
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	struct probe *p = calloc(1, sizeof(*p));
	(void)d;
	if (!p)
		return -ENOMEM;
	p->host = host;
	p->pipe[0] = p->pipe[1] = -1;
	*self = p;
	return 0;
}

static int32_t configure(void *self, const struct sb_config *c)
{
	struct probe *p = self;
	copy(c, "/mode", p->mode, sizeof(p->mode));
	copy(c, "/log", p->log, sizeof(p->log));
	copy(c, "/listen", p->listen, sizeof(p->listen));
	tell(p, "configure");
	if (strcmp(p->mode, "refuse") == 0)
		return core->fail(p->host, SB_E_RANGE, SB_STR("/mode asks for refusal"));
	const struct sb_metrics *metrics = core->service(p->host, "sb.metrics/1");
	p->beats = metrics->counter(p->host, "probe_beats", "timer callbacks of the probe");
	return p->beats ? 0 : -ENOMEM;
}

static void on_post(void *ud)
{
	tell(ud, "posted");
}

static void on_timer(void *ud)
{
	struct probe *p = ud;
	const struct sb_loop *loop = core->service(p->host, "sb.loop/1");
	if ((*p->beats)++ == 0) {
		tell(p, "timer");
		loop->post(p->host, on_post, p);
	}
}

static void on_pipe(void *ud, int32_t fd, uint32_t events)
{
	struct probe *p = ud;
	char byte = 0;
	const struct sb_loop *loop = core->service(p->host, "sb.loop/1");
	if (read(fd, &byte, 1) != 1 || !(events & SB_READ))
		abort();
	tell(p, "pipe");
	loop->watch_fd(p->host, fd, 0, on_pipe, p);
}

static int32_t on_open(void *ud, sb_conn conn, struct sb_str peer, void **conn_ud)
{
	(void)conn;
	*conn_ud = ud;
	tell(ud, "open");
	return peer.n ? 0 : -EINVAL;
}

static int64_t on_data(void *conn_ud, sb_conn conn, struct sb_bytes bytes)
{
	struct probe *p = conn_ud;
	const struct sb_stream *stream = core->service(p->host, "sb.stream/1");
	return stream->write(p->host, conn, bytes) == 0 ? (int64_t)bytes.n : -EIO;
}

static void on_close(void *conn_ud, sb_conn conn, int32_t why)
{
	(void)conn;
	tell(conn_ud, why == SB_CLOSE_STOP ? "close by stop" : "close");
}

static int32_t serve(struct probe *p)
{
	const struct sb_stream *stream = core->service(p->host, "sb.stream/1");
	const struct sb_listen l = { .size = sizeof(l),
		                     .address = sb_str_of(p->listen, strlen(p->listen)),
		                     .name = SB_STR("probe"),
		                     .open = on_open,
		                     .data = on_data,
		                     .close = on_close,
		                     .ud = p };
	return stream->listen(p->host, &l, NULL);
}

static void misbehave(struct probe *p)
{
	const struct timespec stall = { .tv_nsec = 600000000 };
	if (strcmp(p->mode, "crash") == 0)
		raise(SIGSEGV);
	if (strcmp(p->mode, "stall") == 0)
		nanosleep(&stall, NULL);
}

static int32_t start(void *self)
{
	struct probe *p = self;
	const struct sb_loop *loop = core->service(p->host, "sb.loop/1");
	tell(p, "start");
	misbehave(p);
	if (strcmp(p->mode, "fail") == 0)
		return core->fail(p->host, -EADDRINUSE, SB_STR("the port is taken"));
	if (pipe2(p->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	int32_t r = loop->watch_fd(p->host, p->pipe[0], SB_READ, on_pipe, p);
	if (r >= 0 && write(p->pipe[1], "x", 1) != 1)
		r = -errno;
	if (r >= 0)
		r = loop->timer(p->host, 1000000, 10000000, on_timer, p, NULL);
	return r < 0 || !p->listen[0] ? r : serve(p);
}

static int32_t drain(void *self, int64_t deadline_ns)
{
	struct probe *p = self;
	(void)deadline_ns;
	tell(p, "drain");
	return p->drains++ ? 0 : SB_PENDING;
}

static void stop(void *self)
{
	struct probe *p = self;
	const struct sb_loop *loop = core->service(p->host, "sb.loop/1");
	loop->watch_fd(p->host, p->pipe[0], 0, on_pipe, p);
	close(p->pipe[0]);
	close(p->pipe[1]);
	tell(p, "stop");
}

static void destroy(void *self)
{
	tell(self, "destroy");
	free(self);
}

#define SCHEMA                                                                                       \
	"{\"type\":\"object\",\"properties\":{"                                                      \
	"\"mode\":{\"type\":\"string\",\"default\":\"good\",\"enum\":[\"good\",\"refuse\",\"fail\"," \
	"\"crash\",\"stall\"]},"                                                                     \
	"\"log\":{\"type\":\"string\"},"                                                             \
	"\"limit\":{\"type\":\"integer\",\"default\":1},"                                            \
	"\"key\":{\"type\":\"string\",\"x-sb\":{\"secret\":true}},"                                  \
	"\"listen\":{\"type\":\"string\",\"format\":\"address\"}}}"
