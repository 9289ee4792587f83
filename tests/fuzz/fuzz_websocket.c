/* What a client sends after (first byte odd: before) the upgrade. Heads: read or refused, their
 * questions answered. Frames: the same events whether they come at once or byte by byte. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/request.h"
#include "base/upgrade.h"
#include "base/websocket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sum {
	uint64_t bytes, hash, messages, controls, code;
};

static void add(struct sum *sum, struct sb_bytes b)
{
	for (size_t i = 0; i < b.n; i++)
		sum->hash = (sum->hash ^ b.p[i]) * 1099511628211u;
	sum->bytes += b.n;
}

static struct sum frames(const uint8_t *data, size_t n, size_t step, uint8_t accepts)
{
	struct websocket ws = { .accepts = accepts, .max_message = 1000 };
	struct sum sum = { 0 };
	struct websocket_part part;
	for (size_t at = 0; at < n; at += step) {
		size_t len = n - at < step ? n - at : step;
		uint8_t *copy = malloc(len);
		if (!copy)
			abort();
		memcpy(copy, data + at, len);
		uint8_t *p = copy;
		enum websocket_event event;
		while ((event = websocket_take(&ws, &p, copy + len, &part)) != WEBSOCKET_MORE) {
			if (event == WEBSOCKET_DATA || event == WEBSOCKET_PINGED)
				add(&sum, part.bytes);
			sum.messages += event == WEBSOCKET_DATA && part.last;
			sum.controls += event == WEBSOCKET_PINGED || event == WEBSOCKET_PONGED;
			if (event == WEBSOCKET_WRONG || event == WEBSOCKET_CLOSING)
				sum.code = sum.code * 65536 + part.code;
		}
		free(copy);
	}
	return sum;
}

static void head(const uint8_t *data, size_t n)
{
	char out[UPGRADE_ANSWER_MAX];
	struct request request;
	const char *why = NULL;
	int r = request_read(&request, (struct sb_bytes){ data, n }, &why);
	if (r < 0 && (!why || upgrade_refuse(out, -r, why) == 0))
		abort();
	if (r <= 0)
		return;
	if ((size_t)r > n || request_body(&request) > 999999999999999)
		abort();
	struct sb_str host = request_field(&request, "host");
	upgrade_origin(request_field(&request, "origin"), host, "http://a https://b:1");
	if (upgrade_is_asked(&request) && upgrade_check(&request, &why) == 0 &&
	    upgrade_accept(out, &request, SB_STR("mqtt")) == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (data[0] & 1) {
		head(data + 1, n - 1);
		return 0;
	}
	uint8_t accepts = data[0] >> 1 & 3;
	struct sum whole = frames(data + 1, n - 1, n, accepts);
	struct sum bytes = frames(data + 1, n - 1, 1, accepts);
	/* Text that is broken is refused earlier when it comes earlier. */
	if (whole.code % 65536 == 1007)
		whole.bytes = bytes.bytes = whole.hash = bytes.hash = 0;
	if (memcmp(&whole, &bytes, sizeof(whole)) != 0)
		abort();
	return 0;
}
