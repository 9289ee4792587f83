#include "promql/error.h"

#include <stdarg.h>
#include <stdio.h>

int error_set(struct error *error, enum promql_fault fault, const char *format, ...)
{
	va_list ap;
	if (error->fault != PROMQL_WELL)
		return -1;
	error->fault = fault;
	va_start(ap, format);
	(void)vsnprintf(error->text, sizeof(error->text), format, ap);
	va_end(ap);
	return -1;
}
