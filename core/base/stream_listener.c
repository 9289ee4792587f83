#include "base/stream_listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conn.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"

#define LOG_MODULE "stream"

#define ACCEPTS_PER_TURN  64
#define PAUSE_NS          (100 * NS_PER_MS)
#define BACKLOG           1024
#define DEFAULT_MAX_IN    (256u << 10)
#define DEFAULT_MAX_OUT   (64u << 10)
#define KERNEL_BUFFER     (128 << 10) /* a bound for what a paused or deaf peer holds */
#define KEEPALIVE_SECONDS 120

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

/* ---- addresses */

static int parse_port(const char *text)
{
	char *end;
	errno = 0;
	long port = strtol(text, &end, 10);
	if (end == text || *end || errno || port < 0 || port > 65535)
		return -EINVAL;
	return (int)port;
}

static int parse_address(struct sb_str text, union address *out, socklen_t *len)
{
	char buf[64];
	if (text.n >= sizeof(buf))
		return -EINVAL;
	memcpy(buf, text.p, text.n);
	buf[text.n] = 0;
	char *host = buf;
	char *colon = strrchr(buf, ':');
	if (!colon)
		return -EINVAL;
	*colon = 0;
	int port = parse_port(colon + 1);
	if (port < 0)
		return port;
	size_t n = strlen(host);
	memset(out, 0, sizeof(*out));
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		out->in6.sin6_family = AF_INET6;
		out->in6.sin6_port = htons((uint16_t)port);
		*len = sizeof(out->in6);
		return inet_pton(AF_INET6, host + 1, &out->in6.sin6_addr) == 1 ? 0 : -EINVAL;
	}
	const char *ipv4 = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
	out->in.sin_family = AF_INET;
	out->in.sin_port = htons((uint16_t)port);
	*len = sizeof(out->in);
	return inet_pton(AF_INET, ipv4, &out->in.sin_addr) == 1 ? 0 : -EINVAL;
}

static uint16_t port_of(const union address *a)
{
	return ntohs(a->sa.sa_family == AF_INET6 ? a->in6.sin6_port : a->in.sin_port);
}

struct sb_str listener_peer_text(char *buf, size_t cap, const struct sockaddr *sa)
{
	union address a = { 0 };
	memcpy(&a, sa, sa->sa_family == AF_INET6 ? sizeof(a.in6) : sizeof(a.in));
	char host[INET6_ADDRSTRLEN] = "?";
	bool brackets = false;
	if (sa->sa_family == AF_INET) {
		inet_ntop(AF_INET, &a.in.sin_addr, host, sizeof(host));
	} else if (IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr)) {
		inet_ntop(AF_INET, &a.in6.sin6_addr.s6_addr[12], host, sizeof(host));
	} else {
		inet_ntop(AF_INET6, &a.in6.sin6_addr, host, sizeof(host));
		brackets = true;
	}
	int n = snprintf(buf, cap, "%s%s%s:%u", brackets ? "[" : "", host, brackets ? "]" : "",
	                 port_of(&a));
	return sb_str_of(buf, n < 0 ? 0 : MIN((size_t)n, cap - 1));
}

/* ---- accepting */

/* Descriptors are given out lowest first: a number this high says how few are left. */
static bool is_reserved(const struct streams *s, int fd)
{
	struct rlimit limit;
	if (s->limits.reserved_fds == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	rlim_t reserve = MIN((rlim_t)s->limits.reserved_fds, limit.rlim_cur / 4);
	return (rlim_t)fd >= limit.rlim_cur - reserve;
}

/* May a connection take one more? 0, or why not. */
static int probe_descriptors(const struct listener *l)
{
	if (l->owner->limits.reserved_fds == 0)
		return 0;
	int fd = fcntl(l->watch.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	bool reserved = is_reserved(l->owner, fd);
	close(fd);
	return reserved ? -EMFILE : 0;
}

static void resume(struct timer *t)
{
	struct listener *l = container_of(t, struct listener, pause);
	int r = probe_descriptors(l);
	if (r < 0) {
		loop_timer(l->owner->loop, &l->pause, PAUSE_NS, 0);
		return;
	}
	loop_watch(l->owner->loop, &l->watch, EPOLLIN);
}

/* Every cause that time may cure: descriptors, memory. The peers wait in the kernel's queue. */
static void pause_accepting(struct listener *l, int r)
{
	log_warn(r, "%s: %u connections are open and no more can be accepted for now, peers wait",
	         l->name, l->owner->stats.open_now);
	l->owner->stats.accept_pauses++;
	loop_watch(l->owner->loop, &l->watch, 0);
	loop_timer(l->owner->loop, &l->pause, PAUSE_NS, 0);
}

bool listener_is_full(const struct listener *l)
{
	const struct streams *s = l->owner;
	return l->n_conns >= l->spec.max_conns || s->stats.open_now >= s->limits.max_conns;
}

static void take_in(struct listener *l, int fd, const union address *peer)
{
	struct streams *s = l->owner;
	struct conn *c;
	int r = listener_is_full(l) ? -EMFILE : conn_new(s, l, fd, &c);
	if (r < 0) {
		s->stats.refused++;
		close(fd);
		log_warn(0, "%s: connection refused, %u are open", l->name, s->stats.open_now);
		return;
	}
	s->stats.accepted++;
	if (c->state == CONN_HANDSHAKE) {
		int64_t limit = s->limits.handshake_seconds * NS_PER_S;
		conn_time(c, limit);
		if (loop_watch(s->loop, &c->watch, EPOLLIN | EPOLLONESHOT) < 0)
			conn_end(c, SB_CLOSE_ERROR);
		return;
	}
	char text[64];
	conn_begin(c, listener_peer_text(text, sizeof(text), &peer->sa));
}

static void on_accept(struct watch *w, uint32_t events)
{
	(void)events;
	struct listener *l = container_of(w, struct listener, watch);
	int r = probe_descriptors(l);
	if (r < 0) {
		pause_accepting(l, r);
		return;
	}
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		union address peer = { 0 };
		socklen_t len = sizeof(peer);
		int fd = accept4(w->fd, &peer.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			take_in(l, fd, &peer);
			if (!is_reserved(l->owner, fd))
				continue;
			pause_accepting(l, -EMFILE);
			return;
		}
		if (errno == EAGAIN)
			return;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			pause_accepting(l, -errno);
			return;
		}
		/* Anything else is the fate of that one connection. */
	}
}

/* ---- binding */

/* Options are inherited by accepted sockets. */
static int set_options(int fd, const union address *a)
{
	const int one = 1;
	const int zero = 0;
	const int size = KERNEL_BUFFER;
	const int seconds = KEEPALIVE_SECONDS;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (a->sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return 0;
}

static int bind_to(int fd, union address *a, socklen_t len, uint32_t *port)
{
	int r = set_options(fd, a);
	if (r < 0)
		return r;
	if (bind(fd, &a->sa, len) < 0 || listen(fd, BACKLOG) < 0 ||
	    getsockname(fd, &a->sa, &len) < 0)
		return -errno;
	*port = port_of(a);
	return 0;
}

struct sb_str listener_websocket(const struct sb_listen *spec)
{
	size_t end = offsetof(struct sb_listen, websocket) + sizeof(spec->websocket);
	return spec->size >= end ? spec->websocket : SB_STR("");
}

static void copy_spec(struct listener *l, const struct sb_listen *spec)
{
	memcpy(&l->spec, spec, MIN(spec->size, sizeof(l->spec)));
	if (spec->name.n > 0)
		memcpy(l->name, spec->name.p, MIN(spec->name.n, sizeof(l->name) - 1));
	struct sb_str websocket = listener_websocket(spec);
	if (websocket.n > 0)
		memcpy(l->websocket, websocket.p, websocket.n);
	l->spec.websocket = sb_str_of(l->websocket, websocket.n);
	l->spec.name = l->spec.address = (struct sb_str){ 0 };
	if (l->spec.max_conns == 0)
		l->spec.max_conns = UINT32_MAX;
	if (l->spec.max_in_bytes == 0)
		l->spec.max_in_bytes = DEFAULT_MAX_IN;
	if (l->spec.max_out_bytes == 0)
		l->spec.max_out_bytes = DEFAULT_MAX_OUT;
}

static int begin_listening(struct listener *l, struct sb_str text, uint32_t *port)
{
	union address a;
	socklen_t len;
	int r = parse_address(text, &a, &len);
	if (r < 0)
		return log_error(r, "\"%.*s\" is no address to listen on", (int)MIN(text.n, 80),
		                 text.p);
	l->watch.fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	r = l->watch.fd < 0 ? -errno : bind_to(l->watch.fd, &a, len, port);
	if (r == 0)
		r = loop_watch(l->owner->loop, &l->watch, EPOLLIN);
	return r < 0 ? log_error(r, "cannot listen on %.*s", (int)text.n, text.p) : 0;
}

static bool is_sound(const struct sb_listen *spec, struct sb_str websocket)
{
	if (spec->size < offsetof(struct sb_listen, ud) + sizeof(spec->ud) || !spec->data)
		return false;
	return websocket.n < sizeof(((struct listener *)0)->websocket);
}

/* ---- its own callbacks */

static int32_t call_open(void *ud, sb_conn conn, struct sb_str peer, void **conn_ud)
{
	const struct listener *l = ud;
	return l->spec.open ? l->spec.open(l->spec.ud, conn, peer, conn_ud) : 0;
}

static int64_t call_data(void *ud, void *conn_ud, sb_conn conn, struct sb_bytes bytes)
{
	const struct listener *l = ud;
	return l->spec.data(conn_ud, conn, bytes);
}

static void call_writable(void *ud, void *conn_ud, sb_conn conn)
{
	const struct listener *l = ud;
	if (l->spec.writable)
		l->spec.writable(conn_ud, conn);
}

static void call_close(void *ud, void *conn_ud, sb_conn conn, int32_t why)
{
	const struct listener *l = ud;
	if (l->spec.close)
		l->spec.close(conn_ud, conn, why);
}

static const struct stream_calls direct = { call_open, call_data, call_writable, call_close };

int listener_new(struct streams *s, const struct sb_listen *spec, struct tls *tls, uint32_t *port,
                 struct listener **out)
{
	struct sb_str websocket = listener_websocket(spec);
	bool shared = text_is(spec->address, LISTENER_HTTP);
	if (!is_sound(spec, websocket))
		return -EINVAL;
	if (shared && websocket.n == 0)
		return log_error(-EINVAL, "only a WebSocket can share the HTTP port");
	struct listener *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->owner = s;
	l->tls = shared ? NULL : tls;
	copy_spec(l, spec);
	l->calls = &direct;
	l->calls_ud = l;
	l->watch.fn = on_accept;
	l->watch.fd = -1;
	l->pause.fn = resume;
	list_init(&l->link);
	*port = 0;
	int r = shared ? 0 : begin_listening(l, spec->address, port);
	if (r < 0) {
		listener_free(l);
		return r;
	}
	*out = l;
	return 0;
}

struct listener *listener_free(struct listener *l)
{
	if (!l)
		return NULL;
	list_remove(&l->link);
	timer_end(&l->pause);
	loop_watch(l->owner->loop, &l->watch, 0);
	if (l->watch.fd >= 0)
		close(l->watch.fd);
	free(l);
	return NULL;
}
