#include "device.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "fleet.h"

#define KEEP_ALIVE_S 60

static void device_drop(struct device *d)
{
	if (d->watch.fd >= 0) {
		(void)loop_watch(d->fleet->loop, &d->watch, 0);
		close(d->watch.fd);
	}
	d->watch.fd = -1;
	if (d->link == LINK_UP) {
		d->fleet->up--;
		d->fleet->reconnects++;
	}
	d->link = LINK_DOWN;
	d->failures++;
	/* 50 ms, doubling to 2 s, with as much jitter: the fleet does not come back in one instant
	 */
	int64_t wait = 50 * NS_PER_MS << MIN(d->failures - 1, 5);
	d->retry_ns = clock_mono() + wait +
	              (int64_t)(model_random(&d->model.random) % (uint64_t)wait);
	buffer_reset(&d->out);
	d->in_n = 0;
	d->in_flight = 0;
	d->unsent = d->first;
}

static void device_flush(struct device *d)
{
	uint32_t events = EPOLLIN;

	if (d->out.n) {
		ssize_t n = send(d->watch.fd, d->out.p, d->out.n, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN) {
			device_drop(d);
			return;
		}
		if (n > 0) {
			memmove(d->out.p, d->out.p + n, d->out.n - (size_t)n);
			d->out.n -= (size_t)n;
		}
		d->sent_ns = clock_mono();
	}
	if (d->out.n)
		events |= EPOLLOUT;
	if (events != d->watch.events)
		(void)loop_watch(d->fleet->loop, &d->watch, events);
}

static void give_length(struct buffer *out, size_t n)
{
	do {
		buffer_give_u8(out, (uint8_t)((n & 127) | (n > 127 ? 128 : 0)));
		n >>= 7;
	} while (n);
}

static void give_text(struct buffer *out, const char *text)
{
	size_t n = strlen(text);

	buffer_give_u8(out, (uint8_t)(n >> 8));
	buffer_give_u8(out, (uint8_t)n);
	buffer_give(out, text, n);
}

static void give_connect(struct device *d)
{
	static const uint8_t variable[] = { 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, KEEP_ALIVE_S };

	buffer_give_u8(&d->out, 0x10);
	give_length(&d->out, sizeof(variable) + 2 + strlen(d->id));
	buffer_give(&d->out, variable, sizeof(variable));
	give_text(&d->out, d->id);
}

static void give_publish(struct device *d, struct message *m)
{
	char topic[160];
	char payload[1400];
	int topic_n = snprintf(topic, sizeof(topic), "devices/%s/telemetry", d->id);
	int n = snprintf(payload, sizeof(payload), "{\"ts\":%lld,\"values\":{%s}}",
	                 (long long)m->ts_ms, m->members);

	if (++d->packet == 0)
		d->packet = 1;
	m->packet = d->packet;
	buffer_give_u8(&d->out, 0x32);
	give_length(&d->out, (size_t)topic_n + 4 + (size_t)n);
	give_text(&d->out, topic);
	buffer_give_u8(&d->out, (uint8_t)(m->packet >> 8));
	buffer_give_u8(&d->out, (uint8_t)m->packet);
	buffer_give(&d->out, payload, (size_t)n);
}

static void device_send(struct device *d)
{
	if (d->link != LINK_UP)
		return;
	while (d->unsent && d->in_flight < d->fleet->options.window) {
		if (d->unsent->packet)
			d->fleet->resent++;
		give_publish(d, d->unsent);
		d->unsent = d->unsent->next;
		d->in_flight++;
	}
	device_flush(d);
}

static void device_acknowledged(struct device *d, uint16_t packet)
{
	struct message **at = &d->first;

	if (d->first && d->first->packet != packet)
		d->fleet->out_of_order++;
	while (*at && *at != d->unsent && (*at)->packet != packet)
		at = &(*at)->next;
	struct message *m = *at;
	if (!m || m == d->unsent)
		return; /* of no message we know */
	oracle_give(&d->fleet->oracle, true, d->id, m->ts_ms, m->members);
	*at = m->next;
	if (!m->next)
		d->end = at;
	free(m);
	d->queued--;
	d->in_flight--;
	d->fleet->acknowledged++;
}

/* Every packet a server sends to a publisher is four bytes or two; anything else ends the
 * connection. */
static int device_packet(struct device *d, const uint8_t *p)
{
	switch (p[0]) {
	case 0x20:
		if (d->link != LINK_GREETING || p[3] != 0)
			return -EPROTO;
		d->link = LINK_UP;
		d->failures = 0;
		d->fleet->up++;
		return 0;
	case 0x40:
		device_acknowledged(d, (uint16_t)(p[2] << 8 | p[3]));
		return 0;
	default:
		return p[0] == 0xd0 ? 0 : -EPROTO;
	}
}

static int device_take(struct device *d)
{
	uint32_t at = 0;

	while (d->in_n - at >= 2) {
		uint32_t n = 2u + d->in[at + 1];
		if (n > 4 || (n == 2 && d->in[at] != 0xd0))
			return -EPROTO;
		if (d->in_n - at < n)
			break;
		int r = device_packet(d, d->in + at);
		if (r < 0)
			return r;
		at += n;
	}
	memmove(d->in, d->in + at, d->in_n - at);
	d->in_n -= at;
	return 0;
}

static void device_read(struct device *d)
{
	ssize_t n = recv(d->watch.fd, d->in + d->in_n, sizeof(d->in) - d->in_n, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		d->in_n += (uint32_t)n;
	if (n <= 0 || device_take(d) < 0) {
		device_drop(d);
		return;
	}
	device_send(d);
}

static void on_events(struct watch *w, uint32_t events)
{
	struct device *d = container_of(w, struct device, watch);

	if (d->link == LINK_CONNECTING) {
		int error = 0;
		socklen_t n = sizeof(error);
		if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error) {
			device_drop(d);
			return;
		}
		d->link = LINK_GREETING;
		give_connect(d);
		device_flush(d);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		device_read(d);
		return;
	}
	if (events & EPOLLOUT)
		device_flush(d);
}

void device_connect(struct device *d)
{
	int one = 1;

	if (d->link != LINK_DOWN || clock_mono() < d->retry_ns)
		return;
	d->watch = (struct watch){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
		                                0),
		                   .fn = on_events };
	if (d->watch.fd < 0) {
		device_drop(d);
		return;
	}
	(void)setsockopt(d->watch.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	d->link = LINK_CONNECTING;
	if ((connect(d->watch.fd, (struct sockaddr *)&d->fleet->broker, sizeof(d->fleet->broker)) <
	             0 &&
	     errno != EINPROGRESS) ||
	    loop_watch(d->fleet->loop, &d->watch, EPOLLOUT) < 0)
		device_drop(d);
}

void device_tick(struct device *d)
{
	if (d->link == LINK_UP && clock_mono() - d->sent_ns > KEEP_ALIVE_S / 2 * NS_PER_S) {
		static const uint8_t ping[] = { 0xc0, 0 };
		buffer_give(&d->out, ping, sizeof(ping));
		device_flush(d);
	}
}

void device_measure(struct device *d, int64_t ts_ms)
{
	char members[512];
	size_t n;
	struct message *m;

	if (d->queued >= DEVICE_QUEUE_MAX) {
		d->fleet->skipped++;
		return;
	}
	ts_ms = MAX(ts_ms, d->last_ts_ms + 1); /* a device never says two things of one time */
	n = model_sample(&d->model, ts_ms, members, sizeof(members));
	m = malloc(sizeof(*m) + n + 1);
	if (!m) {
		d->fleet->skipped++;
		return;
	}
	*m = (struct message){ .ts_ms = ts_ms };
	memcpy(m->members, members, n + 1);
	d->last_ts_ms = ts_ms;
	*d->end = m;
	d->end = &m->next;
	if (!d->unsent)
		d->unsent = m;
	d->queued++;
	d->fleet->made++;
	device_send(d);
}

void device_init(struct device *d, struct fleet *fleet, uint32_t index)
{
	*d = (struct device){ .fleet = fleet, .watch = { .fd = -1 } };
	d->end = &d->first;
	model_init(&d->model, fleet->options.seed, index, fleet->options.prefix, d->id,
	           sizeof(d->id));
}

void device_fini(struct device *d)
{
	if (d->watch.fd >= 0) {
		(void)loop_watch(d->fleet->loop, &d->watch, 0);
		close(d->watch.fd);
	}
	while (d->first) {
		struct message *m = d->first;
		d->first = m->next;
		oracle_give(&d->fleet->oracle, false, d->id, m->ts_ms, m->members);
		free(m);
	}
	buffer_fini(&d->out);
}
