/* Everything the registry reads back from disk or takes from a client's query. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "registry/account.h"
#include "registry/device.h"
#include "registry/notes.h"
#include "registry/query.h"
#include "registry/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What was read is written and read again the same. */
static int notes_read(struct sb_bytes bytes)
{
	struct buffer first = { 0 };
	struct buffer second = { 0 };
	struct device *dev = NULL;
	struct device *other = NULL;
	int r = device_new(&dev, 1, SB_STR("a"));

	if (r == 0)
		r = device_new(&other, 2, SB_STR("b"));
	if (r == 0 && notes_take(bytes, dev) == 0) {
		notes_give(&first, dev);
		r = notes_take((struct sb_bytes){ first.p, first.n }, other);
		notes_give(&second, other);
		if (r == 0 && (first.n != second.n || memcmp(first.p, second.p, first.n) != 0))
			r = SB_E_CORRUPT;
	}
	buffer_fini(&first);
	buffer_fini(&second);
	device_free(dev);
	device_free(other);
	return r;
}

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
		free(dev.next_credential);
	}
	(void)record_take_definition(bytes, &rec);
	if (notes_read(bytes) < 0)
		abort();
	(void)account_take(bytes, &account);
	if (query_parse(&query, sb_str_of((const char *)data, n)) == 0)
		(void)query_matches(&query, &dev, 1);
	return 0;
}
