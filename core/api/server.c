#include "api/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/assets.h"
#include "api/http.h"
#include "api/jobs.h"
#include "api/live.h"
#include "api/rpc.h"
#include "api/socket.h"
#include "api/token.h"
#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"
#include "registry/registry.h"
#include "registry/revoked.h"

#define LOG_MODULE "api"
#include "base/log.h"

#define QUERY_THREADS 2
#define QUERY_WAITING 256
#define HTTP_SPARE    256 /* connections besides the WebSocket clients */
#define HEADERS_MAX   8192
#define BUFFER_BYTES  65536 /* 4 KiB, its default, costs seven times the CPU for downloads */
#define FDS_MAX       1048576
#define TICK_LIVE_US  100000
#define TICK_IDLE_US  1000000
#define FAREWELL_NS   (500 * NS_PER_MS)
#define URL_FILE      "api.url"

/* ---- libwebsockets' callbacks */

static int on_lws_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t n)
{
	struct api *api = lws_context_user(lws_get_context(wsi));

	switch ((int)reason) {
	case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
		api->ssl_ctx = user;
		return 0;
	case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
		if (api->context)
			mailbox_run(&api->mailbox);
		return 0;
	case LWS_CALLBACK_FILTER_NETWORK_CONNECTION:
		if (api->connections < api->config.max_clients + HTTP_SPARE)
			return 0;
		api->counts.connections_refused++;
		return -1;
	case LWS_CALLBACK_WSI_CREATE:
		api->counts.connections++;
		api->connections++;
		return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		if (api->connections)
			api->connections--;
		return 0;
	default:
		return http_on(wsi, (int)reason, user, in, n);
	}
}

static int on_lws_socket(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t n)
{
	return socket_on(wsi, (int)reason, user, in, n);
}

/* The first is what a client without a subprotocol gets: it refuses. */
static const struct lws_protocols protocols[] = {
	{ "http", on_lws_http, sizeof(struct exchange), 4096, 0, NULL, 0 },
	{ "signalbox.v1.json", on_lws_socket, sizeof(struct session), BUFFER_BYTES, 0, NULL, 0 },
	{ "signalbox.v1.cbor", on_lws_socket, sizeof(struct session), BUFFER_BYTES, 0, NULL, 0 },
	{ NULL, NULL, 0, 0, 0, NULL, 0 },
};

static void on_lws_log(int level, const char *line)
{
	size_t n = strcspn(line, "\n");

	if (level & LLL_ERR)
		log_warn(0, "libwebsockets: %.*s", (int)n, line);
	else
		log_debug("libwebsockets: %.*s", (int)n, line);
}

/* ---- other threads */

void server_post(struct api *api, void (*fn)(void *ud), void *ud)
{
	while (mailbox_post(&api->mailbox, fn, ud) >
	       0) /* full: the api thread is busy draining it */
		usleep(1000);
	lws_cancel_service(api->context);
}

struct sb_str server_header(struct lws *wsi, enum lws_token_indexes which, char *buf, size_t cap)
{
	int n = lws_hdr_total_length(wsi, which);

	if (n <= 0 || (size_t)n >= cap || lws_hdr_copy(wsi, buf, (int)cap, which) < 0)
		return SB_STR("");
	return sb_str_of(buf, strlen(buf));
}

/* ---- the thread */

static void on_tick(lws_sorted_usec_list_t *tick)
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
	lws_sul_schedule(api->context, 0, &api->tick, on_tick, live ? TICK_LIVE_US : TICK_IDLE_US);
}

void server_tick_soon(struct api *api)
{
	lws_sul_schedule(api->context, 0, &api->tick, on_tick, TICK_LIVE_US);
}

static void *server_run(void *ud)
{
	struct api *api = ud;

	pthread_setname_np(pthread_self(), "api");
	lws_sul_schedule(api->context, 0, &api->tick, on_tick, TICK_IDLE_US);
	while (!api->stopping)
		if (lws_service(api->context, 0) < 0)
			break;
	/* Those who read are told; nobody is waited for long. */
	int64_t end_ns = clock_mono() + FAREWELL_NS;

	socket_end_all(api, LWS_CLOSE_STATUS_GOINGAWAY, "the platform stops");
	while (api->sessions && clock_mono() < end_ns) {
		server_tick_soon(api);
		lws_service(api->context, 0);
	}
	return NULL;
}

/* ---- start and stop */

/* "127.0.0.1:8080", "[::1]:8080", ":8080", "0.0.0.0:8080". */
static int listen_parse(struct api *api, int *port)
{
	const char *text = api->config.listen;
	const char *colon = strrchr(text, ':');
	char *end = NULL;
	long n = colon ? strtol(colon + 1, &end, 10) : -1;
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (n < 0 || n > 65535 || *end || end == colon + 1 || len >= sizeof(api->host))
		return log_error(-EINVAL, "http.listen: '%s' is not ADDRESS:PORT", text);
	if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	memcpy(api->host, text, len);
	api->host[len] = '\0';
	*port = (int)n;
	return 0;
}

/* Tables are as long as the soft limit of descriptors, which containers set to a billion. */
static void limit_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > FDS_MAX) {
		limit.rlim_cur = FDS_MAX;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int context_new(struct api *api, int port)
{
	static const lws_retry_bo_t idle = {
		.secs_since_valid_ping = 30,
		.secs_since_valid_hangup = 75,
	};
	bool any = strcmp(api->host, "") == 0 || strcmp(api->host, "0.0.0.0") == 0 ||
	           strcmp(api->host, "::") == 0;
	struct lws_context_creation_info info = {
		.port = port, /* 0 takes a free one */
		.iface = any ? NULL : api->host,
		.protocols = protocols,
		.pt_serv_buf_size = BUFFER_BYTES,
		.max_http_header_data = HEADERS_MAX,
		.timeout_secs = 10,
		.timeout_secs_ah_idle = 10,
		.keepalive_timeout = 30,
		.retry_and_idle_policy = &idle,
		.server_string = "signalbox",
		.vhost_name = "signalbox",
		.alpn = "http/1.1",
		.ssl_cert_filepath = api->config.tls_cert,
		.ssl_private_key_filepath = api->config.tls_key,
		.ssl_options_set = (long)(SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1),
		.options = LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND |
		           LWS_SERVER_OPTION_VALIDATE_UTF8 |
		           (api->config.tls_cert ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0) |
		           (strchr(api->host, ':') || api->host[0] == '\0'
		                    ? 0
		                    : LWS_SERVER_OPTION_DISABLE_IPV6),
		.user = api,
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
	};

	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
	limit_descriptors();
	api->context = lws_create_context(&info);
	if (!api->context)
		return log_error(-EADDRINUSE, "cannot listen on %s", api->config.listen);
	return 0;
}

static void address_write(const struct api *api, char *address, size_t cap)
{
	int port = lws_get_vhost_listen_port(lws_get_vhost_by_name(api->context, "signalbox"));
	const char *host = api->host[0] ? api->host : "0.0.0.0";

	snprintf(address, cap, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

/* For the CLI on the same machine: DATA/api.url. */
static void url_write(struct api *api, const char *address)
{
	char url[320];
	const char *port = strrchr(address, ':');
	bool any = strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;

	snprintf(api->cookie, sizeof(api->cookie), "signalbox-%s", port + 1);
	snprintf(api->url_path, sizeof(api->url_path), "%s/" URL_FILE, api->config.data_dir);
	int n = any ? snprintf(url, sizeof(url), "%s://127.0.0.1%s/api/v1\n",
	                       api->config.tls_cert ? "wss" : "ws", port)
	            : snprintf(url, sizeof(url), "%s://%s/api/v1\n",
	                       api->config.tls_cert ? "wss" : "ws", address);
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
	api->started_ns = clock_utc();
	api->access.users = config->users;
	limiter_init(&api->by_address, 10, 0.2);
	/* More than one address can use up: nobody locks a user out from one machine. */
	limiter_init(&api->by_user, 20, 0.5);
	pthread_mutex_init(&api->passwords_lock, NULL);
	limiter_init(&api->passwords, 10, 0.2);
	int r = mailbox_init(&api->mailbox, 65536);

	if (r == 0)
		r = revoked_new(&api->access.revoked, config->docs);

	if (r == 0)
		r = token_keys_open(&api->access.keys, config->data_dir, true);
	if (r == 0 && config->console_dir)
		r = assets_new(&api->assets, config->console_dir);
	if (r == 0)
		r = rpc_new(&api->rpc, api);
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
	token_keys_free(api->access.keys);
	revoked_free(api->access.revoked);
	pthread_mutex_destroy(&api->passwords_lock);
	mailbox_fini(&api->mailbox);
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
	int port = 0;
	int r = listen_parse(api, &port);

	if (r == 0)
		r = revoked_load(api->access.revoked);
	if (r == 0)
		r = jobs_new(&api->jobs, QUERY_THREADS, QUERY_WAITING);
	if (r == 0)
		r = context_new(api, port);
	if (r < 0)
		return r;
	address_write(api, address, cap);
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
		lws_cancel_service(api->context);
		pthread_join(api->thread, NULL);
		api->threaded = false;
	}
	/* Calls under way end first and leave their answers in the mailbox. */
	api->jobs = jobs_free(api->jobs);
	mailbox_run(&api->mailbox);
	if (api->context) {
		lws_sul_cancel(&api->tick);
		struct lws_context *context = api->context;

		lws_context_destroy(context);
		api->context = NULL;
	}
	if (api->url_path[0])
		unlink(api->url_path);
	api->url_path[0] = '\0';
}
