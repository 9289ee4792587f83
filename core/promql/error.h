/* Why a query was refused or ended, as the Prometheus API names it. */
#pragma once
#include <stdint.h>

enum promql_fault {
	PROMQL_WELL,
	PROMQL_BAD_DATA,  /* the query is wrong */
	PROMQL_EXECUTION, /* it cannot be answered: a limit, labels that do not fit */
	PROMQL_TIMEOUT,
	PROMQL_CANCELED,
	PROMQL_INTERNAL
};

struct error {
	enum promql_fault fault;
	char text[256];
};

/* Keeps the first one. Always -1. */
int error_set(struct error *error, enum promql_fault fault, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
