#define LOG_MODULE "app"
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "api/api.h"
#include "app.h"
#include "backup/runner.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/own.h"
#include "config.h"
#include "host/docs.h"
#include "host/host.h"
#include "ingest/ingest.h"
#include "journal/journal.h"
#include "journal/owners.h"
#include "model/record.h"
#include "notify.h"
#include "registry/registry.h"
#include "registry/users.h"
#include "reload.h"
#include "series/catalog.h"
#include "series/series.h"

#define DRAIN_NS (10 * NS_PER_S)

struct service {
	struct app *app;
	struct watch signals;
	struct timer tick;
};

static const sigset_t *signals_taken(void)
{
	static sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGPIPE);
	return &set;
}

int run_block_signals(void)
{
	int r = pthread_sigmask(SIG_BLOCK, signals_taken(), NULL);
	return r ? -r : 0;
}

/* ---- start */

struct replay {
	struct app *app;
	struct run_opened *out;
};

static int replay_record(void *ud, uint64_t seq, struct sb_bytes payload)
{
	struct replay *replay = ud;
	struct app *app = replay->app;

	replay->out->records++;
	int r = owners_note(app->owners, seq, payload);
	if (r < 0)
		return r;
	if (!payload.n)
		return 0;
	switch (payload.p[0]) {
	case RECORD_SERIES:
		return catalog_apply(app->catalog, payload);
	case RECORD_DEVICE:
		return registry_apply(app->registry, payload);
	case RECORD_POINTS:
	case RECORD_DELETE:
		return seq > replay->out->in_blocks ? series_db_replay(app->series, seq, payload)
		                                    : 0;
	default:
		return 0;
	}
}

static int storage_open(struct app *app, struct run_opened *out)
{
	struct replay replay = { .app = app, .out = out };
	int r = host_start(app->host, "sb.docstore/1");

	if (r == 0)
		r = docs_attach(app->docs);
	if (r == SB_E_NOT_FOUND)
		return log_error(r, "no plugin stores documents: is store-sqlite in %s?",
		                 app->plugin_dir);
	if (r == 0)
		r = registry_load(app->registry);
	if (r == 0)
		r = catalog_load(app->catalog, app->docs);
	if (r == 0)
		r = users_load(app->users);
	if (r == 0)
		r = host_start(app->host, "sb.store/1");
	if (r == 0)
		r = series_db_attach(app->series, &out->in_blocks);
	if (r == 0)
		r = journal_replay(app->journal, 0, replay_record, &replay);
	if (r < 0)
		return log_error(r, "cannot bring back what is stored in %s", app->data);
	if (journal_seq(app->journal) < out->in_blocks) {
		/* Numbers that were in use would be taken for what blocks hold already. */
		log_warn(0, "the journal ends before what blocks hold: numbers go on behind it");
		r = journal_replay(app->journal, out->in_blocks, NULL, NULL);
	}
	return r;
}

static int storage_start(struct app *app)
{
	struct run_opened opened = { 0 };
	int64_t begin = clock_mono();
	int r = storage_open(app, &opened);

	if (r < 0)
		return r;
	app->is_loaded = true;
	journal_checkpoint(app->journal, opened.in_blocks);
	log_info("journal replayed: %llu records in %lld ms", (unsigned long long)opened.records,
	         (long long)((clock_mono() - begin) / NS_PER_MS));
	r = series_db_start(app->series);
	if (r == 0)
		r = journal_start(app->journal);
	return r;
}

int run_check(struct app *app)
{
	int r = config_place_stores(app->conf, app->data);

	if (r == 0)
		r = host_load(app->host);
	if (r < 0)
		return r;
	r = config_check_sections(app->conf, app->host);
	int faulty = host_check(app->host, app->conf);

	return r < 0 ? r : faulty;
}

static int first_user(struct app *app)
{
	int r = users_first(app->users, app->first_password);

	if (r < 0)
		return log_error(r, "cannot make the first user");
	if (r == 0)
		(void)fprintf(stderr,
		              "\n  First start: log in as admin with the one-time password %s\n"
		              "  and choose your own. It is shown only now.\n\n",
		              app->first_password);
	explicit_bzero(app->first_password, sizeof(app->first_password));
	return 0;
}

static int configure(struct app *app)
{
	int r = config_place_stores(app->conf, app->data);

	if (r == 0)
		r = host_load(app->host);
	if (r == 0)
		r = config_check_sections(app->conf, app->host);
	return r < 0 ? r : host_configure(app->host, app->conf);
}

int run_open(struct app *app, struct run_opened *out)
{
	int r = configure(app);

	*out = (struct run_opened){ 0 };
	return r < 0 ? r : storage_open(app, out);
}

void run_close(struct app *app)
{
	host_stop(app->host, NULL, clock_mono() + DRAIN_NS);
}

static int start(struct app *app)
{
	char http[128];
	char others[512] = "";
	int r = configure(app);

	if (r == 0)
		r = storage_start(app);
	if (r == 0)
		r = first_user(app);
	if (r == 0)
		r = api_start(app->api, http, sizeof(http));
	if (r == 0)
		r = host_start(app->host, "sb.codec/1");
	if (r == 0)
		r = host_start(app->host, NULL);
	if (r == 0)
		r = runner_start(app->runner);
	if (r < 0)
		return r;
	api_ready(app->api, 1);
	(void)host_ready_text(app->host, others, sizeof(others));
	(void)printf("ready http=%s %spid=%d\n", http, others, (int)getpid());
	(void)fflush(stdout);
	notify_ready();
	return 0;
}

/* ---- service */

static void on_signal(struct watch *w, uint32_t events)
{
	struct service *service = container_of(w, struct service, signals);
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) {
			log_info("%s: finishing what is under way", strsignal((int)info.ssi_signo));
			loop_stop(service->app->loop);
		} else if (info.ssi_signo == SIGHUP) {
			reload_signalled(service->app->reload);
		}
	}
}

static void on_tick(struct timer *t)
{
	struct service *service = container_of(t, struct service, tick);

	host_poll(service->app->host);
	ingest_look(service->app->ingest);
	notify_alive();
}

static int serve(struct app *app)
{
	struct service service = { .app = app };
	_own_(closep) int fd = signalfd(-1, signals_taken(), SFD_NONBLOCK | SFD_CLOEXEC);
	int r;

	if (fd < 0)
		return log_error(-errno, "cannot take signals");
	service.signals = (struct watch){ .fd = fd, .fn = on_signal };
	service.tick.fn = on_tick;
	r = loop_watch(app->loop, &service.signals, EPOLLIN);
	if (r < 0)
		return r;
	loop_timer(app->loop, &service.tick, NS_PER_S, NS_PER_S);
	reload_open(app->reload);
	r = loop_run(app->loop);
	timer_end(&service.tick);
	(void)loop_watch(app->loop, &service.signals, 0);
	return r;
}

/* ---- stop: sources first, so that what they took is on disk before storage ends */

static void stop(struct app *app)
{
	int64_t deadline = clock_mono() + DRAIN_NS;

	notify_stopping();
	api_ready(app->api, 0);
	runner_stop(app->runner);
	host_stop(app->host, "sb.source/1", deadline);
	api_stop(app->api);
	host_stop(app->host, "sb.codec/1", deadline);
	journal_stop(app->journal);
	series_db_stop(app->series);
	if (app->is_loaded) {
		(void)registry_save(app->registry);
		(void)catalog_save(app->catalog, app->docs);
	}
	host_stop(app->host, NULL, deadline);
	log_info("stopped");
}

int app_run(struct app *app)
{
	int r = start(app);

	if (r == 0)
		r = serve(app);
	stop(app);
	return r;
}
