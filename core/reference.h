/* Every key of signalbox.conf as a commented configuration: the platform's from its table, the
 * plugins' from their schemas. signalbox.conf(5) is made from it. */
#pragma once

struct conf;
struct host;

/* On stdout, after host_load(). Plugins' keys that conf has are the platform's own and left out. */
void reference_print(const struct host *host, const struct conf *conf);
