/* A running fleet and its totals. */
#pragma once
#include <netinet/in.h>
#include <stdint.h>

#include "options.h"
#include "oracle.h"

struct device;
struct loop;

struct fleet {
	struct options options;
	struct loop *loop;
	struct oracle oracle;
	struct sockaddr_in broker;
	struct device *devices;
	uint64_t made, acknowledged, skipped, resent, reconnects, out_of_order;
	uint32_t up;
};

int fleet_run(const struct options *options);
