/* From the configuration to configured instances. Main thread. */
#pragma once
#include <stdbool.h>

struct conf;
struct host;
struct product;

int populate_host(struct host *host, const struct conf *conf);
/* Looks at the sections without making instances. */
int populate_check(const struct host *host, const struct conf *conf);
/* The product whose section this is, "modbus boiler" included; NULL if none. */
const struct product *populate_product(const struct host *host, const char *section);
int populate_check_name(const char *section); /* 0, or SB_E_NAME after it was logged */
bool populate_has_section(const struct host *host, const struct conf *conf,
                          const struct product *product);
