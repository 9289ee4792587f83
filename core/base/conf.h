/* The configuration: sections of key = value, from one INI file (libinih) and --set
 * section.key=value, where the latter win. Tables of options give parser, check, help and man page.
 * Repeated keys are lists. Errors name file, line, key, limit and remedy.
 *
 * Comments are lines that begin with # or ;. A value is the rest of its line. Main thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf;

int conf_new(struct conf **out);
struct conf *conf_free(struct conf *conf);
/* Logs every mistake of the file, then -EINVAL; or the fault of opening it. */
int conf_load(struct conf *conf, const char *path);
/* "mqtt.listen=127.0.0.1:0", after conf_load(): takes the place of what the file says; set again it
 * makes a list. The section ends at the last point before the '='. */
int conf_set(struct conf *conf, const char *assignment);

struct conf_entry {
	const char *key, *value;
	const char *origin; /* "/etc/signalbox/signalbox.conf:12" or "--set" */
};
/* Section names in order, NULL after the last; "mqtt", "modbus boiler". */
const char *conf_section(const struct conf *conf, size_t index);
/* Entries of a section in order, NULL after the last; keys are spelled as they were given. */
const struct conf_entry *conf_entry(const struct conf *conf, const char *section, size_t index);
/* '-' and '_' are one character in keys: max-packet-bytes is max_packet_bytes. */
bool conf_same_key(const char *a, const char *b);
/* As it is shown, with '-'; cut to cap - 1 bytes. Returns buf. */
const char *conf_show_key(const char *key, char *buf, size_t cap);

enum option_kind { OPTION_TEXT, OPTION_BOOL, OPTION_INT, OPTION_SIZE, OPTION_TIME, OPTION_CHOICE };

struct option_spec {
	const char *section, *key;
	enum option_kind kind;
	size_t offset; /* in the target struct: char*, bool, int64_t, uint64_t, int64_t ns, int */
	const char *fallback; /* as it would be written in the file */
	const char *choices;  /* OPTION_CHOICE: "off|pending|active" gives 0, 1, 2 */
	int64_t least, most;  /* OPTION_INT, SIZE, TIME; both 0: any */
	const char *help;
};
/* Fills target from conf by the table (ended by section NULL). Unknown keys in a section the table
 * names, bad values and ranges are all reported through report, then -EINVAL. A text is allocated
 * and its owner's to free; the one that stood in target before is not freed. */
typedef void (*conf_report_fn)(void *ud, const char *text);
int conf_fill(const struct conf *conf, const struct option_spec *table, void *target,
              conf_report_fn report, void *ud);
/* What a value may be: "a whole number, 1 to 1000". */
void conf_describe(const struct option_spec *spec, char *buf, size_t cap);
