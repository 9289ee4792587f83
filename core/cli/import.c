/* import: points of a file, a part at a time; each part is on disk before the next is sent. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base64url.h"
#include "base/own.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/state.h"

#define PART_MAX   (512u << 10) /* of text; a message has 1 MiB at most, and JSON escapes grow */
#define HEADER_MAX 65536
#define TRIES      40 /* while storage is not available */

static const struct cli_option import_options[] = {
	{ "format", "F", "csv, jsonl or cbor; default: by the name of the file" },
	{ "dry-run", NULL, "only look: counts, and what is wrong by line" },
	{ "device", "ID", "whose values, where the file names no device" },
	{ "unknown", "WHAT", "devices that do not exist: refuse (default), skip or create" },
	{ "skip-bad", NULL, "leave out what is wrong; else it ends there" },
	{ "restart", NULL, "from the beginning, although it was cut before" },
	{ NULL, NULL, NULL },
};

struct import {
	struct cli *cli;
	const char *path; /* "-": standard input */
	const char *format;
	FILE *in;
	struct state state;
	bool keeps, dry;
	json_t *columns; /* CSV: the first line */
	uint8_t *part;
	size_t n; /* bytes in it */
	bool last;
	double size, offset, begun; /* of the file; 0: not known */
	double lines, records, points, bad, unknown, told;
	struct state_progress progress;
};

static int fail(const char *path, int r)
{
	fprintf(stderr, "signalbox: %s: %s\n", path, strerror(r < 0 ? -r : r));
	return CLI_FAILED;
}

/* ---- where it goes on */

static void json_freep(json_t **value)
{
	json_decref(*value);
}

static void keep_state(const struct import *im)
{
	if (!im->keeps)
		return;
	_own_(json_freep)
		json_t *value = json_pack("{s:f, s:f, s:f, s:f}", "size", im->size, "offset",
	                                  im->offset, "lines", im->lines, "points", im->points);

	/* Without it everything comes again, which changes nothing. */
	(void)state_write(&im->state, value);
}

static int go_on(struct import *im)
{
	_own_(json_freep) json_t *was = state_read(&im->state);
	double offset = json_number_value(json_object_get(was, "offset"));
	char text[40];

	if (!was || cli_option(im->cli, "restart", 0) || im->dry ||
	    json_number_value(json_object_get(was, "size")) != im->size || offset <= im->offset)
		return CLI_OK;
	if (fseeko(im->in, (off_t)offset, SEEK_SET) < 0)
		return fail(im->path, errno);
	im->offset = im->begun = offset;
	im->lines = json_number_value(json_object_get(was, "lines"));
	im->points = json_number_value(json_object_get(was, "points"));
	fprintf(stderr, "signalbox: going on behind line %s\n",
	        state_count(text, sizeof(text), im->lines));
	return CLI_OK;
}

/* ---- the file */

static const char *format_of(const struct import *im)
{
	const char *format = cli_option(im->cli, "format", 0);
	const char *dot = strrchr(im->path, '.');

	if (format)
		return format;
	if (dot && (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".ndjson") == 0))
		return "jsonl";
	return dot && (strcmp(dot, ".cbor") == 0 || strcmp(dot, ".cborseq") == 0) ? "cbor" : "csv";
}

static int header_take(struct import *im)
{
	_own_(freep) char *line = NULL;
	size_t cap = 0;
	ssize_t n = getline(&line, &cap, im->in);

	if (n <= 0)
		return ferror(im->in) ? fail(im->path, errno)
		                      : (fprintf(stderr, "signalbox: %s is empty\n", im->path),
		                         CLI_FAILED);
	im->columns = n <= HEADER_MAX ? json_stringn(line, (size_t)n) : NULL;
	if (!im->columns) {
		fprintf(stderr, "signalbox: %s: the first line does not name columns\n", im->path);
		return CLI_FAILED;
	}
	im->offset = (double)n;
	im->lines = 1;
	return CLI_OK;
}

static int open_file(struct import *im)
{
	struct stat st;
	bool piped = strcmp(im->path, "-") == 0;

	im->in = piped ? stdin : fopen(im->path, "rb");
	if (!im->in || fstat(fileno(im->in), &st) < 0)
		return fail(im->path, errno);
	if (S_ISREG(st.st_mode))
		im->size = (double)st.st_size;
	im->keeps = !piped && im->size > 0 && !im->dry &&
	            state_init(&im->state, im->path, "imported") == 0;
	int r = strcmp(im->format, "csv") == 0 ? header_take(im) : CLI_OK;

	return r == CLI_OK && !piped && im->size > 0 ? go_on(im) : r;
}

/* Fills the part up. */
static int part_read(struct import *im)
{
	im->n += fread(im->part + im->n, 1, PART_MAX - im->n, im->in);
	if (ferror(im->in))
		return fail(im->path, errno);
	im->last = feof(im->in) != 0;
	return CLI_OK;
}

/* ---- parts */

static json_t *params_of(const struct import *im, size_t n)
{
	json_t *params = json_pack("{s:s, s:b, s:b}", "format", im->format, "dry_run", im->dry,
	                           "skip_bad", cli_option(im->cli, "skip-bad", 0) != NULL);
	const char *device = cli_option(im->cli, "device", 0);
	const char *unknown = cli_option(im->cli, "unknown", 0);
	bool plain = strcmp(im->format, "cbor") != 0 && !memchr(im->part, 0, n);
	json_t *data = plain ? json_stringn((const char *)im->part, n) : NULL;

	if (!data) { /* bytes, or text that is none: the platform says in which line */
		_own_(freep) char *text = malloc(BASE64URL_LEN(n) + 1);
		size_t len = text ? base64url_put(text, (struct sb_bytes){ im->part, n }) : 0;

		data = json_stringn(text ? text : "", len);
		json_object_set_new(params, "encoding", json_string("base64url"));
	}
	json_object_set_new(params, "data", data);
	if (im->columns)
		json_object_set(params, "columns", im->columns);
	if (im->last && n == im->n)
		json_object_set_new(params, "last", json_true());
	if (device)
		json_object_set_new(params, "device", json_string(device));
	if (unknown)
		json_object_set_new(params, "unknown", json_string(unknown));
	return params;
}

static void tell_problems(struct import *im, const json_t *answer)
{
	const json_t *problems = json_object_get(answer, "problems");
	bool items = strcmp(im->format, "cbor") == 0;

	state_progress_end(&im->progress);
	for (size_t i = 0; i < json_array_size(problems) && im->told < 20; i++, im->told++) {
		const json_t *p = json_array_get(problems, i);
		double record = json_number_value(json_object_get(p, "record"));

		fprintf(stderr, "%s: %s %.0f: %s\n", im->path, items ? "item" : "line",
		        (items ? im->records : im->lines) + record,
		        json_string_value(json_object_get(p, "text")));
	}
}

static double number_of(const json_t *answer, const char *key)
{
	return json_number_value(json_object_get(answer, key));
}

/* 1: a problem ended it. */
static int answer_take(struct import *im, const json_t *answer, bool *stuck)
{
	size_t used = (size_t)number_of(answer, "used");
	double bad = number_of(answer, "bad");
	bool ended = json_is_true(json_object_get(answer, "ended"));

	if (bad > 0)
		tell_problems(im, answer);
	used = MIN(used, im->n);
	memmove(im->part, im->part + used, im->n - used);
	im->n -= used;
	im->offset += (double)used;
	/* The record that is wrong comes again, when somebody has mended it. */
	im->lines += number_of(answer, "lines") - ended;
	im->records += number_of(answer, "records") - ended;
	im->points += number_of(answer, "points");
	im->unknown += number_of(answer, "unknown_points");
	im->bad += bad;
	*stuck = used == 0 && im->n > 0;
	keep_state(im);
	return ended;
}

static void show_progress(struct import *im)
{
	char points[40], bar[21];
	double part = im->size > 0 ? im->offset / im->size : 0;
	double s = state_progress_seconds(&im->progress);
	double speed = s > 0 ? (im->offset - im->begun) / s : 0;
	int full = (int)(part * 20);

	for (int i = 0; i < 20; i++)
		bar[i] = i < full ? '#' : '.';
	bar[20] = '\0';
	state_count(points, sizeof(points), im->points);
	if (im->size > 0 && speed > 0)
		state_progress(&im->progress, "[%s] %3.0f %%  %s points, %.0f s left", bar,
		               part * 100, points, (im->size - im->offset) / speed);
	else
		state_progress(&im->progress, "%s points, %.1f MB", points, im->offset / 1e6);
}

/* What the platform cannot do now it can do later: nothing is lost by waiting. */
static int call_patiently(struct import *im, size_t n, json_t **answer)
{
	struct link_error error;
	int r = cli_connect(im->cli);

	for (int try = 0; r == CLI_OK; try++) {
		r = link_call(im->cli->link, "telemetry.import", params_of(im, n), answer, &error);
		if (r == 0)
			return CLI_OK;
		if (strcmp(error.name, "unavailable") != 0 || try == TRIES)
			return cli_refusal(&error);
		state_progress(&im->progress, "waiting: %s", error.text);
		(void)poll(NULL, 0, 500);
		r = CLI_OK;
	}
	return r;
}

/* Text that escapes a lot does not fit in one message: less of it goes. */
static size_t part_size(const struct import *im)
{
	size_t cost = 0;
	size_t i = 0;

	if (strcmp(im->format, "cbor") == 0)
		return im->n;
	for (; i < im->n && cost < 900000; i++)
		cost += im->part[i] < 0x20 && im->part[i] != '\n'                          ? 6
		        : im->part[i] == '"' || im->part[i] == '\\' || im->part[i] == '\n' ? 2
		                                                                           : 1;
	return i;
}

static size_t whole_characters(const struct import *im, size_t n)
{
	/* JSON text ends between characters. */
	for (int i = 0; i < 3 && n && n < im->n && (im->part[n] & 0xC0) == 0x80; i++)
		n--;
	return n;
}

static size_t text_end(const struct import *im)
{
	size_t n = im->n;
	int back = 0;

	if (im->last || strcmp(im->format, "cbor") == 0)
		return n;
	/* A character may be cut at the end of what was read. */
	while (back < 3 && n && (im->part[n - 1] & 0xC0) == 0x80) {
		n--;
		back++;
	}
	if (n && im->part[n - 1] >= 0xC0)
		return n - 1;
	return im->n;
}

static int parts(struct import *im)
{
	bool stuck = false;
	int r = CLI_OK;

	while (r == CLI_OK) {
		json_t *answer = NULL;

		r = part_read(im);
		if (r != CLI_OK || im->n == 0)
			break;
		size_t n = whole_characters(im, MIN(part_size(im), text_end(im)));

		r = call_patiently(im, n, &answer);
		int ended = r == CLI_OK ? answer_take(im, answer, &stuck) : 0;

		json_decref(answer);
		if (ended)
			return CLI_FAILED;
		if (r == CLI_OK && stuck) {
			fprintf(stderr, "signalbox: %s: a record is longer than 512 KiB\n",
			        im->path);
			return CLI_FAILED;
		}
		show_progress(im);
	}
	return r;
}

/* ---- the end */

static void tell(const struct import *im)
{
	char points[40], bad[40], unknown[40];
	double s = state_progress_seconds(&im->progress);

	fprintf(stderr, "%s points %s in %.1f s", state_count(points, sizeof(points), im->points),
	        im->dry ? "would be stored, looked at" : "stored", s);
	if (im->bad > 0)
		fprintf(stderr, "; %s records are wrong", state_count(bad, sizeof(bad), im->bad));
	if (im->unknown > 0)
		fprintf(stderr, "; %s points of devices that do not exist",
		        state_count(unknown, sizeof(unknown), im->unknown));
	fputc('\n', stderr);
	if (im->cli->json)
		printf("{\"points\": %.0f, \"bad\": %.0f, \"unknown_points\": %.0f, \"dry_run\": %s}\n",
		       im->points, im->bad, im->unknown, im->dry ? "true" : "false");
}

static int import_run(struct cli *cli)
{
	struct import im = { .cli = cli,
		             .path = cli->args[0],
		             .dry = cli_option(cli, "dry-run", 0) != NULL,
		             .part = malloc(PART_MAX) };

	im.format = format_of(&im);
	int r = im.part ? open_file(&im) : fail("memory", ENOMEM);

	state_progress_begin(&im.progress);
	if (r == CLI_OK)
		r = parts(&im);
	state_progress_end(&im.progress);
	if (im.points > 0 || r == CLI_OK)
		tell(&im);
	if (r == CLI_OK && im.keeps)
		state_forget(&im.state);
	else if (r != CLI_OK && im.keeps && im.offset > im.begun)
		fprintf(stderr, "signalbox: the same command goes on from here\n");
	if (im.in && im.in != stdin)
		(void)fclose(im.in);
	free(im.part);
	json_decref(im.columns);
	return r == CLI_OK && im.bad > 0 ? CLI_FAILED : r;
}

const struct command import_commands[] = {
	{ "import", "FILE",
	  "Values with their times from CSV, JSON lines or CBOR; - is standard input.",
	  import_options, import_run, 1, 1 },
	{ 0 },
};
