/* A CBOR document of a client: read under bounds; what was read can be written and read again. */
#include <stdint.h>
#include <stdlib.h>

#include "api/form.h"
#include "api/jsonwire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buffer text = { 0 };
	struct wire w = wire_on(&text, WIRE_CBOR);
	const char *why = NULL;
	json_t *value = form_take(WIRE_CBOR, data, n, &why);

	if (!value != (why != NULL))
		abort();
	if (!value)
		return 0;
	jsonwire_give(&w, value);
	json_t *again = text.bad ? NULL : form_take(WIRE_CBOR, text.p, text.n, &why);

	if (!text.bad && !json_equal(value, again))
		abort();
	json_decref(again);
	json_decref(value);
	buffer_fini(&text);
	return 0;
}
