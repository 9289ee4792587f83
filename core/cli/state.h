/* How far a long transfer came, beside its file: FILE.SUFFIX, one JSON object, replaced at once. */
#pragma once
#include <jansson.h>

struct state {
	char path[4096 + 32];
};

/* -ENAMETOOLONG */
int state_init(struct state *s, const char *file, const char *suffix);
json_t *state_read(const struct state *s); /* NULL: there is none, or it is broken */
int state_write(const struct state *s, const json_t *value);
void state_forget(const struct state *s);

/* "1,234,567" */
char *state_count(char *text, size_t cap, double n);
/* Progress on a terminal: at most five times a second, over the same line. */
struct state_progress {
	long long shown_ns, begun_ns;
	int is_on, width;
};
void state_progress_begin(struct state_progress *p); /* on if stderr is a terminal */
void state_progress(struct state_progress *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void state_progress_end(struct state_progress *p);
double state_progress_seconds(const struct state_progress *p);
