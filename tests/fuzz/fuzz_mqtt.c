/* A whole MQTT server against bytes from outside. The first byte says how the session begins; then
 * each chunk is a length byte and bytes for one of three connections, and between the chunks time
 * passes, storage answers, and peers read, or do not; where sessions are kept, the server is killed
 * and comes back. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "fake_journal.h"

enum { PEERS = 3 };

static void begin(struct fake_conn *c, uint8_t how)
{
	static const uint8_t v4[] = {
		0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 9, 0, 2, 'd', '1'
	};
	static const uint8_t v5[] = { 0x10, 20, 0,  4, 'M', 'Q', 'T', 'T', 5, 2,   0,
		                      9,    5,  17, 0, 0,   0,   99,  0,   2, 'd', '1' };

	if (how == 1)
		fake_feed(c, v4, sizeof(v4));
	if (how == 2)
		fake_feed(c, v5, sizeof(v5));
}

static void happen(struct fake *f, struct fake_conn *peers[PEERS], uint8_t what)
{
	struct fake_conn *c = peers[(what >> 4) % PEERS];

	switch (what & 15) {
	case 0:
		fake_seconds(f, 5);
		break;
	case 1:
		fake_complete(f, 3, 0);
		break;
	case 2:
		fake_complete(f, 1, -5);
		break;
	case 3:
		fake_hangup(c);
		fake_turn(f);
		break;
	case 4:
		peers[(what >> 4) % PEERS] = fake_connect(f);
		begin(peers[(what >> 4) % PEERS], what >> 6);
		break;
	case 5:
		c->out_n = 0;
		break;
	case 6:
		f->submit_result = f->submit_result ? 0 : SB_AGAIN;
		break;
	case 7:
		f->submit_result = f->submit_result ? 0 : SB_E_MALFORMED;
		break;
	case 8:
		f->slow_docs = !f->slow_docs;
		break;
	case 9:
		if (f->puts)
			fake_put_done(f, what & 64 ? -5 : 0);
		break;
	case 11:
		if (!f->keeps)
			break;
		fake_journal_kill(f);
		for (unsigned i = 0; i < PEERS; i++) {
			peers[i] = fake_connect(f);
			begin(peers[i], what >> 4);
		}
		break;
	case 10:
		sb_plugin_entry_1.descriptor(0)->ops->drain(f->srv, 0);
		break;
	default:
		fake_turn(f);
	}
	const struct sb_source *source = sb_plugin_entry_1.descriptor(0)->ops->ext(f->srv,
	                                                                           "sb.source/1");
	if (!f->submit_result)
		source->writable(f->srv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fake_conn *peers[PEERS];

	if (!n)
		return 0;
	struct fake *f = fake_new();
	fake_set(f, "anonymous", 1);
	f->keeps = data[0] & 64;
	fake_set(f, "max_queued_bytes", 4096);
	fake_set(f, "max_retained", 8);
	f->out_limit = 2000;
	fake_start(f);
	for (unsigned i = 0; i < PEERS; i++) {
		peers[i] = fake_connect(f);
		begin(peers[i], data[0] >> (2 * i) & 3);
	}
	for (size_t at = 1; at < n;) {
		uint8_t head = data[at++];
		if (head >= 192 || at >= n) {
			happen(f, peers, head & 63);
			continue;
		}
		size_t len = head % 64;
		if (len > n - at)
			len = n - at;
		fake_feed(peers[head / 64], data + at, len);
		at += len;
	}
	fake_free(f);
	return 0;
}
