#include "options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "server.h"

#define NUMBER(name, least, most, fallback, text)                                        \
	",\"" #name "\":{\"type\":\"integer\",\"minimum\":" #least ",\"maximum\":" #most \
	",\"default\":" #fallback ",\"description\":\"" text "\"}"

#define NUMBERS(X)                                                                           \
	X(max_packet_bytes, 1024, 16777216, 262144, "longest packet a client may send")      \
	X(max_connect_bytes, 1024, 16777216, 16384, "longest CONNECT, its will included")    \
	X(max_connections, 1, 1000000, 20000, "open connections")                            \
	X(receive_maximum, 1, 65535, 64,                                                     \
	  "unfinished QoS 1 and 2 publishes of a 5.0 client; more ends its connection")      \
	X(max_unacked, 16, 65536, 1024,                                                      \
	  "unacknowledged publishes of a 3.1.1 client beyond which it is not read")          \
	X(max_inflight, 1, 16384, 256, "unacknowledged messages on their way to one client") \
	X(max_queued_bytes, 4096, 1073741824, 262144, "bytes waiting for one session")       \
	X(max_queued_messages, 1, 16384, 8192, "messages waiting for one session")           \
	X(max_out_bytes, 16384, 16777216, 131072,                                            \
	  "unsent bytes of a connection beyond which its messages wait in its session")      \
	X(max_sessions, 1, 1000000, 40000, "sessions, connected and kept")                   \
	X(max_subscriptions, 1, 1000000, 1024, "subscriptions of one session")               \
	X(max_subscription_bytes, 4096, 1073741824, 1048576,                                 \
	  "memory for the subscriptions of one session")                                     \
	X(max_device_sessions, 1, 1000000, 32, "sessions of one device's credential")        \
	X(max_topic_bytes, 64, 65535, 1024, "longest topic name and filter")                 \
	X(topic_alias_maximum, 0, 65535, 16,                                                 \
	  "topic aliases a 5.0 client may use, and we use towards it")                       \
	X(max_retained, 0, 10000000, 100000, "retained messages")                            \
	X(max_retained_bytes, 0, 2147483647, 67108864, "bytes of retained messages")         \
	X(connect_timeout_s, 1, 3600, 10, "seconds in which CONNECT must be complete")       \
	X(keepalive_max_s, 0, 65535, 0,                                                      \
	  "longest keep-alive, told to 5.0 clients that want a longer one; 0: any")          \
	X(session_expiry_max_s, 0, 31536000, 604800, "longest time a session is kept")       \
	X(max_connections_per_address, 1, 1000000, 16000,                                    \
	  "open connections of one IPv4 address or IPv6 /64")                                \
	X(connect_rate, 0, 100000, 2000,                                                     \
	  "connections a second that are let in; sessions that are kept first, then known "  \
	  "names; 0: any")                                                                   \
	X(connect_burst, 1, 1000000, 40000, "connections let in at once above connect-rate") \
	X(connect_rate_per_address, 0, 100000, 500,                                          \
	  "connections a second of one IPv4 address or IPv6 /64; 0: any")                    \
	X(connect_burst_per_address, 1, 1000000, 20000,                                      \
	  "connections at once above connect-rate-per-address")                              \
	X(max_reconnects_per_minute, 0, 60000, 30,                                           \
	  "connections a minute of one client identifier that did not end with DISCONNECT; " \
	  "more are held off; 0: any")                                                       \
	X(max_takeovers_per_minute, 0, 60000, 10,                                            \
	  "times a minute a client identifier may be taken over; 0: any")                    \
	X(max_unauthenticated_bytes, 65536, 1073741824, 4194304,                             \
	  "memory for all CONNECTs that are not complete; 2 KiB of each are free")           \
	X(max_topic_levels, 1, 64, 64, "levels of a topic name and filter")                  \
	X(max_filters, 1, 1024, 1024, "topic filters in one SUBSCRIBE")                      \
	X(max_total_queued_bytes, 65536, 2147483647, 268435456,                              \
	  "bytes waiting for all sessions; beyond it the biggest queue is cut")              \
	X(max_messages_per_second, 0, 1000000, 0,                                            \
	  "publishes of one device that are read in a second, the others wait; 0: any")      \
	X(max_bytes_per_second, 0, 1000000000, 0,                                            \
	  "bytes of publishes of one device that are read in a second; 0: any")

#define LIST(name, fallback, text)                                                            \
	"\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"maxLength\":127}," \
	"\"maxItems\":4,\"default\":" fallback ",\"description\":\"" text "\"}"

#define FLAG(name, fallback, text) \
	",\"" name "\":{\"type\":\"boolean\",\"default\":" fallback ",\"description\":\"" text "\"}"

#define MORE(name, text) "," LIST(name, "[]", text)

#define LISTS                                                                             \
	LIST("listen", "[\"127.0.0.1:1883\"]", "address and port; repeat for more")       \
	MORE("listen_tls", "the same with TLS")                                           \
	MORE("listen_websocket", "address and port for MQTT over WebSocket, at any path") \
	MORE("listen_websocket_tls", "the same with TLS")

#define FLAGS                                                                                      \
	FLAG("websocket_http", "true", "speak MQTT over WebSocket on the HTTP port too, at /mqtt") \
	FLAG("anonymous", "false",                                                                 \
	     "let clients without credentials in, as any device that has none")                    \
	FLAG("insecure", "false", "let other machines in without TLS or anonymously")              \
	FLAG("psk", "false", "let devices in on listen-tls by their pre-shared key")               \
	FLAG("redirect_always", "false",                                                           \
	     "refuse every connection and name the servers of redirect: this one has moved")

#define TEXTS                                                                                         \
	",\"client_certificates\":{\"type\":\"string\",\"enum\":[\"off\",\"optional\",\"required\"]," \
	"\"default\":\"off\",\"description\":\"ask clients on listen-tls and "                        \
	"listen-websocket-tls for certificates; see tls.client-ca and "                               \
	"provisioning.certificates\"}"                                                                \
	",\"redirect\":{\"type\":\"string\",\"maxLength\":255,\"default\":\"\",\"description\":"      \
	"\"servers, host or host:port, 5.0 clients are told to use when this one stops\"}"

const char options_schema[] =
	"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{" LISTS FLAGS TEXTS
		NUMBERS(NUMBER) "}}";

static int read_listen(const struct sb_config *from, const char *key, bool tls, bool websocket,
                       struct config *out)
{
	char pointer[48];
	uint32_t n = 0;
	struct sb_str text;

	snprintf(pointer, sizeof(pointer), "/%s", key);
	int r = from->length(from, pointer, &n);
	if (r < 0)
		return r == SB_E_NOT_FOUND ? 0 : r;
	for (uint32_t i = 0; i < n && out->n_listen < SERVER_MAX_LISTEN; i++) {
		snprintf(pointer, sizeof(pointer), "/%s/%u", key, i);
		r = from->str(from, pointer, &text);
		if (r < 0)
			return r;
		if (text.n >= sizeof(out->listen[0].address))
			return SB_E_RANGE;
		memcpy(out->listen[out->n_listen].address, text.p, text.n);
		out->listen[out->n_listen].address[text.n] = 0;
		out->listen[out->n_listen].websocket = websocket;
		out->listen[out->n_listen++].tls = tls;
	}
	return 0;
}

static int read_all_listen(const struct sb_config *from, struct config *out)
{
	int32_t http = 0;
	int r = read_listen(from, "listen", false, false, out);

	if (r == 0)
		r = read_listen(from, "listen_tls", true, false, out);
	if (r == 0)
		r = read_listen(from, "listen_websocket", false, true, out);
	if (r == 0)
		r = read_listen(from, "listen_websocket_tls", true, true, out);
	if (r == 0)
		r = from->boolean(from, "/websocket_http", &http);
	out->websocket_http = http;
	return r;
}

static int read_tls_clients(const struct sb_config *from, uint32_t *out)
{
	struct sb_str text;
	int32_t psk = 0;
	int r = from->str(from, "/client_certificates", &text);

	if (r == 0)
		r = from->boolean(from, "/psk", &psk);
	if (r < 0)
		return r;
	*out = psk ? SB_TLS_PSK : 0;
	if (text.n == 8 && memcmp(text.p, "optional", 8) == 0)
		*out |= SB_TLS_CERT_OPTIONAL;
	if (text.n == 8 && memcmp(text.p, "required", 8) == 0)
		*out |= SB_TLS_CERT_REQUIRED;
	return 0;
}

static int read_redirect(const struct sb_config *from, struct config *out)
{
	struct sb_str text;
	int32_t always = 0;

	int r = from->str(from, "/redirect", &text);
	if (r < 0)
		return r;
	if (text.n >= sizeof(out->redirect))
		return SB_E_RANGE;
	memcpy(out->redirect, text.p, text.n);
	out->redirect[text.n] = 0;
	r = from->boolean(from, "/redirect_always", &always);
	out->redirect_always = always;
	return r;
}

/* NOLINTNEXTLINE(readability-function-size): a row of the table above is four statements */
int options_read(const struct sb_config *from, struct config *out)
{
	int32_t anonymous = 0;
	int32_t insecure = 0;
	int64_t v;
	int r;

	memset(out, 0, sizeof(*out));
#define READ(name, least, most, fallback, text) \
	r = from->i64(from, "/" #name, &v);     \
	if (r < 0)                              \
		return r;                       \
	out->name = (uint32_t)v;
	NUMBERS(READ)
#undef READ
	r = from->boolean(from, "/anonymous", &anonymous);
	if (r < 0)
		return r;
	out->anonymous = anonymous;
	r = from->boolean(from, "/insecure", &insecure);
	if (r < 0)
		return r;
	out->insecure = insecure;
	r = read_tls_clients(from, &out->tls_clients);
	if (r == 0)
		r = read_redirect(from, out);
	if (r < 0)
		return r;
	return read_all_listen(from, out);
}

static bool is_loopback(const char *address)
{
	return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0 ||
	       strncmp(address, "localhost:", 10) == 0;
}

const char *options_exposed(const struct config *config)
{
	for (uint32_t i = 0; i < config->n_listen && !config->insecure; i++) {
		if (is_loopback(config->listen[i].address))
			continue;
		if (!config->listen[i].tls)
			return "listen or listen-websocket is open to other machines without TLS: "
			       "use listen-tls or listen-websocket-tls with tls.certificate and "
			       "tls.key, or set insecure = yes";
		if (config->anonymous)
			return "a listener lets any machine in, and anonymous = yes anybody on it: "
			       "set anonymous = no, or insecure = yes";
	}
	return NULL;
}
