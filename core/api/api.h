/* HTTP and WebSocket: the API, the console's files, health and metrics; libwebsockets alone in a
 * thread of its own. Methods are rows generated from schemas/api.json. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct api;
struct catalog;
struct conf;
struct docs;
struct host;
struct ingest;
struct journal;
struct registry;
struct series_db;
struct users;

struct api_config {
	const char *data_dir;           /* keys/ in it */
	const char *listen;             /* "127.0.0.1:8080", port 0 takes a free one */
	const char *console_dir;        /* NULL: no console */
	const char *tls_cert, *tls_key; /* NULL: plaintext */
	const char *origins;            /* allowed besides our own, separated by spaces; "": none */
	int provisioning;               /* enum provisioning, for system.info */
	uint32_t max_clients;
	struct host *host;
	struct docs *docs;
	struct journal *journal;
	struct catalog *catalog;
	struct series_db *series;
	struct registry *registry;
	struct users *users;
	struct ingest *ingest;
};

int api_new(struct api **out, const struct api_config *config); /* registers its listeners */
struct api *api_free(struct api *api);
int api_start(struct api *api, char *address, size_t cap); /* bound: "127.0.0.1:34567" */
void api_ready(struct api *api, int ready);                /* /readyz; any thread */
void api_stop(struct api *api);
