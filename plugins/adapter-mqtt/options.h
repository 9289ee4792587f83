/* The configuration of the server. */
#pragma once

struct config;
struct sb_config;

extern const char options_schema[];

/* Fills *out from a checked configuration. */
int options_read(const struct sb_config *from, struct config *out);
/* What this configuration would let strangers do, and how to mean it; NULL: nothing. */
const char *options_exposed(const struct config *config);
