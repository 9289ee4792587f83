/* A section of signalbox.conf as the JSON document a plugin's schema describes. */
#pragma once
#include <jansson.h>

struct conf;
struct schema;

/* Keys become members, converted to the types of the schema (NULL: no options at all); repeated
 * keys become lists; defaults are filled in. Every mistake is logged with its origin, key and what
 * would be right; then SB_E_MALFORMED. A section that conf lacks gives the defaults. */
int section_read(json_t **out, const struct conf *conf, const char *section,
                 const struct schema *schema);
/* Keys the host itself reads from plugin sections: "enabled". */
int section_enabled(const struct conf *conf, const char *section, int *enabled);
