#include <stdio.h>
#include <string.h>

#include "client.h"

static void put_u16(uint8_t **at, uint32_t v)
{
	*(*at)++ = (uint8_t)(v >> 8);
	*(*at)++ = (uint8_t)v;
}

static void put(uint8_t **at, const void *p, uint32_t n)
{
	memcpy(*at, p, n);
	*at += n;
}

static void put_head(uint8_t **at, uint8_t first, uint32_t body)
{
	*(*at)++ = first;
	do {
		uint8_t b = body & 0x7f;
		body >>= 7;
		*(*at)++ = body ? b | 0x80 : b;
	} while (body);
}

static uint16_t next_id(struct client *c)
{
	if (++c->packet == 0)
		c->packet = 1;
	return c->packet;
}

void client_publish(struct client *c, const char *topic, const char *payload, uint32_t n, int qos,
                    int64_t time)
{
	uint32_t topic_n = (uint32_t)strlen(topic);
	uint8_t *begin = client_room(&c->out, topic_n + n + 9);
	uint8_t *at = begin;

	put_head(&at, (uint8_t)(CLIENT_PUBLISH << 4 | qos << 1), 2 + topic_n + (qos ? 2 : 0) + n);
	put_u16(&at, topic_n);
	put(&at, topic, topic_n);
	if (qos)
		put_u16(&at, next_id(c));
	put(&at, payload, n);
	c->out.n += (uint32_t)(at - begin);
	c->sent++;
	if (qos)
		client_times_push(&c->times, time);
}

void client_subscribe(struct client *c, const char *filter, int qos)
{
	uint32_t n = (uint32_t)strlen(filter);
	uint8_t *begin = client_room(&c->out, n + 12);
	uint8_t *at = begin;

	put_head(&at, CLIENT_SUBSCRIBE << 4 | 2, 5 + n);
	put_u16(&at, next_id(c));
	put_u16(&at, n);
	put(&at, filter, n);
	*at++ = (uint8_t)qos;
	c->out.n += (uint32_t)(at - begin);
}

void client_puback(struct client *c, uint16_t id)
{
	uint8_t *at = client_room(&c->out, 4);

	put_head(&at, CLIENT_PUBACK << 4, 2);
	put_u16(&at, id);
	c->out.n += 4;
}

void client_connect(struct client *c, bool clean)
{
	char id[32];
	uint8_t *begin = client_room(&c->out, 64);
	uint8_t *at = begin;
	uint32_t n = (uint32_t)snprintf(id, sizeof(id), "%s-%06u", c->kind, c->number);

	put_head(&at, CLIENT_CONNECT << 4, 12 + n);
	put(&at, "\0\4MQTT\4", 7);
	*at++ = clean ? 2 : 0;
	put_u16(&at, 0);
	put_u16(&at, n);
	put(&at, id, n);
	c->out.n += (uint32_t)(at - begin);
}
