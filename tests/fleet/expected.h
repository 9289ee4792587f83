/* What the platform should know, by device and series, from an oracle. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;
struct oracle;

struct expected_value {
	int64_t ts_ms;
	bool acknowledged; /* false: it may be there or not */
	json_t *value;
};

struct expected_series {
	char *name;
	struct expected_value *values;
	size_t n, cap;
};

struct expected_device {
	char *id;
	int64_t first_ms, last_ms;
	struct expected_series *series;
	size_t n;
	uint64_t messages, acknowledged;
};

struct expected {
	struct map *by_id;
	struct expected_device **devices;
	size_t n, cap;
	uint64_t messages, acknowledged;
};

int expected_read(struct expected *e, struct oracle *o); /* values sorted by time */
void expected_fini(struct expected *e);
struct expected_series *expected_find(const struct expected_device *d, const char *name);
