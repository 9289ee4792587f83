/* Any bytes as a configuration file, and its lines as --set. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/log.h"
#include "base/own.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct target {
	char *text;
	bool flag;
	int64_t number, time_ns;
	uint64_t size;
	int choice;
};

#define AT(member) offsetof(struct target, member)

static const struct option_spec table[] = {
	{ "a", "text", OPTION_TEXT, AT(text), "x", NULL, 0, 0, "" },
	{ "a", "flag", OPTION_BOOL, AT(flag), "no", NULL, 0, 0, "" },
	{ "a", "number", OPTION_INT, AT(number), "1", NULL, -5, 1000, "" },
	{ "a", "time", OPTION_TIME, AT(time_ns), "1s", NULL, 1, INT64_MAX, "" },
	{ "a", "size", OPTION_SIZE, AT(size), "0", NULL, 0, 0, "" },
	{ "a", "choice", OPTION_CHOICE, AT(choice), "x", "x|yy|zzz", 0, 0, "" },
	{ 0 },
};

static void report(void *ud, const char *text)
{
	*(size_t *)ud += strlen(text);
}

static void load(struct conf *conf, const uint8_t *data, size_t n)
{
	_own_(closep) int fd = memfd_create("conf", 0);
	char path[64];

	if (fd < 0 || write(fd, data, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)conf_load(conf, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_own_(freep) char *text = strndup((const char *)data, n);
	struct target target = { 0 };
	struct conf *conf = NULL;
	size_t reported = 0;
	char *next = NULL;

	log_init((enum log_level)(LOG_LEVEL_ERROR + 1));
	if (!text || conf_new(&conf) < 0)
		abort();
	load(conf, data, n);
	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		(void)conf_set(conf, line);
	}
	(void)conf_fill(conf, table, &target, report, &reported);
	free(target.text);
	conf_free(conf);
	return 0;
}
