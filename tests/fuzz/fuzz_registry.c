/* Everything the registry reads back from disk or takes from a client's query. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "registry/account.h"
#include "registry/query.h"
#include "registry/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct device dev = { .id = "boiler-2", .name = "Boiler Two", .tags = "heat spare" };
	struct sb_bytes bytes = { data, n };
	struct account account;
	struct record rec;
	struct query query;

	if (record_take(bytes, &rec) == 0) {
		if (record_apply(&rec, &dev) < 0)
			return 0;
		free(dev.credential);
	}
	(void)record_take_definition(bytes, &rec);
	(void)account_take(bytes, &account);
	if (query_parse(&query, sb_str_of((const char *)data, n)) == 0)
		(void)query_matches(&query, &dev, 1);
	return 0;
}
