#include "message.h"

#include <stdlib.h>
#include <string.h>

struct message *message_new(const struct publish *p)
{
	size_t props_n = p->forward[0].n + p->forward[1].n + p->forward[2].n;
	struct message *m = malloc(sizeof(*m) + p->topic.n + props_n + p->payload.n);

	if (!m)
		return NULL;
	m->stored = NULL;
	m->refs = 1;
	m->payload_n = (uint32_t)p->payload.n;
	m->props_n = (uint32_t)props_n;
	m->topic_n = (uint16_t)p->topic.n;
	m->qos = p->qos;
	m->retain = p->retain;
	m->expires_s = p->expires_s;
	uint8_t *to = m->data;
	memcpy(to, p->topic.p, p->topic.n);
	to += p->topic.n;
	for (unsigned i = 0; i < 3; i++) {
		if (!p->forward[i].n)
			continue;
		memcpy(to, p->forward[i].p, p->forward[i].n);
		to += p->forward[i].n;
	}
	if (p->payload.n)
		memcpy(to, p->payload.p, p->payload.n);
	return m;
}

struct message *message_ref(struct message *m)
{
	m->refs++;
	return m;
}

struct message *message_unref(struct message *m)
{
	if (m && --m->refs == 0)
		free(m);
	return NULL;
}

void message_view(const struct message *m, struct publish *out)
{
	const uint8_t *props = m->data + m->topic_n;

	memset(out, 0, sizeof(*out));
	out->topic = sb_str_of((const char *)m->data, m->topic_n);
	out->forward[0] = (struct sb_bytes){ props, m->props_n };
	out->payload = (struct sb_bytes){ props + m->props_n, m->payload_n };
	out->qos = m->qos;
	out->retain = m->retain;
	out->expires_s = m->expires_s;
}

uint32_t message_size(const struct message *m)
{
	return (uint32_t)sizeof(*m) + m->topic_n + m->props_n + m->payload_n;
}
