#define LOG_MODULE "app"
#include "app.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "api/api.h"
#include "args.h"
#include "backup/runner.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/own.h"
#include "base/reserve.h"
#include "base/stream.h"
#include "config.h"
#include "host/docs.h"
#include "host/host.h"
#include "ingest/ingest.h"
#include "journal/journal.h"
#include "journal/owners.h"
#include "live.h"
#include "reference.h"
#include "registry/registry.h"
#include "registry/users.h"
#include "reload.h"
#include "room.h"
#include "run.h"
#include "series/catalog.h"
#include "series/series.h"
#include "version.h"

/* How far behind a plugin's oldest record in the journal may be until it is asked to write it anew,
 * and until it is lost. */
#define PLUGINS_ASK       (64ull << 20)
#define PLUGINS_DROP      (1ull << 30)
#define SPARE_DESCRIPTORS 1024 /* files, WebSocket clients, plugins */
#define RESERVED_FILES    256  /* of these, never for devices */

/* Where things lie when the program runs from its build directory, else where they were installed.
 */
static char *find_dir(const char *wanted, const char *beside, const char *installed)
{
	char exe[PATH_MAX];
	char path[PATH_MAX + 64];
	struct stat st;
	ssize_t n;

	if (*wanted)
		return strdup(wanted);
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n > 0) {
		exe[n] = '\0';
		char *slash = strrchr(exe, '/');
		if (slash)
			*slash = '\0';
		(void)snprintf(path, sizeof(path), "%s/../%s", exe, beside);
		if (stat(path, &st) == 0)
			return realpath(path, NULL);
	}
	return strdup(installed);
}

static int data_open(struct app *app, const char *data)
{
	_own_(freep) char *lock = NULL;
	pid_t pid = 0;
	int r = file_make_dir(data, 0700);

	if (r < 0)
		return log_error(r, "cannot make the data directory %s", data);
	app->data = realpath(data, NULL);
	if (!app->data || asprintf(&lock, "%s/lock", app->data) < 0 ||
	    asprintf(&app->journal_dir, "%s/journal", app->data) < 0)
		return log_error(-ENOMEM, "cannot open the data directory %s", data);
	r = file_lock(lock, &app->lock_fd, &pid);
	if (r == -EWOULDBLOCK)
		return log_error(
			       0,
			       "data directory %s is in use by process %d: stop it, or give another --data",
			       app->data, (int)pid),
		       r;
	if (r < 0)
		return log_error(r, "cannot lock %s", lock);
	r = file_make_dir(app->journal_dir, 0700);
	if (r < 0)
		return log_error(r, "cannot make %s", app->journal_dir);
	return 0;
}

/* Descriptor tables of libraries follow the limit, so it is set to what the configuration needs. */
void app_limit_descriptors(const struct settings *s)
{
	struct rlimit limit;
	rlim_t need = (rlim_t)(s->io_max_connections + s->http_max_clients) + SPARE_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (need > limit.rlim_max) {
		log_info(
			"%llu descriptors are allowed, io.max-connections would need %llu: so many less "
			"can connect",
			(unsigned long long)limit.rlim_max, (unsigned long long)need);
		need = limit.rlim_max;
	}
	limit.rlim_cur = need;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int journal_define_record(void *ud, struct sb_bytes record)
{
	struct app *app = ud;
	return journal_define(app->journal, record);
}

/* Registered devices and their counters are on disk before the journal may forget them. */
static int before_checkpoint(void *ud)
{
	struct app *app = ud;
	return registry_save(app->registry);
}

static void rows_flushed(void *ud, const struct series_count *counts, size_t n, uint64_t seq)
{
	struct app *app = ud;
	registry_flushed(app->registry, counts, n, seq);
}

static void row_replayed(void *ud, uint32_t device_no, const struct row *row, uint64_t seq)
{
	struct app *app = ud;
	registry_replayed(app->registry, device_no, row, seq);
}

static void journal_committed(void *ud, struct journal_commit *commit)
{
	struct app *app = ud;
	series_db_commit(app->series, commit);
}

static void journal_health(void *ud, enum journal_health health, int r)
{
	struct app *app = ud;

	(void)app;
	if (health == JOURNAL_OK)
		log_info("storage works again: messages are acknowledged");
	else
		log_error(r, "storage is degraded: nothing is acknowledged until it works again; "
		             "devices keep their data; free space or replace the disk");
}

static bool docs_full(void *ud)
{
	struct app *app = ud;
	return series_db_make_room(app->series);
}

static int storage_new(struct app *app)
{
	const struct settings *s = &app->settings;
	int r = journal_new(&app->journal, &(struct journal_config){
						   .dir = app->journal_dir,
						   .segment_bytes = s->journal_segment,
						   .linger_max_ns = s->journal_linger,
						   .linger_always = s->journal_always,
						   .spare_segments = 2,
						   .committed = journal_committed,
						   .health_changed = journal_health,
						   .ud = app,
					   });
	if (r == 0)
		r = owners_new(&app->owners, &(struct owners_config){
						     .journal = app->journal,
						     .ask_bytes = PLUGINS_ASK,
						     .drop_bytes = PLUGINS_DROP,
					     });
	if (r == 0)
		r = catalog_new(&app->catalog, journal_define_record, app);
	if (r == 0)
		r = series_db_new(&app->series,
		                  &(struct series_config){
					  .catalog = app->catalog,
					  .journal = app->journal,
					  .docs = app->docs,
					  .host = app->host,
					  .head_max_bytes = s->series_head_max,
					  .flush_every_ns = s->series_flush_every,
					  .tier_every_ns = s->storage_tier_every,
					  .retention_class = s->series_class,
					  .space = room_space,
					  .reserve = app->reserve,
					  .low_water = room_low_water(app),
					  .retention = s->retention,
					  .keep_ns = s->storage_keep,
					  .scrub_every_ns = s->storage_scrub,
					  .compact_blocks = (uint32_t)s->storage_compaction,
					  .flushed = rows_flushed,
					  .replayed = row_replayed,
					  .before_checkpoint = before_checkpoint,
					  .ud = app,
				  });
	if (r == 0)
		docs_when_full(app->docs, docs_full, app);
	return r;
}

static int check_token(void *ud, struct sb_str token, struct registry_token *out)
{
	struct app *app = ud;
	return app->api ? api_token(app->api, token, out) : -EACCES;
}

static uint32_t find_key(void *ud, struct sb_str identity, uint8_t key[static TLS_PSK_MAX])
{
	struct app *app = ud;
	return registry_psk(app->registry, identity, key);
}

static int registry_new_all(struct app *app)
{
	const struct settings *s = &app->settings;
	int r = users_new(&app->users, app->docs);
	if (r == 0)
		r = registry_new(&app->registry,
		                 &(struct registry_config){
					 .catalog = app->catalog,
					 .docs = app->docs,
					 .host = app->host,
					 .users = app->users,
					 .provisioning = (enum provisioning)s->provisioning,
					 .max_devices = (uint32_t)s->provisioning_max_devices,
					 .define = journal_define_record,
					 .certificates =
						 (enum certificates)s->provisioning_certificates,
					 .token = check_token,
					 .ud = app,
				 });
	if (r == 0 && app->tls)
		tls_psk(app->tls, find_key, app);
	if (r == 0)
		r = ingest_new(&app->ingest, &(struct ingest_config){
						     .host = app->host,
						     .journal = app->journal,
						     .owners = app->owners,
						     .registry = app->registry,
						     .catalog = app->catalog,
						     .limits = live_limits(s),
						     .ring_bytes = 4 << 20,
					     });
	return r;
}

int app_new_tls(const struct settings *s, struct tls **out)
{
	struct tls *tls;
	int r = tls_new(&tls, s->tls_cert, s->tls_key);

	if (r == 0 && *s->tls_client_ca) {
		r = tls_trust(tls, s->tls_client_ca, *s->tls_client_crl ? s->tls_client_crl : NULL);
		if (r < 0)
			tls_free(tls);
	}
	if (r == 0)
		*out = tls;
	return r;
}

static int host_new_all(struct app *app)
{
	const struct settings *s = &app->settings;
	int r = 0;

	app->plugin_dir = find_dir(s->plugins_dir, "plugins", SIGNALBOX_PLUGIN_DIR);
	app->console_dir = find_dir(s->http_console, "web/console", SIGNALBOX_CONSOLE_DIR);
	if (!app->plugin_dir || !app->console_dir)
		return -ENOMEM;
	if (*s->tls_cert)
		r = app_new_tls(s, &app->tls);
	if (r < 0)
		return r;
	r = host_new(&app->host,
	             &(struct host_config){
			     .plugin_dirs = (const char *const[]){ app->plugin_dir, NULL },
			     .data_dir = app->data,
			     .io_threads = (uint32_t)s->io_threads,
			     .streams = { .max_conns = (uint32_t)s->io_max_connections,
	                                  .reserved_fds = (uint32_t)s->http_max_clients +
	                                                  RESERVED_FILES,
	                                  .origins = s->http_origins },
			     .tls = app->tls,
			     .http_open = !config_is_loopback(s->http_listen) || s->http_insecure,
			     .allow_file = *s->plugins_allow ? s->plugins_allow : NULL,
		     });
	if (r == 0)
		r = docs_new(&app->docs, app->host);
	return r;
}

/* As much of the configuration as the process that proves a backup needs: what is in the backup,
 * not where ours lies. */
static int proof_sets(struct app *app)
{
	if (asprintf(&app->proof_sets[0], "plugins.dir=%s", app->plugin_dir) < 0)
		return -ENOMEM;
	if (*app->settings.plugins_allow &&
	    asprintf(&app->proof_sets[1], "plugins.allow=%s", app->settings.plugins_allow) < 0)
		return -ENOMEM;
	return 0;
}

static int runner_new_all(struct app *app)
{
	int r = proof_sets(app);

	return r < 0 ? r
	             : runner_new(&app->runner,
	                          &(struct runner_config){
					  .docs = app->docs,
					  .journal = app->journal,
					  .series = app->series,
					  .data = app->data,
					  .version = SIGNALBOX_VERSION,
					  .program = "/proc/self/exe",
					  .sets = (const char *const *)app->proof_sets,
					  .plan = live_backups(&app->settings),
				  });
}

static int api_new_all(struct app *app)
{
	const struct settings *s = &app->settings;

	return api_new(&app->api, &(struct api_config){
					  .data_dir = app->data,
					  .listen = s->http_listen,
					  .console_dir = app->console_dir,
					  .tls = app->tls,
					  .origins = s->http_origins,
					  .max_clients = (uint32_t)s->http_max_clients,
					  .zone = s->site_zone,
					  .provisioning = s->provisioning,
					  .host = app->host,
					  .docs = app->docs,
					  .journal = app->journal,
					  .catalog = app->catalog,
					  .series = app->series,
					  .registry = app->registry,
					  .users = app->users,
					  .ingest = app->ingest,
					  .runner = app->runner,
					  .platform = &reload_platform,
					  .platform_ud = app->reload,
				  });
}

/* --check and --help-config: as much is made as plugins look for when they are loaded; the disk is
 * not touched. */
static int answer(struct app *app, const struct args *args)
{
	log_init(LOG_LEVEL_WARN);
	int r = host_new_all(app);

	/* Only now, so that the host keeps no records of crashes there. */
	app->data = strdup(args->data);
	if (r == 0 && !app->data)
		r = -ENOMEM;
	if (r == 0)
		r = catalog_new(&app->catalog, journal_define_record, app);
	if (r == 0)
		r = registry_new_all(app);
	if (r == 0)
		r = run_check(app);
	if (r < 0)
		return args->check ? -EINVAL : r;
	if (args->explain)
		reference_print(app->host, app->conf);
	else
		(void)puts("configuration is good");
	return APP_DONE;
}

int app_init(struct app *app, const struct args *args)
{
	int r;

	log_init(LOG_LEVEL_INFO);
	(void)mallopt(M_ARENA_MAX,
	              2); /* many threads, little memory: sixteen arenas would sit idle */
	r = config_read(args, &app->conf, &app->settings);
	if (r < 0)
		return r;
	if (args->check || args->explain)
		return answer(app, args);
	log_init((enum log_level)app->settings.log_level);
	app_limit_descriptors(&app->settings);
	r = run_block_signals();
	if (r == 0)
		r = data_open(app, args->data);
	if (r == 0)
		r = room_init(app);
	if (r == 0)
		r = loop_new(&app->loop, "main");
	if (r == 0)
		r = host_new_all(app);
	if (r == 0)
		r = storage_new(app);
	if (r == 0)
		r = registry_new_all(app);
	if (r == 0)
		r = runner_new_all(app);
	if (r == 0)
		r = reload_new(&app->reload, app, args);
	if (r == 0)
		r = api_new_all(app);
	return r;
}

void app_fini(struct app *app)
{
	api_free(app->api);
	reload_free(app->reload);
	runner_free(app->runner);
	free(app->proof_sets[0]);
	free(app->proof_sets[1]);
	if (app->journal)
		journal_stop(app->journal); /* or it would recycle what owners let go */
	owners_free(app->owners);
	journal_free(app->journal);
	host_free(app->host);
	ingest_free(app->ingest);
	series_db_free(app->series);
	registry_free(app->registry);
	users_free(app->users);
	catalog_free(app->catalog);
	docs_free(app->docs);
	reserve_free(app->reserve);
	tls_free(app->tls);
	loop_free(app->loop);
	conf_free(app->conf);
	live_fini(app);
	settings_fini(&app->settings);
	free(app->plugin_dir);
	free(app->console_dir);
	free(app->journal_dir);
	free(app->data);
	closep(&app->lock_fd);
	*app = APP_NULL;
}
