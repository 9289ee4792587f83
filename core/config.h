/* What file and command line say together, read and checked. Main thread. */
#pragma once
#include <stdbool.h>

struct args;
struct conf;
struct host;
struct settings;

bool config_is_loopback(const char *address); /* only this machine reaches it */
/* 0, or a fault after every mistake was logged. Both outputs are the caller's to end in any case;
 * *conf may be NULL. */
int config_read(const struct args *args, struct conf **conf, struct settings *settings);
/* Store plugins get their place in the data directory; nobody has to write that down. */
int config_place_stores(struct conf *conf, const char *data);
/* A section that is nobody's is a typing error: what it says would silently not hold. After
 * host_load(). */
int config_check_sections(const struct conf *conf, const struct host *host);
