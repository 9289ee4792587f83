/* The platform put together: which part starts after which, and ends before which. */
#pragma once
#include <stdbool.h>

#include "settings.h"

struct api;
struct args;
struct catalog;
struct conf;
struct docs;
struct host;
struct ingest;
struct journal;
struct loop;
struct owners;
struct registry;
struct reload;
struct reserve;
struct runner;
struct series_db;
struct tls;
struct users;

struct app {
	struct settings settings;
	struct conf *conf;
	char *data;
	int lock_fd;
	struct reserve *reserve;
	char *plugin_dir, *console_dir, *journal_dir;
	struct loop *loop;
	struct tls *tls;
	struct host *host;
	struct docs *docs;
	struct journal *journal;
	struct owners *owners; /* of what plugins keep in the journal */
	struct catalog *catalog;
	struct registry *registry;
	struct users *users;
	struct series_db *series;
	struct ingest *ingest;
	struct runner *runner; /* of backups */
	char *proof_sets[3];   /* of --set, for who proves them; ended by NULL */
	struct api *api;
	struct reload *reload;
	struct live_retired *retired; /* texts that threads may still read; live.c */
	char first_password[33];
	bool is_loaded; /* all that is stored was read, so that saving cannot overwrite it */
};

#define APP_NULL ((struct app){ .lock_fd = -1 })
#define APP_DONE 1 /* --check was answered */

/* 0, APP_DONE, or a fault that was logged; app_fini() is right in every case. */
int app_init(struct app *app, const struct args *args);
int app_run(struct app *app); /* until SIGTERM or SIGINT */
void app_fini(struct app *app);
/* Reads the files the configuration names: certificate, key, authority and revocation list. */
int app_new_tls(const struct settings *s, struct tls **out);
/* As many descriptors as the limits of the configuration need, if the system gives them. */
void app_limit_descriptors(const struct settings *s);
