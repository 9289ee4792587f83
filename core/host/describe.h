/* Plugins, instances and refusals as a document, and the host's own figures. Any thread. */
#pragma once
#include "host/host.h"

void describe_write(struct host *host, struct wire *out);
void describe_figures(struct host *host, host_metric_fn fn, void *ud);
