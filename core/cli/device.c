/* device …: the registry. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/own.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/prompt.h"
#include "cli/show.h"

#define PEM_MAX 16384

static json_t *at(const json_t *object, const char *key)
{
	return json_object_get(object, key);
}

/* ---- list */

static void list_row(struct show *t, const json_t *d, int64_t now_ms)
{
	const json_t *fates = at(d, "fates");
	const json_t *fresh = at(d, "fresh");
	json_int_t bad = json_integer_value(at(at(fates, "quarantined"), "count")) +
	                 json_integer_value(at(at(fates, "refused"), "count"));
	char text[32];

	show_value(t, at(d, "id"));
	show_value(t, at(d, "state"));
	show_cell(t, at(d, "session_since") ? "open" : "-");
	show_cell(t, !fresh ? "-" : json_is_true(fresh) ? "fresh" : "late");
	show_ago(t, at(d, "data"), now_ms);
	show_value(t, at(d, "series"));
	show_value(t, at(at(fates, "accepted"), "count"));
	snprintf(text, sizeof(text), "%lld", (long long)bad);
	show_cell(t, text);
	show_value(t, at(d, "name"));
	show_value(t, at(d, "site"));
}

static void list_page(const struct cli *cli, struct show *t, const json_t *devices)
{
	int64_t now_ms = clock_utc() / NS_PER_MS;

	if (cli->json) {
		show_lines(devices);
		return;
	}
	for (size_t i = 0; i < json_array_size(devices); i++)
		list_row(t, json_array_get(devices, i), now_ms);
}

static int device_list(struct cli *cli)
{
	char query[512] = "";
	json_t *cursor = NULL;
	struct show t;
	size_t n = 0;
	int r;

	for (int i = 0; i < cli->n_args && n < sizeof(query); i++)
		n += (size_t)snprintf(query + n, sizeof(query) - n, "%s%s", i ? " " : "",
		                      cli->args[i]);
	if (n >= sizeof(query))
		return cli_usage(cli, "the query is too long");
	show_begin(&t, "ID STATE SESSION DATA LAST SERIES POINTS BAD NAME SITE");
	do {
		json_t *page = NULL;
		json_t *params = json_pack("{s:s, s:i}", "query", query, "limit", 1000);

		if (cursor)
			json_object_set_new(params, "cursor", steal(cursor));
		r = cli_call(cli, "device.list", params, &page);
		if (r == CLI_OK)
			list_page(cli, &t, at(page, "devices"));
		cursor = json_incref(at(page, "cursor"));
		json_decref(page);
	} while (r == CLI_OK && cursor);
	json_decref(cursor);
	t.bare = cli->json || r != CLI_OK;
	show_end(&t);
	return r;
}

/* ---- show */

static void line_value(const char *label, const json_t *value)
{
	char text[600];

	if (value && !(json_is_string(value) && json_string_length(value) == 0))
		printf("  %-12s %s\n", label, show_text(text, sizeof(text), value));
}

static void line_time(const char *label, const json_t *ms, const char *none)
{
	char text[64];

	printf("  %-12s %s\n", label,
	       json_is_number(ms) ? show_stamp(text, sizeof(text), json_number_value(ms)) : none);
}

static void line_seconds(const char *label, const json_t *ms)
{
	if (json_is_number(ms))
		printf("  %-12s %.3g s\n", label, json_number_value(ms) / 1000);
}

static void show_facts(const json_t *detail)
{
	const json_t *d = at(detail, "device");
	char id[600];
	char tag[200];

	printf("%s  %s\n", show_text(id, sizeof(id), at(d, "id")),
	       json_string_value(at(d, "state")));
	line_value("name", at(d, "name"));
	line_value("model", at(d, "model"));
	line_value("site", at(d, "site"));
	for (size_t i = 0; i < json_array_size(at(d, "tags")); i++)
		printf("  %-12s %s\n", i ? "" : "tags",
		       show_text(tag, sizeof(tag), json_array_get(at(d, "tags"), i)));
	line_value("revision", at(d, "rev"));
	line_time("created", at(d, "created"), "-");
	line_time("session", at(d, "session_since"), "none");
	line_time("seen", at(d, "seen"), "never");
	line_time("data", at(d, "data"), "never");
	line_seconds("interval", at(d, "interval"));
	line_value("fresh", at(d, "fresh"));
	line_seconds("clock off by", at(detail, "clock_offset"));
	line_value("credential", at(detail, "credential_kind"));
	if (json_string_length(at(detail, "next_credential")) &&
	    strcmp(json_string_value(at(detail, "next_credential")), "none") != 0)
		line_value("next one", at(detail, "next_credential"));
}

static void show_fates(const json_t *fates)
{
	struct show t;
	const char *name;
	json_t *fate;

	show_begin(&t, "FATE COUNT LAST REASON");
	json_object_foreach((json_t *)(uintptr_t)fates, name, fate)
	{
		show_cell(&t, name);
		show_value(&t, at(fate, "count"));
		show_time(&t, at(fate, "at"));
		show_value(&t, at(fate, "reason"));
	}
	puts("");
	show_end(&t);
}

static void show_series(const json_t *series)
{
	struct show t;

	show_begin(&t, "SERIES TYPE VALUE UNIT TIME QUALITY");
	for (size_t i = 0; i < json_array_size(series); i++) {
		const json_t *s = json_array_get(series, i);
		const json_t *latest = at(s, "latest");

		show_value(&t, at(s, "name"));
		show_value(&t, at(s, "type"));
		show_value(&t, at(latest, "value"));
		show_value(&t, at(s, "unit"));
		show_time(&t, at(latest, "ts"));
		show_value(&t, at(latest, "quality"));
	}
	puts("");
	show_end(&t);
}

static void show_quarantine(const json_t *list)
{
	struct show t;

	if (json_array_size(list) == 0)
		return;
	show_begin(&t, "QUARANTINED SUBJECT BYTES WHY BEGINS");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *q = json_array_get(list, i);

		show_time(&t, at(q, "at"));
		show_value(&t, at(q, "subject"));
		show_value(&t, at(q, "bytes"));
		show_value(&t, at(q, "why"));
		show_value(&t, at(q, "head"));
	}
	puts("");
	show_end(&t);
}

static int device_show(struct cli *cli)
{
	json_t *answer = NULL;
	int r = cli_call(cli, "device.get", json_pack("{s:s}", "id", cli->args[0]), &answer);
	const json_t *detail = at(answer, "device");

	if (r == CLI_OK && cli->json) {
		show_json(detail);
	} else if (r == CLI_OK) {
		show_facts(detail);
		show_fates(at(at(detail, "device"), "fates"));
		show_series(at(detail, "series"));
		show_quarantine(at(detail, "quarantine"));
	}
	json_decref(answer);
	return r;
}

/* ---- changes */

static const struct cli_option dry_options[] = {
	{ "dry-run", NULL, "check only" },
	{ NULL, NULL, NULL },
};

static const struct cli_option edit_options[] = {
	{ "name", "TEXT", "name for people" },
	{ "model", "TEXT", "model" },
	{ "site", "TEXT", "site" },
	{ "tag", "TAG", "a tag; give it again for more; all others go" },
	{ "password", "TEXT", "credential of the device; empty removes it" },
	{ "state", "STATE", "active or suspended (update only)" },
	{ "if-rev", "N", "refuse if it changed since this revision (update, remove)" },
	{ "dry-run", NULL, "check only" },
	{ NULL, NULL, NULL },
};

static json_t *edit_params(const struct cli *cli)
{
	static const char *const texts[] = { "name", "model", "site", "password", "state" };
	json_t *params = json_pack("{s:s}", "id", cli->args[0]);
	const char *rev = cli_option(cli, "if-rev", 0);

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (cli_option(cli, texts[i], 0))
			json_object_set_new(params, texts[i],
			                    json_string(cli_option(cli, texts[i], 0)));
	if (cli_option(cli, "tag", 0)) {
		json_t *tags = json_array();

		for (int i = 0; cli_option(cli, "tag", i); i++)
			if (cli_option(cli, "tag", i)[0])
				json_array_append_new(tags, json_string(cli_option(cli, "tag", i)));
		json_object_set_new(params, "tags", tags);
	}
	if (rev)
		json_object_set_new(params, "if_rev", json_integer(strtoll(rev, NULL, 10)));
	if (cli_option(cli, "dry-run", 0))
		json_object_set_new(params, "dry_run", json_true());
	return params;
}

static int device_approve(struct cli *cli)
{
	json_t *ids = json_array();
	char done[64];

	for (int i = 0; i < cli->n_args; i++)
		json_array_append_new(ids, json_string(cli->args[i]));
	json_t *params = json_pack("{s:o}", "ids", ids);

	if (cli_option(cli, "dry-run", 0))
		json_object_set_new(params, "dry_run", json_true());
	snprintf(done, sizeof(done), "%d approved", cli->n_args);
	return cli_change(cli, "device.approve", params, done);
}

static int device_create(struct cli *cli)
{
	return cli_change(cli, "device.create", edit_params(cli), "created");
}

static int device_update(struct cli *cli)
{
	return cli_change(cli, "device.update", edit_params(cli), "updated");
}

static int device_suspend(struct cli *cli)
{
	json_t *params = edit_params(cli);

	json_object_set_new(params, "state", json_string("suspended"));
	return cli_change(cli, "device.update", params, "suspended");
}

static int device_remove(struct cli *cli)
{
	return cli_change(cli, "device.remove", edit_params(cli), "retired; its history stays");
}

/* ---- credentials */

static const struct cli_option credential_options[] = {
	{ "password", "TEXT", "a password; --ask-password keeps it out of the shell's history" },
	{ "ask-password", NULL, "asks for a password, or reads a line of standard input" },
	{ "certificate", "FILE", "a client certificate: PEM file, or sha256 fingerprint in hex" },
	{ "psk", "HEX", "a pre-shared key of 16 to 64 bytes; its identity is the device id" },
	{ "generate", "KIND", "a random password or psk, printed once" },
	{ "next", NULL, "is accepted beside the present credential until --promote" },
	{ "promote", NULL, "the next credential becomes the only one" },
	{ "remove", NULL, "no credential any more; with --next: only the next one" },
	{ "if-rev", "N", "refuse if it changed since this revision" },
	{ "dry-run", NULL, "check only" },
	{ NULL, NULL, NULL },
};

/* The text of a PEM file, or the value itself. */
static json_t *certificate_value(const char *value)
{
	_own_(freep) char *text = malloc(PEM_MAX);
	FILE *f = text ? fopen(value, "re") : NULL;

	if (!f)
		return json_string(value);
	size_t n = fread(text, 1, PEM_MAX, f);

	fclose(f);
	return json_stringn(text, n);
}

/* prompt_random() has 100 bits in 20 letters. */
static int generate(const char *kind, json_t *params, char *done, size_t cap)
{
	unsigned char bytes[32];
	char secret[65];

	if (strcmp(kind, "password") == 0) {
		prompt_random(secret);
	} else {
		if (strcmp(kind, "psk") != 0 || prompt_bytes(bytes, sizeof(bytes)) < 0)
			return -EINVAL;
		for (size_t i = 0; i < sizeof(bytes); i++)
			snprintf(secret + 2 * i, 3, "%02x", bytes[i]);
	}
	json_object_set_new(params, kind, json_string(secret));
	snprintf(done, cap, "updated; %s: %s", kind, secret);
	return 0;
}

static int device_credential(struct cli *cli)
{
	json_t *params = edit_params(cli);
	const char *certificate = cli_option(cli, "certificate", 0);
	const char *psk = cli_option(cli, "psk", 0);
	const char *kind = cli_option(cli, "generate", 0);
	char password[300];
	char done[160] = "updated";

	if (certificate)
		json_object_set_new(params, "certificate", certificate_value(certificate));
	if (psk)
		json_object_set_new(params, "psk", json_string(psk));
	if (cli_option(cli, "ask-password", 0) &&
	    prompt_secret("password", password, sizeof(password)) == 0)
		json_object_set_new(params, "password", json_string(password));
	if (cli_option(cli, "remove", 0))
		json_object_set_new(params, "password", json_string(""));
	if (cli_option(cli, "next", 0))
		json_object_set_new(params, "next", json_true());
	if (cli_option(cli, "promote", 0))
		json_object_set_new(params, "promote", json_true());
	if (kind && generate(kind, params, done, sizeof(done)) < 0) {
		json_decref(params);
		return cli_usage(cli, "--generate: '%s' is neither password nor psk", kind);
	}
	return cli_change(cli, "device.update", params, done);
}

static const struct cli_option remove_options[] = {
	{ "if-rev", "N", "refuse if it changed since this revision" },
	{ "dry-run", NULL, "check only" },
	{ NULL, NULL, NULL },
};

const struct command device_commands[] = {
	{ "device list", "[WORD...]",
	  "Devices that match: words, state:pending, site:, model:, tag:, NOT before one.", NULL,
	  device_list, 0, -1 },
	{ "device show", "DEVICE",
	  "One device: facts, fates with reasons, newest values, quarantine.", NULL, device_show, 1,
	  1 },
	{ "device approve", "DEVICE...", "Lets pending devices take part.", dry_options,
	  device_approve, 1, -1 },
	{ "device create", "DEVICE", "Registers a device before it is first seen.", edit_options,
	  device_create, 1, 1 },
	{ "device update", "DEVICE", "Changes what is said about a device.", edit_options,
	  device_update, 1, 1 },
	{ "device credential", "DEVICE",
	  "Gives a device a password, certificate or pre-shared key, or takes it away.",
	  credential_options, device_credential, 1, 1 },
	{ "device suspend", "DEVICE", "Refuses what the device sends until it is active again.",
	  remove_options, device_suspend, 1, 1 },
	{ "device remove", "DEVICE", "Retires a device; its history stays.", remove_options,
	  device_remove, 1, 1 },
	{ 0 },
};
