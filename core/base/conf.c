#define LOG_MODULE "config"
#include "base/conf.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/error.h>

#include "base/log.h"
#include "base/own.h"
#include "base/text.h"

enum {
	LINE_MAX_BYTES = 4000,
	SECTION_MAX = 48,     /* libinih cuts longer names silently */
	ENTRIES_MAX = 10000,  /* of all sections: a file, not a data set */
	BYTES_OF_LINE = 4096, /* of libinih's line buffer */
};

struct conf_section {
	char *name;
	struct conf_entry *entries;
	size_t n;
};

struct conf {
	struct conf_section *sections;
	size_t n, entries;
};

/* The file while libinih asks for its lines. */
struct source {
	struct conf *conf;
	const char *path;
	FILE *file;
	int line;
	int mistakes;
};

int conf_new(struct conf **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void entry_fini(struct conf_entry *entry)
{
	free((void *)(uintptr_t)entry->key);
	free((void *)(uintptr_t)entry->value);
	free((void *)(uintptr_t)entry->origin);
}

struct conf *conf_free(struct conf *conf)
{
	if (!conf)
		return NULL;
	for (size_t i = 0; i < conf->n; i++) {
		for (size_t k = 0; k < conf->sections[i].n; k++)
			entry_fini(&conf->sections[i].entries[k]);
		free(conf->sections[i].entries);
		free(conf->sections[i].name);
	}
	free(conf->sections);
	free(conf);
	return NULL;
}

static struct conf_section *find(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->n; i++)
		if (strcmp(conf->sections[i].name, name) == 0)
			return &conf->sections[i];
	return NULL;
}

static struct conf_section *find_or_add(struct conf *conf, const char *name)
{
	struct conf_section *more = NULL;
	struct conf_section *section = find(conf, name);

	if (section)
		return section;
	more = realloc(conf->sections, (conf->n + 1) * sizeof(*more));
	if (!more)
		return NULL;
	conf->sections = more;
	section = &more[conf->n];
	*section = (struct conf_section){ .name = strdup(name) };
	if (!section->name)
		return NULL;
	conf->n++;
	return section;
}

static int add(struct conf *conf, const char *section_name, const char *key, const char *value,
               const char *origin)
{
	struct conf_section *section = find_or_add(conf, section_name);
	struct conf_entry entry = { 0 };
	struct conf_entry *more = NULL;

	if (!section)
		return -ENOMEM;
	if (conf->entries == ENTRIES_MAX)
		return -E2BIG;
	more = realloc(section->entries, (section->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	section->entries = more;
	entry = (struct conf_entry){ strdup(key), strdup(value), strdup(origin) };
	if (!entry.key || !entry.value || !entry.origin) {
		entry_fini(&entry);
		return -ENOMEM;
	}
	section->entries[section->n++] = entry;
	conf->entries++;
	return 0;
}

static bool is_key(const char *key)
{
	size_t n = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	return n > 0 && n < SECTION_MAX && key[n] == 0;
}

static void mistake(struct source *source, const char *what, const char *remedy)
{
	source->mistakes++;
	log_error(0, "%s:%d: %s: %s", source->path, source->line, what, remedy);
}

/* What libinih would take wrongly without a word: parts of lines, cut names, odd bytes. */
static void check_line(struct source *source, const char *line, size_t n)
{
	const char *begin = line + strspn(line, " \t");
	size_t shown = strcspn(line, "\r\n");

	if (n > LINE_MAX_BYTES)
		mistake(source, "the line is too long",
		        "4000 bytes are the limit, repeat the key for lists");
	else if (line[shown] == 0 && n > shown && !feof(source->file))
		mistake(source, "the line holds a zero byte", "write plain UTF-8 text");
	else if (!text_is_utf8(sb_str_of(line, shown)))
		mistake(source, "the line is not UTF-8", "save the file as UTF-8");
	if (*begin == '[' && strcspn(begin, "]\r\n") > SECTION_MAX)
		mistake(source, "the section's name is too long", "47 bytes are the limit");
}

/* libinih asks for a line of at most `room` bytes with its end. */
static char *next_line(char *line, int room, void *stream)
{
	struct source *source = stream;
	size_t n = 0;
	int c = 0;

	while ((c = fgetc(source->file)) != EOF) {
		if (n + 2 < (size_t)room)
			line[n] = (char)c;
		n++;
		if (c == '\n')
			break;
	}
	if (n == 0)
		return NULL;
	line[MIN(n, (size_t)room - 2)] = 0;
	source->line++;
	check_line(source, line, n);
	return line;
}

static int take_entry(void *ud, const char *section, const char *key, const char *value)
{
	struct source *source = ud;
	_own_(freep) char *origin = NULL;
	int r = 0;

	if (!*section) {
		mistake(source, key, "stands before the first [section]");
		return 1;
	}
	if (!is_key(key)) {
		mistake(source, "not a key", "keys are of a-z 0-9 - _ and 47 bytes at most");
		return 1;
	}
	if (asprintf(&origin, "%s:%d", source->path, source->line) < 0)
		return 0;
	r = add(source->conf, section, key, value, origin);
	if (r < 0)
		mistake(source, key, sb_strerror(r));
	return r == 0;
}

int conf_load(struct conf *conf, const char *path)
{
	struct source source = { .conf = conf, .path = path };
	int first = 0;

	source.file = fopen(path, "re");
	if (!source.file)
		return log_error(-errno, "cannot open %s", path);
	/* The library is configured by its own globals. */
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_allow_no_value = false;
	ini_stop_on_first_error = false;
	ini_use_stack = false;
	ini_allow_realloc = false;
	ini_max_line = BYTES_OF_LINE;
	ini_initial_alloc = BYTES_OF_LINE;
	first = ini_parse_stream(next_line, &source, take_entry, &source);
	if (ferror(source.file))
		first = -1;
	fclose(source.file);
	if (first < 0)
		return log_error(first == -2 ? -ENOMEM : -EIO, "cannot read %s", path);
	if (first > 0 && source.mistakes == 0)
		return log_error(-EINVAL, "%s:%d: neither [section] nor key = value", path, first);
	return source.mistakes ? -EINVAL : 0;
}

bool conf_same_key(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '_' ? '-' : *a) != (*b == '_' ? '-' : *b))
			return false;
	return *a == *b;
}

const char *conf_show_key(const char *key, char *buf, size_t cap)
{
	size_t n = 0;

	for (; key[n] && n + 1 < cap; n++)
		buf[n] = key[n] == '_' ? '-' : key[n];
	buf[n] = 0;
	return buf;
}

/* A key that is set does not add to what the file says. */
static void forget_file(struct conf *conf, struct conf_section *section, const char *key)
{
	size_t kept = 0;

	for (size_t i = 0; section && i < section->n; i++) {
		struct conf_entry *entry = &section->entries[i];

		if (conf_same_key(entry->key, key) && strcmp(entry->origin, "--set") != 0) {
			entry_fini(entry);
			conf->entries--;
		} else {
			section->entries[kept++] = *entry;
		}
	}
	if (section)
		section->n = kept;
}

int conf_set(struct conf *conf, const char *assignment)
{
	const char *equals = strchr(assignment, '=');
	_own_(freep) char *section = equals ? strndup(assignment, (size_t)(equals - assignment))
	                                    : NULL;
	char *point = section ? strrchr(section, '.') : NULL;

	if (equals && !section)
		return -ENOMEM;
	if (!point || point == section || !is_key(point + 1) || strlen(section) > 2 * SECTION_MAX ||
	    !text_is_utf8(sb_str_of(equals, strlen(equals))))
		return log_error(-EINVAL, "--set %s: write it as section.key=value", assignment);
	*point = 0;
	forget_file(conf, find(conf, section), point + 1);
	return add(conf, section, point + 1, equals + 1, "--set");
}

const char *conf_section(const struct conf *conf, size_t index)
{
	return index < conf->n ? conf->sections[index].name : NULL;
}

const struct conf_entry *conf_entry(const struct conf *conf, const char *section, size_t index)
{
	const struct conf_section *found = find(conf, section);

	return found && index < found->n ? &found->entries[index] : NULL;
}
