#define LOG_MODULE "verify"
#include "prove.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "app.h"
#include "args.h"
#include "backup/files.h"
#include "backup/restore.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "host/docs.h"
#include "journal/journal.h"
#include "registry/registry.h"
#include "run.h"
#include "series/catalog.h"
#include "series/series.h"

#define STEP_NS    (100 * NS_PER_MS)
#define CHUNKS_ALL 20 /* damaged ones that are told one by one */

struct proof {
	const struct args *args;
	struct app app;
	char *scratch; /* a folder beside the backup, or of temporary files */
	char *data;    /* in it */
	struct restore restore;
	int64_t told_ns;
	const char *what;
	uint64_t faults;
};

static void __attribute__((format(printf, 2, 3))) fault(struct proof *p, const char *format, ...)
{
	va_list ap;

	p->faults++;
	(void)fputs("fault ", stdout);
	va_start(ap, format);
	(void)vprintf(format, ap);
	va_end(ap);
	(void)putchar('\n');
	(void)fflush(stdout);
}

static void on_fault(void *ud, const char *text)
{
	fault(ud, "%s", text);
}

static void on_step(void *ud, uint64_t done, uint64_t all)
{
	struct proof *p = ud;
	int64_t now = clock_mono();

	if (now - p->told_ns < STEP_NS)
		return;
	p->told_ns = now;
	(void)printf("step %s %" PRIu64 " %" PRIu64 "\n", p->what, done, all);
	(void)fflush(stdout);
}

static void count(const char *name, uint64_t n)
{
	(void)printf("count %s %" PRIu64 "\n", name, n);
}

/* ---- a folder to work in: beside the backup, so that blocks can be linked */

static int make_scratch(struct proof *p)
{
	const char *tmp = getenv("TMPDIR");
	char *from = strdup(p->args->verify);
	size_t n = from ? strlen(from) : 0;

	while (n > 1 && from[n - 1] == '/')
		from[--n] = '\0';
	int made = from ? asprintf(&p->scratch, "%s.scratch", from) : -1;

	free(from);
	if (made < 0)
		return -ENOMEM;
	(void)files_remove(p->scratch);
	if (mkdir(p->scratch, 0700) < 0) {
		free(p->scratch);
		if (asprintf(&p->scratch, "%s/signalbox-verify-XXXXXX", tmp ? tmp : "/tmp") < 0)
			return -ENOMEM;
		if (!mkdtemp(p->scratch)) {
			int r = -errno;
			fault(p, "cannot make a scratch folder %s: %s", p->scratch, sb_strerror(r));
			return r;
		}
	}
	if (asprintf(&p->data, "%s/data", p->scratch) < 0 || mkdir(p->data, 0700) < 0)
		return -ENOMEM;
	return 0;
}

/* ---- steps */

static int restore(struct proof *p)
{
	p->what = "files";
	p->restore = (struct restore){
		.from = p->args->verify, .link = true, .fault = on_fault, .step = on_step, .ud = p
	};
	int r = restore_into(&p->restore, p->data);

	if (r < 0 && !p->faults)
		fault(p, "%s: %s", p->args->verify, sb_strerror(r));
	return r;
}

/* What of the log is worth telling; the reason of a failure stands there. */
static int open_all(struct proof *p, struct run_opened *opened)
{
	struct args args = *p->args;
	sigset_t set;

	p->what = "journal";
	args.config = NULL;
	args.data = p->data;
	args.verify = NULL;
	int r = app_init(&p->app, &args);

	/* Whoever waits for us may end us. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	if (r == 0)
		r = run_open(&p->app, opened);
	if (r < 0)
		fault(p,
		      "the platform cannot open what is in it: %s (its reasons are in the log "
		      "above)",
		      sb_strerror(r));
	return r;
}

static void compare(struct proof *p, const char *what, uint64_t want, uint64_t have)
{
	count(what, have);
	if (want != have)
		fault(p, "%" PRIu64 " %s instead of %" PRIu64, have, what, want);
}

static void check_docs(struct proof *p)
{
	uint64_t want = p->restore.manifest.documents;
	uint64_t documents = 0;
	int r = docs_check(p->app.docs, &documents);

	/* Opening them may have written some that a platform which had just begun lacked. */
	if (r < 0)
		fault(p, "data/registry.db is damaged: %s", sb_strerror(r));
	else
		compare(p, "documents", want, documents > want ? want : documents);
}

static void on_damaged(void *ud, uint32_t stream, int64_t t_ns, const char *what)
{
	struct proof *p = ud;
	char when[32];

	if (p->faults >= CHUNKS_ALL)
		return;
	clock_show(when, sizeof(when), t_ns);
	fault(p, "a chunk of stream %u from %s: %s", stream, when, what);
}

static void on_broken(void *ud, const char *name, const char *what)
{
	const char *series = strstr(name, "/series/");

	fault(ud, "data%s cannot be read to its end: %s", series ? series : name, what);
}

static int on_chunks(void *ud, uint64_t done, uint64_t all)
{
	on_step(ud, done, all);
	return 0;
}

static void check_series(struct proof *p)
{
	const struct manifest *m = &p->restore.manifest;
	struct series_check check = {
		.damaged = on_damaged, .broken = on_broken, .step = on_chunks, .ud = p
	};

	p->what = "chunks";
	int r = series_db_check(p->app.series, &check);

	if (r < 0)
		fault(p, "the blocks cannot be read: %s", sb_strerror(r));
	compare(p, "blocks", m->blocks, check.blocks);
	compare(p, "chunks", m->chunks, check.chunks);
	if (r == 0 && check.read != check.chunks)
		fault(p, "%" PRIu64 " of %" PRIu64 " chunks can be reached", check.read,
		      check.chunks);
	if (check.bad)
		fault(p, "%" PRIu64 " of %" PRIu64 " chunks are damaged", check.bad, check.read);
}

static void check_journal(struct proof *p, const struct run_opened *opened)
{
	const struct manifest *m = &p->restore.manifest;
	uint64_t seq = journal_seq(p->app.journal);

	compare(p, "records", m->records, opened->records);
	if (m->records && seq != m->seq)
		fault(p, "the journal ends with record %" PRIu64 " instead of %" PRIu64, seq,
		      m->seq);
}

static uint64_t count_devices(struct proof *p)
{
	uint32_t no = 0;
	uint64_t n = 0;

	while (registry_next(p->app.registry, &no))
		n++;
	return n;
}

static void prove(struct proof *p)
{
	struct run_opened opened = { 0 };

	if (restore(p) < 0)
		return;
	if (open_all(p, &opened) == 0) {
		check_docs(p);
		check_journal(p, &opened);
		check_series(p);
		count("devices", count_devices(p));
		count("files", p->restore.manifest.n);
		count("bytes", p->restore.manifest.bytes);
	}
	if (p->app.host)
		run_close(&p->app);
}

int prove_run(const struct args *args)
{
	struct proof p = { .args = args, .app = APP_NULL };

	log_init(LOG_LEVEL_WARN);
	if (make_scratch(&p) == 0)
		prove(&p);
	else if (!p.faults)
		fault(&p, "cannot make a scratch folder");
	app_fini(&p.app);
	if (p.scratch && files_remove(p.scratch) < 0)
		(void)log_warn(0, "cannot remove %s", p.scratch);
	restore_fini(&p.restore);
	free(p.scratch);
	free(p.data);
	(void)puts(p.faults ? "bad" : "good");
	return p.faults ? EXIT_FAILURE : EXIT_SUCCESS;
}
