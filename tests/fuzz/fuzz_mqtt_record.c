/* Records of sessions, as a journal of another version or an older fault may hold them: several
 * steps, cut from the input by a length byte each. */
#include <stddef.h>
#include <stdint.h>

#include "recover_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct recover re = { 0 };

	for (uint64_t position = 1; n; position++) {
		size_t len = data[0] < n ? data[0] : n - 1;
		(void)recover_state_take(&re, position, (struct sb_bytes){ data + 1, len });
		data += 1 + len;
		n -= 1 + len;
	}
	recover_state_fini(&re);
	return 0;
}
