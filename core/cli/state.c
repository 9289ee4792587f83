#include "cli/state.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/own.h"

#define SHOW_NS (NS_PER_S / 5)

int state_init(struct state *s, const char *file, const char *suffix)
{
	int n = snprintf(s->path, sizeof(s->path), "%s.%s", file, suffix);

	return n < 0 || (size_t)n >= sizeof(s->path) ? -ENAMETOOLONG : 0;
}

json_t *state_read(const struct state *s)
{
	json_t *value = json_load_file(s->path, JSON_REJECT_DUPLICATES, NULL);

	if (value && !json_is_object(value)) {
		json_decref(value);
		value = NULL;
	}
	return value;
}

int state_write(const struct state *s, const json_t *value)
{
	_own_(freep) char *text = json_dumps(value, JSON_COMPACT);

	return text ? file_write_atomic(s->path, text, strlen(text), 0600) : -ENOMEM;
}

void state_forget(const struct state *s)
{
	unlink(s->path);
}

char *state_count(char *text, size_t cap, double n)
{
	char digits[32];
	size_t len = (size_t)snprintf(digits, sizeof(digits), "%.0f", n);
	size_t at = 0;

	for (size_t i = 0; i < len && at + 2 < cap; i++) {
		if (i && (len - i) % 3 == 0)
			text[at++] = ',';
		text[at++] = digits[i];
	}
	text[at] = '\0';
	return text;
}

/* ---- progress */

void state_progress_begin(struct state_progress *p)
{
	*p = (struct state_progress){ .is_on = isatty(STDERR_FILENO), .begun_ns = clock_mono() };
}

double state_progress_seconds(const struct state_progress *p)
{
	return (double)(clock_mono() - p->begun_ns) / NS_PER_S;
}

void state_progress(struct state_progress *p, const char *format, ...)
{
	va_list ap;
	long long now_ns = clock_mono();

	if (!p->is_on || now_ns - p->shown_ns < SHOW_NS)
		return;
	p->shown_ns = now_ns;
	fputc('\r', stderr);
	va_start(ap, format);
	int n = vfprintf(stderr, format, ap);

	va_end(ap);
	fprintf(stderr, "%*s", n < p->width ? p->width - n : 0, "");
	p->width = n;
}

void state_progress_end(struct state_progress *p)
{
	if (p->width)
		fprintf(stderr, "\r%*s\r", p->width, "");
	p->width = 0;
}
