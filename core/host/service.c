#include "host/service.h"

#include <string.h>

#include "host/state.h"

const void *service_find(const struct host *host, const char *id)
{
	for (size_t i = 0; i < host->n_services; i++)
		if (strcmp(host->services[i].id, id) == 0)
			return host->services[i].table;
	return NULL;
}
