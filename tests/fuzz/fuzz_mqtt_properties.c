/* A property block: the first byte says of which packet. What is forwarded is read again, and is
 * the same; a reader of strings agrees with the UTF-8 check. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"
#include "properties.h"
#include "topic.h"

static void again(const struct properties *p, uint8_t where)
{
	uint8_t *buf = malloc(WRITER_HEAD + 4 + 65536);
	struct writer w = writer_of(buf, WRITER_HEAD + 4 + 65536);
	struct properties second;
	size_t n = p->forward[0].n + p->forward[1].n + p->forward[2].n;

	writer_varint(&w, (uint32_t)n);
	for (unsigned i = 0; i < 3; i++)
		writer_bytes(&w, p->forward[i].p, p->forward[i].n);
	struct cursor c = cursor_of((struct sb_bytes){ buf + WRITER_HEAD, w.n - WRITER_HEAD });
	if (!w.bad &&
	    (properties_take(&c, where, &second) || second.forward[0].n != n || cursor_left(&c)))
		abort();
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct properties p;

	if (!n)
		return 0;
	uint8_t where = data[0] & 15;
	struct cursor c = cursor_of((struct sb_bytes){ data + 1, n - 1 });
	uint8_t reason = properties_take(&c, where, &p);
	if (reason && reason < 0x80)
		abort();
	if (!reason && properties_have(&p, PROPERTY_RESPONSE_TOPIC) &&
	    !packet_utf8(p.response_topic))
		abort();
	if (!reason && (where == PACKET_PUBLISH || where == PROPERTIES_WILL))
		again(&p, where);
	struct sb_str text = sb_str_of((const char *)data + 1, n - 1);
	if (packet_utf8(text) && !packet_text((struct sb_bytes){ data + 1, n - 1 }))
		abort();
	struct topic_share share;
	if (topic_share_parse(text, &share) == 1 && !share.group.n)
		abort();
	if (topic_name_ok(text, 1024) && !topic_filter_ok(text, 1024))
		abort();
	return 0;
}
