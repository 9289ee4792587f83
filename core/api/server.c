#include "api/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/assets.h"
#include "api/front.h"
#include "api/jobs.h"
#include "api/live.h"
#include "api/rpc.h"
#include "api/socket.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"
#include "base/stream.h"
#include "registry/known.h"
#include "registry/registry.h"
#include "registry/revoked.h"

#define LOG_MODULE "api"
#include "base/log.h"

#define QUERY_THREADS 2
#define QUERY_WAITING 256
#define PROM_THREADS  2
#define PROM_WAITING  128
#define CONNS_MAX     4096 /* whatever http.max-clients becomes */
#define TICK_LIVE_NS  (100 * NS_PER_MS)
#define TICK_IDLE_NS  NS_PER_S
#define FAREWELL_NS   (500 * NS_PER_MS)
#define URL_FILE      "api.url"

/* ---- other threads */

void server_post(struct api *api, void (*fn)(void *ud), void *ud)
{
	while (loop_post(api->loop, fn, ud) > 0) /* full: the api thread is busy draining it */
		usleep(1000);
}

/* ---- the thread */

static void on_tick(struct timer *tick)
{
	struct api *api = container_of(tick, struct api, tick);
	bool live = live_is_needed(api->live);
	int64_t now_ns = clock_mono();

	if (live)
		live_tick(api->live);
	if (now_ns - api->checked_ns >= NS_PER_S) {
		api->checked_ns = now_ns;
		socket_check_all(api);
	}
	loop_timer(api->loop, &api->tick, live ? TICK_LIVE_NS : TICK_IDLE_NS, 0);
}

void server_tick_soon(struct api *api)
{
	loop_timer(api->loop, &api->tick, TICK_LIVE_NS, 0);
}

static void *server_run(void *ud)
{
	struct api *api = ud;

	pthread_setname_np(pthread_self(), "api");
	loop_timer(api->loop, &api->tick, TICK_IDLE_NS, 0);
	while (!api->stopping)
		if (loop_turn(api->loop, -1) < 0)
			break;
	/* Those who read are told; nobody is waited for long. */
	int64_t end_ns = clock_mono() + FAREWELL_NS;

	socket_end_all(api, 1001, "the platform stops");
	while (api->sessions && clock_mono() < end_ns)
		if (loop_turn(api->loop, 10 * NS_PER_MS) < 0)
			break;
	timer_end(&api->tick);
	api->streams = streams_free(api->streams);
	return NULL;
}

/* ---- start and stop */

/* For the CLI on the same machine: DATA/api.url. */
static void url_write(struct api *api, const char *address)
{
	char url[320];
	const char *port = strrchr(address, ':');
	bool any = strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
	const char *scheme = api->config.tls ? "wss" : "ws";

	snprintf(api->cookie, sizeof(api->cookie), "signalbox-%s", port + 1);
	snprintf(api->url_path, sizeof(api->url_path), "%s/" URL_FILE, api->config.data_dir);
	int n = any ? snprintf(url, sizeof(url), "%s://127.0.0.1%s/api/v1\n", scheme, port)
	            : snprintf(url, sizeof(url), "%s://%s/api/v1\n", scheme, address);
	int r = file_write_atomic(api->url_path, url, (size_t)n, 0600);

	if (r < 0)
		log_warn(r, "cannot write %s", api->url_path);
}

int api_new(struct api **out, const struct api_config *config)
{
	struct api *api = calloc(1, sizeof(*api));

	if (!api)
		return -ENOMEM;
	api->config = *config;
	snprintf(api->zone, sizeof(api->zone), "%s", config->zone);
	api->tick.fn = on_tick;
	api->started_ns = clock_utc();
	api->access.users = config->users;
	limiter_init(&api->by_address, 10, 0.2);
	/* More than one address can use up: nobody locks a user out from one machine. */
	limiter_init(&api->by_user, 20, 0.5);
	pthread_mutex_init(&api->passwords_lock, NULL);
	limiter_init(&api->passwords, 10, 0.2);
	int r = loop_new(&api->loop, "api");

	if (r == 0)
		r = revoked_new(&api->access.revoked, config->docs);

	if (r == 0)
		r = token_keys_open(&api->access.keys, config->data_dir, true);
	if (r == 0 && config->console_dir)
		r = assets_new(&api->assets, config->console_dir);
	if (r == 0)
		r = rpc_new(&api->rpc, api);
	if (r == 0)
		r = known_new(&api->known);
	if (r == 0)
		r = live_new(&api->live, api);
	if (r < 0)
		api_free(api);
	else
		*out = api;
	return r;
}

struct api *api_free(struct api *api)
{
	if (!api)
		return NULL;
	api_stop(api);
	live_free(api->live);
	rpc_free(api->rpc);
	assets_free(api->assets);
	known_free(api->known);
	token_keys_free(api->access.keys);
	revoked_free(api->access.revoked);
	pthread_mutex_destroy(&api->passwords_lock);
	loop_free(api->loop);
	free(api);
	return NULL;
}

int api_token(struct api *api, struct sb_str token, struct registry_token *out)
{
	struct token_claims who;
	const char *why;
	int r = access_check(&api->access, token, &who, &why);

	/* With a first password one chooses one's own, and does nothing else. */
	if (r == 0 && who.must_change)
		r = -EACCES;
	if (r < 0)
		return r;
	snprintf(out->subject, sizeof(out->subject), "%s", who.subject);
	out->role = who.role;
	out->is_local = who.local;
	out->until_ns = who.expires_ns;
	return 0;
}

int api_start(struct api *api, char *address, size_t cap)
{
	const struct streams_limits limits = { .max_conns = CONNS_MAX };
	int r = jobs_new(&api->jobs, QUERY_THREADS, QUERY_WAITING);

	if (r == 0)
		r = jobs_new(&api->queries, PROM_THREADS, PROM_WAITING);

	if (r == 0)
		r = revoked_load(api->access.revoked);
	if (r == 0)
		r = streams_new(&api->streams, api->loop, &limits);
	if (r == 0)
		r = front_listen(api, address, cap);
	if (r < 0)
		return r;
	url_write(api, address);
	r = -pthread_create(&api->thread, NULL, server_run, api);
	api->threaded = r == 0;
	return r < 0 ? log_error(r, "cannot start the api thread") : 0;
}

void api_ready(struct api *api, int ready)
{
	api->ready = ready != 0;
}

void api_stop(struct api *api)
{
	api->ready = false;
	api->stopping = true;
	if (api->threaded) {
		loop_stop(api->loop);
		pthread_join(api->thread, NULL);
		api->threaded = false;
	}
	api->streams = streams_free(api->streams); /* when it was never started */
	/* Calls under way end first and leave their answers in the mailbox. */
	if (api->jobs) {
		api->jobs = jobs_free(api->jobs);
		api->queries = jobs_free(api->queries);
		loop_turn(api->loop, 0);
	}
	if (api->url_path[0])
		unlink(api->url_path);
	api->url_path[0] = '\0';
}
