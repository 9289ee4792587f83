/* journal inspect: what the files of a journal hold, whether its platform runs or not. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/own.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "journal/inspect.h"
#include "model/record.h"

struct inspection {
	const struct cli *cli;
	struct show table;
	json_t *segments;
	uint64_t kinds[INSPECT_KINDS], kind_bytes[INSPECT_KINDS];
	bool newer;
};

static const char *const state_names[] = {
	[INSPECT_WHOLE] = "whole", [INSPECT_TAIL] = "tail",   [INSPECT_DAMAGED] = "damaged",
	[INSPECT_SPARE] = "spare", [INSPECT_NEWER] = "newer", [INSPECT_RECYCLED] = "recycled",
};

static void show_number(struct show *t, uint64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	show_cell(t, text);
}

static void add_kinds(const struct inspect_segment *s, json_t *to)
{
	for (int i = 0; i < INSPECT_KINDS; i++)
		if (s->kinds[i])
			json_object_set_new(to, inspect_kind((uint8_t)i),
			                    json_integer((json_int_t)s->kinds[i]));
}

static json_t *segment_json(const struct inspect_segment *s)
{
	json_t *kinds = json_object();

	add_kinds(s, kinds);
	return json_pack("{s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "name", s->name,
	                 "generation", (json_int_t)s->generation, "state", state_names[s->state],
	                 "size", (json_int_t)s->size, "first_seq", (json_int_t)s->first_seq,
	                 "last_seq", (json_int_t)s->last_seq, "records", (json_int_t)s->records,
	                 "bytes", (json_int_t)s->bytes, "end", (json_int_t)s->end_at, "kinds",
	                 kinds);
}

static void on_segment(void *ud, const struct inspect_segment *s)
{
	struct inspection *v = ud;
	bool holds = s->state != INSPECT_SPARE && s->state != INSPECT_NEWER;

	v->newer |= s->state == INSPECT_NEWER;
	for (int i = 0; i < INSPECT_KINDS; i++) {
		v->kinds[i] += s->kinds[i];
		v->kind_bytes[i] += s->kind_bytes[i];
	}
	if (v->cli->json) {
		json_array_append_new(v->segments, segment_json(s));
		return;
	}
	show_cell(&v->table, s->name);
	show_cell(&v->table, state_names[s->state]);
	if (!holds || !s->records) {
		show_cell(&v->table, holds ? "0" : NULL);
		show_cell(&v->table, NULL);
		show_cell(&v->table, NULL);
		show_cell(&v->table, NULL);
	} else {
		show_number(&v->table, s->records);
		show_number(&v->table, s->first_seq);
		show_number(&v->table, s->last_seq);
		show_number(&v->table, s->end_at);
	}
	show_number(&v->table, s->size);
}

/* The instance a record of a plugin belongs to. */
static struct sb_str owner_of(struct sb_bytes payload)
{
	struct cursor c = cursor_of(payload.p, payload.n);

	(void)cursor_take_u8(&c);
	(void)cursor_take_u8(&c);
	struct sb_str name = cursor_take_str(&c);

	return c.bad ? (struct sb_str){ 0 } : name;
}

static int on_record(void *ud, uint64_t seq, uint64_t at, struct sb_bytes payload)
{
	const struct inspection *v = ud;
	uint8_t kind = payload.n ? payload.p[0] : 0;
	struct sb_str owner = kind == RECORD_PLUGIN ? owner_of(payload) : (struct sb_str){ 0 };
	char escaped[160];
	json_t *name = json_stringn(owner.n ? owner.p : "", owner.n);

	if (v->cli->json) {
		json_t *one = json_pack("{s:I, s:s, s:I, s:I}", "seq", (json_int_t)seq, "kind",
		                        inspect_kind(kind), "at", (json_int_t)at, "bytes",
		                        (json_int_t)payload.n);
		if (owner.n && name)
			json_object_set(one, "owner", name);
		show_json(one);
		json_decref(one);
	} else {
		printf("%llu  %-10s at %llu  %zu bytes%s%s\n", (unsigned long long)seq,
		       inspect_kind(kind), (unsigned long long)at, payload.n, owner.n ? "  " : "",
		       owner.n && name ? show_text(escaped, sizeof(escaped), name) : "");
	}
	json_decref(name);
	return ferror(stdout) ? -EIO : 0;
}

/* A data directory, that of a backup, or the folder of the segments itself. */
static void find_folder(const struct cli *cli, char *out, size_t cap)
{
	static const char *const below[] = { "/journal", "/data/journal", "" };
	const char *given = cli->n_args ? cli->args[0] : cli->data;
	struct stat st;

	for (size_t i = 0; i < ARRAY_LEN(below); i++) {
		(void)snprintf(out, cap, "%s%s", given, below[i]);
		if (stat(out, &st) == 0 && S_ISDIR(st.st_mode))
			return;
	}
}

static void show_sums(const struct inspection *v, const struct inspect *in)
{
	printf("%llu records, %llu to %llu, in %llu segments; %llu spare\n",
	       (unsigned long long)in->records, (unsigned long long)in->first_seq,
	       (unsigned long long)in->last_seq, (unsigned long long)in->segments,
	       (unsigned long long)in->spares);
	for (int i = 0; i < INSPECT_KINDS; i++)
		if (v->kinds[i])
			printf("%-10s %llu records, %llu bytes\n", inspect_kind((uint8_t)i),
			       (unsigned long long)v->kinds[i],
			       (unsigned long long)v->kind_bytes[i]);
}

static void show_all(const struct inspection *v, const struct inspect *in)
{
	if (!v->cli->json) {
		show_sums(v, in);
		return;
	}
	json_t *all = json_pack("{s:O, s:I, s:I, s:I, s:I, s:b}", "segments", v->segments,
	                        "records", (json_int_t)in->records, "first_seq",
	                        (json_int_t)in->first_seq, "last_seq", (json_int_t)in->last_seq,
	                        "lost", (json_int_t)in->lost, "damaged", in->is_damaged);
	show_json(all);
	json_decref(all);
}

static int verdict(const struct inspection *v, const struct inspect *in)
{
	if (v->newer)
		fputs("signalbox: a segment was written by a newer version\n", stderr);
	if (in->lost)
		fprintf(stderr, "signalbox: %llu records are damaged or missing between segments\n",
		        (unsigned long long)in->lost);
	return in->is_damaged ? CLI_FAILED : CLI_OK;
}

static int inspect(struct cli *cli)
{
	bool records = cli_option(cli, "records", 0);
	struct inspection v = { .cli = cli };
	char dir[1024];
	struct inspect in = {
		.dir = dir, .segment = on_segment, .record = records ? on_record : NULL, .ud = &v
	};

	if (!cli->n_args && !cli->data[0])
		return cli_usage(cli, "--data or DIR says where the journal lies");
	find_folder(cli, dir, sizeof(dir));
	v.segments = json_array();
	if (!cli->json)
		show_begin(&v.table, "SEGMENT STATE RECORDS FIRST LAST END SIZE");
	int r = inspect_run(&in);

	show_end(&v.table);
	if (r < 0)
		fprintf(stderr, "signalbox: %s: %s\n", dir, sb_strerror(r));
	if (r == 0 && !(records && cli->json))
		show_all(&v, &in);
	if (r == 0)
		r = verdict(&v, &in);
	json_decref(v.segments);
	return r < 0 ? CLI_FAILED : r;
}

static const struct cli_option inspect_options[] = {
	{ "records", NULL, "list every record" },
	{ 0 },
};

const struct command journal_commands[] = {
	{ "journal inspect", "[DIR]",
	  "What a journal holds and whether it is whole; reads files only, of a running platform too.",
	  inspect_options, inspect, 0, 1 },
	{ 0 },
};
