/* The document behind struct sb_config: getters by JSON pointer. */
#pragma once
#include <jansson.h>

#include <signalbox/services.h>

struct schema;

struct config {
	struct sb_config table; /* what the plugin gets */
	json_t *doc;            /* owned */
	const struct schema *schema;
	char *text; /* the document, owned */
};

/* Takes doc. schema may be NULL. */
int config_init(struct config *c, json_t *doc, const struct schema *schema);
void config_fini(struct config *c);
void config_swap(struct config *a, struct config *b);
/* The document as text, for people: secrets (x-sb {"secret": true}) become "***". To be freed. */
char *config_show(const struct config *c);
