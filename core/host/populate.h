/* From the configuration to configured instances. Main thread. */
#pragma once

struct conf;
struct host;
struct product;

int populate_host(struct host *host, const struct conf *conf);
/* Looks at the sections without making instances. */
int populate_check(const struct host *host, const struct conf *conf);
/* The product whose section this is, "modbus boiler" included; NULL if none. */
const struct product *populate_product(const struct host *host, const char *section);
