/* What a file in the plugin directory may claim to be. Links core host. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "host/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct elf_facts facts;
	char why[160] = "";
	int r = elf_parse(data, n, &facts, why, sizeof(why));
	if (r < 0 && !why[0])
		abort(); /* a refusal without a reason */
	return 0;
}
