#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/own.h"
#include "base/stream.h"
#include "base/text.h"
#include "host/frame.h"
#include "host/service.h"
#include "host/state.h"
#include "host/worker.h"

#define LOG_MODULE    "host"
#define MAX_LISTENERS 32
#define SPEC_1_0      (offsetof(struct sb_listen, ud) + sizeof(void *)) /* of plugins built with 1.0 */

/* Owned by its instance and by each of its connections. [inst] */
static void listener_drop(struct listener *l)
{
	if (--l->owners)
		return;
	free(l->name);
	free(l->bound);
	free(l->shared);
	free(l);
}

/* Between base/stream and the plugin: knows whose connection it is. */
static int32_t on_open(void *ud, sb_conn conn, struct sb_str peer, void **conn_ud)
{
	struct listener *l = ud;
	struct frame f;
	l->owners++;
	frame_enter(&f, l->instance, "stream.open");
	int32_t r = l->spec.open ? l->spec.open(l->spec.ud, conn, peer, conn_ud) : 0;
	frame_leave(&f);
	if (r < 0)
		listener_drop(l);
	return r;
}

static int64_t on_data(void *ud, void *conn_ud, sb_conn conn, struct sb_bytes bytes)
{
	const struct listener *l = ud;
	struct frame f;
	frame_enter(&f, l->instance, "stream.data");
	int64_t n = l->spec.data(conn_ud, conn, bytes);
	frame_leave(&f);
	if (__builtin_expect(n > (int64_t)bytes.n, 0))
		return log_error(-EPROTO, "%s claims to have read %lld of %zu bytes",
		                 l->instance->name, (long long)n, bytes.n);
	return n;
}

static void on_writable(void *ud, void *conn_ud, sb_conn conn)
{
	const struct listener *l = ud;
	struct frame f;
	if (!l->spec.writable)
		return;
	frame_enter(&f, l->instance, "stream.writable");
	l->spec.writable(conn_ud, conn);
	frame_leave(&f);
}

static void on_close(void *ud, void *conn_ud, sb_conn conn, int32_t why)
{
	struct listener *l = ud;
	struct frame f;
	frame_enter(&f, l->instance, "stream.close");
	if (l->spec.close)
		l->spec.close(conn_ud, conn, why);
	frame_leave(&f);
	listener_drop(l);
}

static const struct stream_calls calls = { on_open, on_data, on_writable, on_close };

static void listener_dropp(struct listener **l)
{
	if (*l)
		listener_drop(*l);
}

/* "127.0.0.1:0" and 34567 to "127.0.0.1:34567". */
static char *bound_text(struct sb_str address, uint32_t port)
{
	const char *colon = memrchr(address.p, ':', address.n);
	int n = colon ? (int)(colon - address.p) : (int)address.n;
	char *text = NULL;
	return asprintf(&text, "%.*s:%u", n, address.p, port) < 0 ? NULL : text;
}

static size_t count_listeners(const struct instance *in)
{
	size_t n = 0;
	for (const struct listener *l = in->listeners; l; l = l->next)
		n++;
	return n;
}

static int check_spec(struct instance *in, const struct sb_listen *spec)
{
	if (!loop_is_here(in->worker->loop))
		return log_error(-EXDEV, "%s listens outside its own thread", in->name);
	if (spec->size < SPEC_1_0 || !spec->data || !spec->address.p || !spec->address.n)
		return -EINVAL;
	if (spec->tls && !in->host->config.tls) {
		(void)service_core()->fail(instance_handle(in), -ENOKEY,
		                           SB_STR("TLS needs tls.certificate and tls.key, in force "
		                                  "since the start of the service"));
		return log_error(-ENOKEY,
		                 "%s wants TLS on %.*s, but there is no certificate: set "
		                 "tls.certificate and tls.key",
		                 in->name, (int)spec->address.n, spec->address.p);
	}
	if (count_listeners(in) >= MAX_LISTENERS)
		return log_error(SB_E_QUOTA, "%s has %d listeners already", in->name,
		                 MAX_LISTENERS);
	return 0;
}

/* What it asks for, in the form of this version. */
static struct sb_listen spec_of(const struct sb_listen *spec)
{
	struct sb_listen whole = { 0 };
	memcpy(&whole, spec, MIN((size_t)spec->size, sizeof(whole)));
	whole.size = sizeof(whole);
	return whole;
}

static bool is_shared(const struct sb_listen *spec)
{
	return text_is(spec->address, "http") && spec->websocket.n > 0;
}

static int name_listener(struct listener *l, const struct sb_listen *spec, uint32_t port)
{
	if (is_shared(spec)) {
		l->shared = strndup(spec->websocket.p, spec->websocket.n);
		if (!l->shared || asprintf(&l->bound, "http /%s", l->shared) < 0)
			l->bound = NULL;
	} else {
		l->bound = bound_text(spec->address, port);
	}
	return l->bound ? 0 : -ENOMEM;
}

static struct listener *find_shared(struct host *host, struct sb_str subprotocol)
{
	for (size_t i = 0; i < host->n_instances; i++)
		for (struct listener *l = host->instances[i]->listeners; l; l = l->next)
			if (l->shared && text_is(subprotocol, l->shared))
				return l;
	return NULL;
}

static int add_listener(struct instance *in, struct listener *l)
{
	int r = 0;
	pthread_mutex_lock(&in->host->lock);
	struct listener **end = &in->listeners;
	while (*end)
		end = &(*end)->next;
	if (l->shared && find_shared(in->host, sb_str_of(l->shared, strlen(l->shared))))
		r = -EADDRINUSE;
	else
		*end = l;
	pthread_mutex_unlock(&in->host->lock);
	return r;
}

/* Said here, and in the plugin's own words if its start fails by it. */
static int cannot_listen(struct instance *in, int r, struct sb_str address)
{
	char why[200];
	int n = snprintf(why, sizeof(why), "cannot listen on %.*s: %s", (int)address.n, address.p,
	                 sb_strerror(r));
	size_t cut = MIN((size_t)MAX(n, 0), sizeof(why) - 1);
	(void)service_core()->fail(instance_handle(in), r, sb_str_of(why, cut));
	return log_error(r, "%s cannot listen on %.*s", in->name, (int)address.n, address.p);
}

static int32_t begin_listen(struct sb_host *h, const struct sb_listen *spec, uint32_t *port)
{
	struct instance *in = instance_of(h);
	int r = check_spec(in, spec);
	if (r < 0)
		return r;
	struct streams *streams = worker_streams(in->worker);
	_own_(listener_dropp) struct listener *l = calloc(1, sizeof(*l));
	if (!l || !streams)
		return -ENOMEM;
	l->owners = 1;
	l->instance = in;
	l->spec = spec_of(spec);
	l->name = strndup(spec->name.n ? spec->name.p : in->name,
	                  spec->name.n ? spec->name.n : strlen(in->name));
	uint32_t bound = 0;
	r = streams_listen(streams, &l->spec, spec->tls ? in->host->config.tls : NULL, &bound,
	                   &l->id);
	if (r < 0)
		return cannot_listen(in, r, spec->address);
	streams_call_by(streams, l->id, &calls, l);
	r = name_listener(l, &l->spec, bound);
	l->spec.address = l->spec.name = l->spec.websocket = SB_STR("");
	if (r == 0)
		r = add_listener(in, l);
	if (r < 0) {
		streams_unlisten(streams, l->id);
		return r;
	}
	if (port)
		*port = bound;
	log_info("%s serves %s on %s", in->name, l->name, l->bound);
	return steal(l)->shared && in->host->config.http_open ? SB_LISTEN_OPEN : 0;
}

/* ---- connections that came to the HTTP port */

struct passage { /* of a parcel, on its way to the loop of its listener */
	struct worker *worker;
	uint32_t listener;
	struct stream_parcel *parcel;
};

static void arrive(void *ud)
{
	struct passage *p = ud;
	if (p->worker->streams)
		streams_adopt(p->worker->streams, p->listener, p->parcel);
	else
		stream_parcel_free(p->parcel);
	free(p);
}

bool host_speaks(struct host *host, struct sb_str subprotocol)
{
	pthread_mutex_lock(&host->lock);
	bool found = find_shared(host, subprotocol);
	pthread_mutex_unlock(&host->lock);
	return found;
}

int host_adopt(struct host *host, struct sb_str subprotocol, struct stream_parcel *parcel)
{
	struct passage *p = calloc(1, sizeof(*p));
	int r = p ? SB_E_NOT_FOUND : -ENOMEM;
	/* Under the lock the listener stays, and the worker with it until it has run this. */
	pthread_mutex_lock(&host->lock);
	const struct listener *l = p ? find_shared(host, subprotocol) : NULL;
	if (l) {
		*p = (struct passage){ l->instance->worker, l->id, parcel };
		r = loop_post(p->worker->loop, arrive, p);
	}
	pthread_mutex_unlock(&host->lock);
	if (r != 0) {
		stream_parcel_free(parcel);
		free(p);
	}
	return r;
}

static struct streams *streams_of(struct sb_host *h)
{
	return instance_of(h)->worker->streams;
}

static int32_t give(struct sb_host *h, sb_conn conn, struct sb_bytes bytes)
{
	struct streams *s = streams_of(h);
	return s ? streams_write(s, conn, bytes) : SB_E_STALE;
}

static int32_t hold(struct sb_host *h, sb_conn conn)
{
	struct streams *s = streams_of(h);
	return s ? streams_pause(s, conn) : SB_E_STALE;
}

static int32_t resume(struct sb_host *h, sb_conn conn)
{
	struct streams *s = streams_of(h);
	return s ? streams_resume(s, conn) : SB_E_STALE;
}

static int32_t end(struct sb_host *h, sb_conn conn)
{
	struct streams *s = streams_of(h);
	return s ? streams_close(s, conn) : SB_E_STALE;
}

static uint32_t unsent(struct sb_host *h, sb_conn conn)
{
	struct streams *s = streams_of(h);
	return s ? streams_unsent(s, conn) : 0;
}

static int32_t cert(struct sb_host *h, sb_conn conn, uint8_t *buf, uint32_t cap, uint32_t *trusted)
{
	struct streams *s = streams_of(h);
	return s ? streams_peer_cert(s, conn, buf, cap, trusted) : SB_E_STALE;
}

static int32_t psk(struct sb_host *h, sb_conn conn, char *buf, uint32_t cap)
{
	struct streams *s = streams_of(h);
	return s ? streams_peer_psk(s, conn, buf, cap) : SB_E_STALE;
}

void service_stream_end(struct instance *in)
{
	pthread_mutex_lock(&in->host->lock);
	struct listener *l = in->listeners;
	in->listeners = NULL;
	pthread_mutex_unlock(&in->host->lock);
	while (l) {
		struct listener *next = l->next;
		streams_unlisten(in->worker->streams, l->id);
		listener_drop(l);
		l = next;
	}
}

const struct sb_stream *service_stream(void)
{
	static const struct sb_stream table = {
		.size = sizeof(table),
		.listen = begin_listen,
		.write = give,
		.pause = hold,
		.resume = resume,
		.close = end,
		.unsent = unsent,
		.peer_cert = cert,
		.peer_psk = psk,
	};
	return &table;
}
