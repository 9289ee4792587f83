/* JSON Schema 2020-12, the part that configuration forms need. Checked and followed: type, enum,
 * const, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, minLength, maxLength,
 * pattern, format, items, minItems, maxItems, uniqueItems, properties, required,
 * additionalProperties, minProperties, maxProperties, default; true and false as schemas. Carried
 * along: title, description, x-sb. Everything else is ignored. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct schema;

/* Refuses what is not JSON and keywords whose values make no sense, with a sentence in why. */
int schema_new(struct schema **out, const char *text, char *why, size_t cap);
struct schema *schema_free(struct schema *s);
void schema_freep(struct schema **s);
const json_t *schema_root(const struct schema *s);

/* One thing that is wrong: where, as JSON pointer ("" is the whole), and what would be right. */
typedef void (*schema_report_fn)(void *ud, const char *pointer, const char *text);
/* 0, or SB_E_MALFORMED after at least one report. */
int schema_check(const struct schema *s, json_t *value, schema_report_fn fn, void *ud);
/* Do the defaults of its properties obey their own schemas? 0, or SB_E_MALFORMED. */
int schema_check_defaults(const struct schema *s, schema_report_fn fn, void *ud);
/* Gives members that are missing their defaults. */
int schema_fill(const struct schema *s, json_t *value);

/* The schema of one member of an object: its own, that of additionalProperties, or NULL (anything
 * when *is_known is true, nothing when it is false). */
const json_t *schema_member(const json_t *schema, const char *key, bool *is_known);
/* Is `name` among the types this schema allows? A schema without type allows all. */
bool schema_allows(const json_t *schema, const char *name);
