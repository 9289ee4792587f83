/* backup create | status | cancel | verify | restore. Creating is the platform's work; verifying
 * and restoring need none to run. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backup/prover.h"
#include "backup/restore.h"
#include "base/own.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"

#define POLL_NS 150000000
#define MIB     1048576.0

/* ---- how far it is, on a terminal only */

static void progress(const char *what, uint64_t done, uint64_t all)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (all)
		fprintf(stderr, "\r\033[K%s %3.0f %%", what, 100.0 * (double)done / (double)all);
	else
		fprintf(stderr, "\r\033[K%s", what);
}

static void progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* ---- create */

static uint64_t number_of(const json_t *object, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Until it is not under way any more; *run gets a reference. */
static int wait_for(struct cli *cli, uint64_t id, json_t **run)
{
	for (;;) {
		const struct timespec pause = { 0, POLL_NS };
		json_t *answer = NULL;
		int r = cli_call(cli, "backup.status", NULL, &answer);
		json_t *now = json_object_get(answer, "run");

		if (r != CLI_OK)
			return r;
		if (number_of(now, "id") != id || !json_is_true(json_object_get(now, "running"))) {
			*run = json_incref(now);
			json_decref(answer);
			progress_end();
			return CLI_OK;
		}
		progress(text_of(now, "phase"), number_of(now, "done"), number_of(now, "all"));
		json_decref(answer);
		(void)nanosleep(&pause, NULL);
	}
}

static int show_run(const struct cli *cli, const json_t *run)
{
	const char *error = text_of(run, "error");

	if (cli->json)
		show_json(run);
	if (*error) {
		fprintf(stderr, "signalbox: %s\n", error);
		return CLI_FAILED;
	}
	if (!cli->json)
		printf("%s: %.1f MiB, of blocks %.1f copied and %.1f linked; %llu documents, "
		       "%llu blocks, %llu journal records, %.1f s\n",
		       text_of(run, "to"), (double)number_of(run, "bytes") / MIB,
		       (double)number_of(run, "bytes_copied") / MIB,
		       (double)number_of(run, "bytes_linked") / MIB,
		       (unsigned long long)number_of(run, "documents"),
		       (unsigned long long)number_of(run, "blocks"),
		       (unsigned long long)number_of(run, "records"),
		       (double)number_of(run, "took_ms") / 1000);
	return CLI_OK;
}

/* The platform has another working directory. A name without a slash goes to backup.directory, when
 * that is not this machine's data directory. */
static int absolute(const struct cli *cli, const char *path, char *out, size_t cap)
{
	char here[PATH_MAX];

	if (*path == '/' || (!strchr(path, '/') && !cli->data[0]))
		return snprintf(out, cap, "%s", path) < (int)cap ? 0 : -ENAMETOOLONG;
	if (!getcwd(here, sizeof(here)))
		return -errno;
	return snprintf(out, cap, "%s/%s", here, path) < (int)cap ? 0 : -ENAMETOOLONG;
}

static int create(struct cli *cli)
{
	json_t *params = json_object();
	json_t *answer = NULL;
	json_t *run = NULL;
	char to[PATH_MAX];

	if (cli->n_args) {
		int r = absolute(cli, cli->args[0], to, sizeof(to));
		size_t n = strlen(to);

		if (r < 0) {
			json_decref(params);
			return cli_usage(cli, "'%s': %s", cli->args[0], strerror(-r));
		}
		while (n > 1 && to[n - 1] == '/')
			to[--n] = '\0';
		json_object_set_new(params, "to", json_string(to));
	}
	int r = cli_call(cli, "backup.create", params, &answer);

	if (r == CLI_OK && cli_option(cli, "no-wait", 0))
		show_json(answer);
	else if (r == CLI_OK)
		r = wait_for(cli, number_of(answer, "id"), &run);
	if (r == CLI_OK && run)
		r = show_run(cli, run);
	json_decref(run);
	json_decref(answer);
	return r;
}

static int status(struct cli *cli)
{
	json_t *answer = NULL;
	int r = cli_call(cli, "backup.status", NULL, &answer);
	const json_t *plan = json_object_get(answer, "plan");
	const json_t *run = json_object_get(answer, "run");
	char stamp[40];

	if (r == CLI_OK && cli->json) {
		show_json(answer);
	} else if (r == CLI_OK) {
		printf("%-10s %s\n", "plan", text_of(plan, "state"));
		if (json_object_get(plan, "directory"))
			printf("%-10s %s\n", "directory", text_of(plan, "directory"));
		if (json_object_get(plan, "proved"))
			printf("%-10s %s, proved\n", "newest", text_of(plan, "newest"));
		if (json_object_get(plan, "next"))
			printf("%-10s %s\n", "next",
			       show_stamp(stamp, sizeof(stamp),
			                  json_number_value(json_object_get(plan, "next"))));
		if (json_object_get(plan, "error"))
			printf("%-10s %s\n", "error", text_of(plan, "error"));
		if (json_is_true(json_object_get(run, "running")))
			printf("%-10s %s: %s %llu of %llu\n", "under way", text_of(run, "to"),
			       text_of(run, "phase"), (unsigned long long)number_of(run, "done"),
			       (unsigned long long)number_of(run, "all"));
	}
	json_decref(answer);
	return r;
}

static int cancel(struct cli *cli)
{
	json_t *answer = NULL;
	int r = cli_call(cli, "backup.status", NULL, &answer);
	const json_t *run = json_object_get(answer, "run");

	if (r == CLI_OK && !json_is_true(json_object_get(run, "running"))) {
		fputs("signalbox: no backup is under way\n", stderr);
		r = CLI_NOT_FOUND;
	} else if (r == CLI_OK) {
		r = cli_change(cli, "backup.cancel",
		               json_pack("{s:I}", "id", (json_int_t)number_of(run, "id")),
		               "cancelled");
	}
	json_decref(answer);
	return r;
}

/* ---- verify: signalboxd does it, in a process of its own */

struct verifying {
	bool json;
	json_t *counts, *faults;
};

static void on_line(void *ud, const char *line)
{
	struct verifying *v = ud;
	char what[64];
	unsigned long long a = 0;
	unsigned long long b = 0;

	if (sscanf(line, "step %63s %llu %llu", what, &a, &b) == 3) {
		progress(what, a, b);
	} else if (sscanf(line, "count %63s %llu", what, &a) == 2) {
		json_object_set_new(v->counts, what, json_integer((json_int_t)a));
	} else if (strncmp(line, "fault ", 6) == 0) {
		progress_end();
		json_array_append_new(v->faults, json_string(line + 6));
		if (!v->json)
			printf("wrong: %s\n", line + 6);
	}
}

/* Beside us, where it was built or installed; else wherever the shell finds it. */
static const char *find_daemon(char *buf, size_t cap)
{
	static const char *const places[] = { "signalboxd", "../signalboxd", "../sbin/signalboxd" };
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n <= 0)
		return "signalboxd";
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (slash)
		*slash = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (snprintf(buf, cap, "%s/%s", exe, places[i]) < (int)cap &&
		    access(buf, X_OK) == 0)
			return buf;
	return "signalboxd";
}

static void show_good(const struct cli *cli, const char *path, const json_t *counts)
{
	const char *name;
	json_t *value;
	const char *comma = "";

	(void)cli;
	printf("%s is good:", path);
	json_object_foreach((json_t *)(uintptr_t)counts, name, value)
	{
		printf("%s %lld %s", comma, (long long)json_integer_value(value), name);
		comma = ",";
	}
	puts("");
}

static int verify(struct cli *cli)
{
	char buf[PATH_MAX];
	struct verifying v = { cli->json, json_object(), json_array() };
	struct prover p = { .program = find_daemon(buf, sizeof(buf)), .line = on_line, .ud = &v };
	int r = prover_run(&p, cli->args[0]);

	progress_end();
	if (cli->json) {
		json_t *all = json_pack("{s:b, s:O, s:O}", "good", r == 0, "counts", v.counts,
		                        "faults", v.faults);
		show_json(all);
		json_decref(all);
	} else if (r == 0) {
		show_good(cli, cli->args[0], v.counts);
	}
	if (r < 0 && json_array_size(v.faults) == 0)
		fprintf(stderr, "signalbox: %s\n", p.why);
	else if (r < 0)
		fprintf(stderr, "signalbox: %s is not good\n", cli->args[0]);
	json_decref(v.counts);
	json_decref(v.faults);
	return r == 0 ? CLI_OK : CLI_FAILED;
}

/* ---- restore */

static void on_fault(void *ud, const char *text)
{
	(void)ud;
	progress_end();
	fprintf(stderr, "signalbox: %s\n", text);
}

static void on_step(void *ud, uint64_t done, uint64_t all)
{
	uint64_t *told = ud;

	if (all && done * 200 / all == *told)
		return;
	*told = all ? done * 200 / all : 0;
	progress("restoring", done, all);
}

static int restore(struct cli *cli)
{
	const char *data = cli_option(cli, "data", 0);
	uint64_t told = UINT64_MAX;
	struct restore re = {
		.from = cli->args[0], .fault = on_fault, .step = on_step, .ud = &told
	};

	if (!data)
		return cli_usage(cli, "--data says where to");
	int r = restore_run(&re, data);

	progress_end();
	if (r == 0 && cli->json) {
		json_t *done = json_pack("{s:s, s:I, s:I}", "data", data, "bytes",
		                         (json_int_t)re.manifest.bytes, "seq",
		                         (json_int_t)re.manifest.seq);
		show_json(done);
		json_decref(done);
	} else if (r == 0) {
		printf("%s: %.1f MiB in %zu files, up to journal record %llu\n", data,
		       (double)re.manifest.bytes / MIB, re.manifest.n,
		       (unsigned long long)re.manifest.seq);
	} else {
		fprintf(stderr, "signalbox: %s was not restored\n", data);
	}
	restore_fini(&re);
	if (r == -EEXIST)
		return CLI_CONFLICT;
	return r == 0 ? CLI_OK : CLI_FAILED;
}

static const struct cli_option create_options[] = {
	{ "no-wait", NULL, "begin only" },
	{ 0 },
};

const struct command backup_commands[] = {
	{ "backup create", "[DIR|FILE.tar]",
	  "A copy of everything while the platform runs; without a name the next one of the plan.",
	  create_options, create, 0, 1 },
	{ "backup status", "", "The backup that is under way, and those made by plan.", NULL,
	  status, 0, 0 },
	{ "backup cancel", "", "Ends the backup that is under way; nothing of it stays.", NULL,
	  cancel, 0, 0 },
	{ "backup verify", "DIR|FILE.tar",
	  "Restores a backup aside, opens it, reads everything, and says what is wrong.", NULL,
	  verify, 1, 1 },
	{ "backup restore", "DIR|FILE.tar",
	  "Makes the data directory --data of a backup; never overwrites one.", NULL, restore, 1,
	  1 },
	{ 0 },
};
