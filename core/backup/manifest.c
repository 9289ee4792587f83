#include "backup/manifest.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"

static const struct {
	const char *key;
	size_t at;
} numbers[] = {
	{ "seq", offsetof(struct manifest, seq) },
	{ "documents", offsetof(struct manifest, documents) },
	{ "blocks", offsetof(struct manifest, blocks) },
	{ "chunks", offsetof(struct manifest, chunks) },
	{ "rows", offsetof(struct manifest, rows) },
	{ "records", offsetof(struct manifest, records) },
	{ "bytes", offsetof(struct manifest, bytes) },
};

static void decrefp(json_t **json)
{
	json_decref(*json);
}

void manifest_fini(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->files[i].name);
	free(m->files);
	*m = (struct manifest){ 0 };
}

int manifest_add(struct manifest *m, const char *name, uint64_t bytes, const char *sum)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 64;
		struct manifest_file *more = realloc(m->files, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		m->files = more;
		m->cap = cap;
	}
	struct manifest_file *file = &m->files[m->n];
	*file = (struct manifest_file){ .name = strdup(name), .bytes = bytes };
	if (!file->name)
		return -ENOMEM;
	(void)snprintf(file->sum, sizeof(file->sum), "%s", sum);
	m->bytes += bytes;
	m->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct manifest_file *x = a;
	const struct manifest_file *y = b;

	return strcmp(x->name, y->name);
}

void manifest_sort(struct manifest *m)
{
	if (m->n > 1)
		qsort(m->files, m->n, sizeof(*m->files), by_name);
}

const struct manifest_file *manifest_find(const struct manifest *m, const char *name)
{
	size_t low = 0;
	size_t high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(name, m->files[mid].name);
		if (order == 0)
			return &m->files[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

bool manifest_is_name(const char *name)
{
	static const char top[] = "data/";

	if (strncmp(name, top, sizeof(top) - 1) != 0 || strlen(name) >= MANIFEST_NAME_MAX)
		return false;
	for (const char *part = name; part; part = strchr(part, '/')) {
		part += *part == '/';
		size_t n = strcspn(part, "/");
		if (n == 0 || (n == 1 && *part == '.') || (n == 2 && memcmp(part, "..", 2) == 0))
			return false;
	}
	return true;
}

/* ---- writing */

static int add_files(const struct manifest *m, json_t *files)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_file *file = &m->files[i];
		json_t *one = json_pack("{s:s, s:I, s:s}", "name", file->name, "bytes",
		                        (json_int_t)file->bytes, "sha256", file->sum);
		if (!one || json_array_append_new(files, one) < 0)
			return -ENOMEM;
	}
	return 0;
}

int manifest_give(const struct manifest *m, struct buffer *out)
{
	json_t *files = json_array();
	_own_(decrefp)
		json_t *top = json_pack("{s:i, s:s, s:I, s:o}", "format", MANIFEST_FORMAT,
	                                "version", m->version, "made",
	                                (json_int_t)(m->made_ns / NS_PER_MS), "files", files);
	int r = top ? add_files(m, files) : -ENOMEM;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(numbers); i++) {
		uint64_t value = *(const uint64_t *)(const void *)((const char *)m + numbers[i].at);
		if (json_object_set_new(top, numbers[i].key, json_integer((json_int_t)value)) < 0)
			r = -ENOMEM;
	}
	if (r < 0)
		return r;
	_own_(freep) char *text = json_dumps(top, JSON_INDENT(1) | JSON_SORT_KEYS);
	if (!text)
		return -ENOMEM;
	buffer_give(out, text, strlen(text));
	buffer_give(out, "\n", 1);
	return out->bad ? -ENOMEM : 0;
}

/* ---- reading */

static int bad(char *why, size_t cap, const char *what)
{
	(void)snprintf(why, cap, "%s", what);
	return SB_E_CORRUPT;
}

static int take_file(struct manifest *m, const json_t *one, char *why, size_t cap)
{
	const char *name = json_string_value(json_object_get(one, "name"));
	const char *sum = json_string_value(json_object_get(one, "sha256"));
	const json_t *bytes = json_object_get(one, "bytes");

	if (!name || !manifest_is_name(name) || !sum || strlen(sum) != MANIFEST_SUM_MAX - 1 ||
	    strspn(sum, "0123456789abcdef") != MANIFEST_SUM_MAX - 1 || !json_is_integer(bytes) ||
	    json_integer_value(bytes) < 0)
		return bad(why, cap, MANIFEST_NAME " names a file it may not name");
	return manifest_add(m, name, (uint64_t)json_integer_value(bytes), sum);
}

static int take_head(struct manifest *m, const json_t *top, char *why, size_t cap)
{
	const char *version = json_string_value(json_object_get(top, "version"));
	const json_t *format = json_object_get(top, "format");
	const json_t *made = json_object_get(top, "made");

	if (!version || !json_is_integer(format) || json_integer_value(format) < 1)
		return bad(why, cap, MANIFEST_NAME " is not that of a backup");
	(void)snprintf(m->version, sizeof(m->version), "%s", version);
	m->format = (int)MIN(json_integer_value(format), (json_int_t)INT32_MAX);
	m->made_ns = (int64_t)json_integer_value(made) * NS_PER_MS;
	if (m->format > MANIFEST_FORMAT) {
		(void)snprintf(why, cap,
		               "it was made by Signalbox %s in format %d, this version reads up to "
		               "format %d: use that version",
		               m->version, m->format, MANIFEST_FORMAT);
		return SB_E_ABI;
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		const json_t *value = json_object_get(top, numbers[i].key);
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			return bad(why, cap, MANIFEST_NAME " lacks a number");
		*(uint64_t *)(void *)((char *)m +
		                      numbers[i].at) = (uint64_t)json_integer_value(value);
	}
	return 0;
}

int manifest_take(struct manifest *m, const void *p, size_t n, char *why, size_t cap)
{
	json_error_t error;
	_own_(decrefp) json_t *top = json_loadb(p, n, JSON_REJECT_DUPLICATES, &error);
	const json_t *files = json_object_get(top, "files");

	if (!json_is_object(top))
		return bad(why, cap, MANIFEST_NAME " is damaged");
	int r = take_head(m, top, why, cap);
	uint64_t bytes = m->bytes;

	if (r == 0 && !json_is_array(files))
		r = bad(why, cap, MANIFEST_NAME " has no files");
	m->bytes = 0;
	for (size_t i = 0; r == 0 && i < json_array_size(files); i++)
		r = take_file(m, json_array_get(files, i), why, cap);
	manifest_sort(m);
	for (size_t i = 1; r == 0 && i < m->n; i++)
		if (strcmp(m->files[i - 1].name, m->files[i].name) == 0)
			r = bad(why, cap, MANIFEST_NAME " names a file twice");
	if (r == 0 && m->bytes != bytes)
		r = bad(why, cap, MANIFEST_NAME " does not add up");
	return r;
}

int manifest_load(struct manifest *m, const char *dir, char *why, size_t cap)
{
	_own_(freep) char *path = NULL;
	struct buffer text = { 0 };

	if (asprintf(&path, "%s/" MANIFEST_NAME, dir) < 0)
		return -ENOMEM;
	int r = file_read_all(path, MANIFEST_BYTES_MAX, &text);

	if (r == 0)
		r = manifest_take(m, text.p, text.n, why, cap);
	else
		(void)snprintf(why, cap, "%s: %s", path, sb_strerror(r));
	buffer_fini(&text);
	return r;
}
