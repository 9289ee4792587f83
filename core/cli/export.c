/* export: points as they are, into a file that goes on where it was cut. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64url.h"
#include "base/own.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/state.h"
#include "cli/when.h"

static const struct cli_option export_options[] = {
	{ "format", "F", "csv (default), jsonl or cbor" },
	{ "query", "WORDS", "devices, as device list has them; default: all" },
	{ "series", "NAME", "only these, * for any text; may stand several times" },
	{ "from", "TIME", "default: from the first value" },
	{ "to", "TIME", "default: to the last" },
	{ "times", "T", "iso (default) or ns since 1970" },
	{ "rx", NULL, "with the time of arrival" },
	{ "output", "FILE", "-o FILE; after a cut the same command goes on" },
	{ "force", NULL, "replace FILE" },
	{ NULL, NULL, NULL },
};

struct export
{
	struct cli *cli;
	json_t *asked;    /* the words of the command */
	json_t *params;   /* what they meant when it began */
	const char *path; /* NULL: standard output */
	char part[4096 + 32];
	struct state state;
	FILE *out;
	double points, bytes;
	struct state_progress progress;
};

/* ---- what is asked for */

static void json_freep(json_t **value)
{
	json_decref(*value);
}

static int take_times(struct cli *cli, json_t *params)
{
	static const char *const names[] = { "from", "to" };
	double ms;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *text = cli_option(cli, names[i], 0);

		if (text && when_parse(text, &ms) < 0)
			return cli_usage(cli, "--%s: '%s' is not a time", names[i], text);
		if (text)
			json_object_set_new(params, names[i], json_real(ms));
	}
	return CLI_OK;
}

/* The same words mean the same file: "1h" would be another time with each try. */
static json_t *asked_of(const struct cli *cli)
{
	static const char *const words[] = { "format", "query", "series", "from",
		                             "to",     "times", "rx" };
	json_t *asked = json_array();
	const char *text;

	for (int i = 0; i < cli->n_args; i++)
		json_array_append_new(asked, json_string(cli->args[i]));
	for (size_t k = 0; k < ARRAY_LEN(words); k++) {
		for (int i = 0; (text = cli_option(cli, words[k], i)); i++) {
			json_array_append_new(asked, json_string(words[k]));
			json_array_append_new(asked, json_string(text));
		}
	}
	return asked;
}

static int take_params(struct cli *cli, json_t *params)
{
	const char *format = cli_option(cli, "format", 0);
	const char *times = cli_option(cli, "times", 0);
	const char *query = cli_option(cli, "query", 0);
	const char *name;
	json_t *list = json_array();

	if (query && cli->n_args) {
		json_decref(list);
		return cli_usage(cli, "devices, or --query, not both");
	}
	for (int i = 0; i < cli->n_args; i++)
		json_array_append_new(list, json_string(cli->args[i]));
	if (cli->n_args)
		json_object_set(params, "devices", list);
	else
		json_object_set_new(params, "query", json_string(query ? query : ""));
	json_decref(list);
	list = json_array();
	for (int i = 0; (name = cli_option(cli, "series", i)); i++)
		json_array_append_new(list, json_string(name));
	if (json_array_size(list))
		json_object_set(params, "series", list);
	json_decref(list);
	if (format)
		json_object_set_new(params, "format", json_string(format));
	if (times)
		json_object_set_new(params, "times", json_string(times));
	if (cli_option(cli, "rx", 0))
		json_object_set_new(params, "rx", json_true());
	return take_times(cli, params);
}

/* ---- the file */

static int fail(const char *path, int r)
{
	fprintf(stderr, "signalbox: %s: %s\n", path, strerror(r < 0 ? -r : r));
	return CLI_FAILED;
}

/* What was written before the cut stays, if it belongs to the same question. */
static void go_on(struct export *ex)
{
	_own_(json_freep) json_t *was = state_read(&ex->state);
	const char *cursor = json_string_value(json_object_get(was, "cursor"));
	char text[40];

	json_t *params = json_object_get(was, "params");

	if (!cursor || !json_is_object(params) ||
	    !json_equal(json_object_get(was, "asked"), ex->asked))
		return;
	ex->bytes = json_number_value(json_object_get(was, "bytes"));
	ex->points = json_number_value(json_object_get(was, "points"));
	if (fseeko(ex->out, 0, SEEK_END) < 0 || (double)ftello(ex->out) < ex->bytes) {
		ex->bytes = ex->points = 0; /* the file is shorter than we left it */
		return;
	}
	json_object_update(ex->params, params);
	json_object_set_new(ex->params, "cursor", json_string(cursor));
	fprintf(stderr, "signalbox: going on behind %s points\n",
	        state_count(text, sizeof(text), ex->points));
}

static int open_part(struct export *ex)
{
	int n = snprintf(ex->part, sizeof(ex->part), "%s.part", ex->path);

	if (n < 0 || (size_t)n >= sizeof(ex->part) ||
	    state_init(&ex->state, ex->path, "resume") < 0)
		return fail(ex->path, ENAMETOOLONG);
	if (access(ex->path, F_OK) == 0 && !cli_option(ex->cli, "force", 0)) {
		fprintf(stderr, "signalbox: %s is there already; --force replaces it\n", ex->path);
		return CLI_CONFLICT;
	}
	ex->out = fopen(ex->part, "r+b");
	if (!ex->out)
		ex->out = fopen(ex->part, "w+b");
	if (!ex->out)
		return fail(ex->part, errno);
	go_on(ex);
	if (ftruncate(fileno(ex->out), (off_t)ex->bytes) < 0 ||
	    fseeko(ex->out, (off_t)ex->bytes, SEEK_SET) < 0)
		return fail(ex->part, errno);
	return CLI_OK;
}

/* First the bytes, then where they end: a cut between the two writes them once more. */
static int keep_state(struct export *ex)
{
	json_t *params = json_copy(ex->params);
	json_t *cursor = json_incref(json_object_get(params, "cursor"));

	json_object_del(params, "cursor");
	_own_(json_freep) json_t *value = json_pack("{s:O, s:o, s:o, s:f, s:f}", "asked", ex->asked,
	                                            "params", params, "cursor", cursor, "bytes",
	                                            ex->bytes, "points", ex->points);

	if (fflush(ex->out) != 0 || fdatasync(fileno(ex->out)) < 0)
		return fail(ex->part, errno);
	int r = state_write(&ex->state, value);

	return r < 0 ? fail(ex->state.path, r) : CLI_OK;
}

static int finish(struct export *ex)
{
	if (fflush(ex->out) != 0 || fsync(fileno(ex->out)) < 0 || rename(ex->part, ex->path) < 0)
		return fail(ex->path, errno);
	state_forget(&ex->state);
	return CLI_OK;
}

/* ---- pages */

static int write_data(struct export *ex, const json_t *answer)
{
	const json_t *data = json_object_get(answer, "data");
	const char *format = json_string_value(json_object_get(ex->params, "format"));
	const char *p = json_string_value(data);
	size_t n = json_string_length(data);
	_own_(freep) uint8_t *bytes = NULL;

	if (format && strcmp(format, "cbor") == 0) {
		bytes = malloc(n + 1);
		int64_t len = bytes ? base64url_take(bytes, n, sb_str_of(p, n)) : -ENOMEM;

		if (len < 0)
			return fail("the answer", EPROTO);
		p = (const char *)bytes;
		n = (size_t)len;
	}
	if (fwrite(p, 1, n, ex->out) != n)
		return fail(ex->path ? ex->part : "standard output", errno);
	ex->bytes += (double)n;
	ex->points += json_number_value(json_object_get(answer, "points"));
	return CLI_OK;
}

static void show_progress(struct export *ex, const json_t *answer)
{
	const json_t *at = json_object_get(answer, "at");
	char points[40], stamp[40] = "", device[140];

	if (at)
		show_stamp(stamp, sizeof(stamp), json_number_value(at));
	state_progress(&ex->progress, "%s points, %.1f MB, %s %.10s",
	               state_count(points, sizeof(points), ex->points), ex->bytes / 1e6,
	               show_text(device, sizeof(device), json_object_get(answer, "device")), stamp);
}

static int pages(struct export *ex)
{
	bool more = true;
	int r = CLI_OK;

	while (r == CLI_OK && more) {
		json_t *answer = NULL;

		r = cli_call(ex->cli, "telemetry.export", json_copy(ex->params), &answer);
		if (r == CLI_OK)
			r = write_data(ex, answer);
		json_t *cursor = json_object_get(answer, "cursor");

		more = cursor != NULL;
		if (r == CLI_OK && more) {
			json_object_set(ex->params, "cursor", cursor);
			r = ex->path ? keep_state(ex) : CLI_OK;
			show_progress(ex, answer);
		}
		json_decref(answer);
	}
	return r;
}

static void tell(const struct export *ex)
{
	char points[40];
	double s = state_progress_seconds(&ex->progress);

	fprintf(stderr, "%s points, %.1f MB in %.1f s\n",
	        state_count(points, sizeof(points), ex->points), ex->bytes / 1e6, s);
}

static int export_run(struct cli *cli)
{
	struct export ex = {
		.cli = cli, .asked = asked_of(cli), .params = json_object(), .out = stdout
	};
	int r = take_params(cli, ex.params);

	ex.path = cli_option(cli, "output", 0);
	if (ex.path && strcmp(ex.path, "-") == 0)
		ex.path = NULL;
	if (r == CLI_OK && ex.path)
		r = open_part(&ex);
	state_progress_begin(&ex.progress);
	ex.progress.is_on = ex.progress.is_on && ex.path;
	if (r == CLI_OK)
		r = pages(&ex);
	state_progress_end(&ex.progress);
	if (r == CLI_OK && ex.path)
		r = finish(&ex);
	if (r == CLI_OK && ex.path)
		tell(&ex);
	else if (r != CLI_OK && ex.path && ex.bytes > 0)
		fprintf(stderr, "signalbox: cut; the same command goes on from here\n");
	if (ex.path && ex.out)
		(void)fclose(ex.out);
	json_decref(ex.params);
	json_decref(ex.asked);
	return r;
}

const struct command export_commands[] = {
	{ "export", "[DEVICES...]", "Raw values as they are stored: CSV, JSON lines or CBOR.",
	  export_options, export_run, 0, -1 },
	{ 0 },
};
