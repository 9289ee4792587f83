/* Any bytes as telemetry: reader and codec against jansson and a model of our forms. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake.h"
#include "oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct fake *f;
	const char *fault = NULL;

	if (!f)
		f = fake_new();
	fault = oracle_check(f, data, n);
	if (fault) {
		(void)fprintf(stderr, "%s: %s\n", fault, f->decode.why);
		abort();
	}
	(void)fake_decode(f, data, n, "application/senml+json");
	return 0;
}
