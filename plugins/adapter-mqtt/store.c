#include "store.h"

#include <errno.h>
#include <stdlib.h>

#include "message.h"
#include "packet.h"
#include "server.h"
#include "topic.h"

#define FORMAT  1
#define KEY_MAX 512

/* A document: format, QoS, expiry (UTC, 8 bytes), topic, length of the properties (4 bytes),
 * properties, payload. The key is "t" and the topic, or "h" and a hash if that is too long. */

static size_t topic_text(const struct tree_node *node, char *buf, size_t cap)
{
	size_t at = cap;

	for (; node->parent; node = node->parent) {
		at -= node->len;
		if (node->len)
			memcpy(buf + at, node->name, node->len);
		if (node->parent->parent)
			buf[--at] = '/';
	}
	memmove(buf, buf + at, cap - at);
	return cap - at;
}

static size_t topic_length(const struct tree_node *node)
{
	size_t n = 0;

	for (; node->parent; node = node->parent)
		n += node->len + (node->parent->parent != NULL);
	return n;
}

static uint64_t hash(const char *p, size_t n, uint64_t h)
{
	for (size_t i = 0; i < n; i++)
		h = (h ^ (uint8_t)p[i]) * 0x100000001b3u;
	return h;
}

static size_t make_key(const char *topic, size_t n, char key[KEY_MAX])
{
	if (n < KEY_MAX) {
		key[0] = 't';
		memcpy(key + 1, topic, n);
		return n + 1;
	}
	uint64_t sum[2] = { hash(topic, n, 0xcbf29ce484222325u), hash(topic, n, n) };
	key[0] = 'h';
	for (unsigned i = 0; i < 32; i++)
		key[1 + i] = "0123456789abcdef"[sum[i / 16] >> (i % 16 * 4) & 15];
	return 33;
}

int store_put(struct server *srv, const struct tree_node *topic, const struct message *msg,
              sb_doc_fn fn, void *ud)
{
	size_t n = topic_length(topic);
	size_t cap = WRITER_HEAD + n + 32 + (msg ? message_size(msg) : 0);
	uint8_t *buf = malloc(cap);
	char key[KEY_MAX];

	if (!buf)
		return -ENOMEM;
	topic_text(topic, (char *)buf, n);
	struct sb_str name = { key, make_key((const char *)buf, n, key) };
	struct sb_bytes doc = { NULL, 0 };
	if (msg) {
		struct writer w = writer_of(buf, cap);
		writer_u8(&w, FORMAT);
		writer_u8(&w, msg->qos);
		writer_u32(&w, (uint32_t)((uint64_t)msg->expires_s >> 32));
		writer_u32(&w, (uint32_t)msg->expires_s);
		writer_binary(&w, msg->data, msg->topic_n);
		writer_u32(&w, msg->props_n);
		writer_bytes(&w, msg->data + msg->topic_n, msg->props_n + msg->payload_n);
		doc = (struct sb_bytes){ buf + WRITER_HEAD, w.n - WRITER_HEAD };
	}
	int r = srv->docs->put(srv->host, name, doc, UINT64_MAX, fn, ud);
	free(buf);
	return r;
}

static int parse(struct sb_bytes doc, uint32_t max_topic, struct publish *p)
{
	struct cursor c = cursor_of(doc);

	if (cursor_u8(&c) != FORMAT)
		return SB_E_CORRUPT;
	p->qos = cursor_u8(&c);
	uint64_t high = cursor_u32(&c);
	p->expires_s = (int64_t)(high << 32 | cursor_u32(&c));
	p->topic = cursor_string(&c);
	p->forward[0] = cursor_bytes(&c, cursor_u32(&c));
	p->payload = cursor_bytes(&c, cursor_left(&c));
	p->retain = true;
	if (c.bad || p->qos > 2 || !p->payload.n || !topic_name_ok(p->topic, max_topic))
		return SB_E_CORRUPT;
	return 0;
}

static void on_doc(void *ud, int32_t r, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct server *srv = ud;
	struct publish p = { 0 };

	(void)rev;
	if (r == 0) {
		r = parse(doc, UINT16_MAX, &p);
		if (r < 0)
			server_log(srv, SB_LOG_ERROR, "retained message %.*s: %s", (int)key.n,
			           key.p, sb_strerror(r));
		else
			retained_put_back(srv, &p);
		return;
	}
	if (r != SB_E_NOT_FOUND)
		server_log(srv, SB_LOG_ERROR, "cannot read the retained messages: %s",
		           sb_strerror(r));
	server_restored(srv);
}

int store_load(struct server *srv)
{
	return srv->docs->scan(srv->host, sb_str_of(NULL, 0), on_doc, srv);
}
