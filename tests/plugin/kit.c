#include "kit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/conf.h"
#include "base/file.h"
#include "base/own.h"
#include "base/wire.h"
#include "host/host.h"

void kit_begin(struct kit *k)
{
	*k = (struct kit){ .dir = "/tmp/signalbox-test-XXXXXX" };
	assert_non_null(mkdtemp(k->dir));
	snprintf(k->so, sizeof(k->so), "%s/plugins", k->dir);
	snprintf(k->data, sizeof(k->data), "%s/data", k->dir);
	snprintf(k->log, sizeof(k->log), "%s/story", k->dir);
	assert_int_equal(mkdir(k->so, 0700), 0);
	assert_int_equal(mkdir(k->data, 0700), 0);
}

void kit_end(struct kit *k)
{
	char command[128];
	host_free(k->host);
	conf_free(k->conf);
	snprintf(command, sizeof(command), "rm -rf '%s'", k->dir);
	assert_int_equal(system(command), 0);
}

void kit_write(const struct kit *k, const char *name, const char *text)
{
	_own_(freep) char *path = NULL;
	assert_true(asprintf(&path, "%s/%s", k->so, name) > 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

void kit_add(const struct kit *k, const char *module, size_t bytes, unsigned mode)
{
	_own_(freep) char *from = NULL;
	_own_(freep) char *to = NULL;
	_own_(buffer_fini) struct buffer b = { 0 };
	assert_true(asprintf(&from, "%s/%s.so", getenv("MODULES"), module) > 0);
	assert_true(asprintf(&to, "%s/%s.so", k->so, module) > 0);
	assert_int_equal(file_read_all(from, 16u << 20, &b), 0);
	assert_int_equal(file_write_atomic(to, b.p, bytes ? bytes : b.n, 0600), 0);
	assert_int_equal(chmod(to, mode), 0);
}

void kit_make(struct kit *k)
{
	const char *const dirs[] = { k->so, NULL };
	const struct host_config config = { .plugin_dirs = dirs,
		                            .data_dir = k->data,
		                            .io_threads = 1 };
	assert_int_equal(host_new(&k->host, &config), 0);
}

void kit_host(struct kit *k)
{
	kit_make(k);
	assert_int_equal(host_load(k->host), 0);
}

int kit_configure(struct kit *k, ...)
{
	assert_int_equal(conf_new(&k->conf), 0);
	va_list ap;
	va_start(ap, k);
	for (const char *set = va_arg(ap, const char *); set; set = va_arg(ap, const char *))
		assert_int_equal(conf_set(k->conf, set), 0);
	va_end(ap);
	return host_configure(k->host, k->conf);
}

json_t *kit_describe(const struct kit *k)
{
	_own_(buffer_fini) struct buffer b = { 0 };
	struct wire w = wire_on(&b, WIRE_JSON);
	host_describe(k->host, &w);
	assert_false(b.bad);
	json_t *doc = json_loadb((const char *)b.p, b.n, 0, NULL);
	assert_non_null(doc);
	return doc;
}

void kit_assert_refused(const struct kit *k, const char *file, const char *why)
{
	json_t *doc = kit_describe(k);
	const json_t *refused = json_object_get(doc, "refused");
	const char *found = NULL;
	for (size_t i = 0; i < json_array_size(refused); i++) {
		const json_t *one = json_array_get(refused, i);
		if (strstr(json_string_value(json_object_get(one, "path")), file))
			found = json_string_value(json_object_get(one, "why"));
	}
	if (!found)
		fail_msg("%s was not refused", file);
	else if (!strstr(found, why))
		fail_msg("%s was refused because: %s", file, found);
	json_decref(doc);
}

static int has_line(const struct kit *k, const char *word)
{
	_own_(buffer_fini) struct buffer b = { 0 };
	_own_(freep) char *line = NULL;
	if (file_read_all(k->log, 1u << 20, &b) < 0)
		return 0;
	buffer_give_u8(&b, 0);
	assert_true(asprintf(&line, "%s\n", word) > 0);
	return strstr((const char *)b.p, line) != NULL;
}

int kit_told(const struct kit *k, const char *word)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	for (int i = 0; i < 400; i++) {
		if (has_line(k, word))
			return 1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

void kit_assert_instance(const struct kit *k, const char *name, const char *key, const char *value)
{
	json_t *doc = kit_describe(k);
	const json_t *all = json_object_get(doc, "instances");
	const char *found = NULL;
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *one = json_array_get(all, i);
		if (strcmp(json_string_value(json_object_get(one, "name")), name) == 0)
			found = json_string_value(json_object_get(one, key));
	}
	assert_non_null(found);
	assert_string_equal(found, value);
	json_decref(doc);
}
