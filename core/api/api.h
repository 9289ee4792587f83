/* HTTP and WebSocket: the API, the console's files, health and metrics, in a thread of its own.
 * Methods are rows generated from schemas/api.json. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/types.h>

struct api;
struct catalog;
struct conf;
struct docs;
struct host;
struct ingest;
struct journal;
struct registry;
struct registry_token;
struct runner;
struct series_db;
struct tls;
struct users;
struct wire;

struct api_config_state { /* of the configuration of the platform */
	uint64_t reloads, failures;
	int64_t at_ns;     /* UTC of the last one; 0: never */
	char error[256];   /* why the last one was refused, or "" */
	char waiting[256]; /* keys that wait for the next start */
};

/* What only the platform as a whole can do. */
struct api_platform {
	/* Query threads; they block, and write one value. -ESHUTDOWN while it starts or stops. */
	int (*reload)(void *ud, bool dry_run, struct wire *out);
	int (*config)(void *ud, struct wire *out);
	/* Any thread. */
	void (*config_state)(void *ud, struct api_config_state *out);
};

struct api_config {
	const char *data_dir;    /* keys/ in it */
	const char *listen;      /* "127.0.0.1:8080", port 0 takes a free one */
	const char *console_dir; /* NULL: no console */
	struct tls *tls;         /* NULL: plaintext */
	const char *origins;     /* allowed besides our own, separated by spaces; "": none */
	const char *zone;        /* of buckets of the calendar */
	int provisioning;        /* enum provisioning, for system.info */
	uint32_t max_clients;
	const struct api_platform *platform;
	void *platform_ud;
	struct host *host;
	struct docs *docs;
	struct journal *journal;
	struct catalog *catalog;
	struct series_db *series;
	struct registry *registry;
	struct users *users;
	struct ingest *ingest;
	struct runner *runner; /* of backups */
};

int api_new(struct api **out, const struct api_config *config); /* registers its listeners */
struct api *api_free(struct api *api);
int api_start(struct api *api, char *address, size_t cap); /* bound: "127.0.0.1:34567" */
void api_ready(struct api *api, int ready);                /* /readyz; any thread */
void api_stop(struct api *api);
/* Whose token is this now? 0, -EACCES. Any thread. */
int api_token(struct api *api, struct sb_str token, struct registry_token *out);

struct api_live {            /* members of api_config that change while it runs */
	const char *origins; /* lives as long as the api */
	uint32_t max_clients;
	int provisioning;
};
/* Any thread, after api_start(): in force for what is asked from soon on. */
void api_change(struct api *api, const struct api_live *live);
