#include "alias.h"

#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "message.h"
#include "reason.h"
#include "server.h"

/* What an alias costs: the property, once with the topic, then instead of it. */
#define ALIAS_BYTES 3
#define USE_FRESH   4
#define USE_MAX     64

int alias_take(struct conn *c, uint32_t alias, struct publish *p)
{
	const struct config *config = &c->srv->config;

	if (!alias || alias > config->topic_alias_maximum)
		return conn_fail(c, REASON_BAD_ALIAS, "topic alias out of range");
	if (!c->aliases)
		c->aliases = calloc(config->topic_alias_maximum, sizeof(*c->aliases));
	if (!c->aliases)
		return conn_fail(c, REASON_UNSPECIFIED, "out of memory");
	struct conn_alias *slot = &c->aliases[alias - 1];
	if (!p->topic.n) {
		if (!slot->topic)
			return conn_fail(c, REASON_PROTOCOL_ERROR, "unknown topic alias");
		p->topic = sb_str_of(slot->topic, slot->n);
		return 0;
	}
	if (p->topic.n > config->max_topic_bytes)
		return conn_fail(c, REASON_BAD_TOPIC, "topic name of an alias is too long");
	char *copy = realloc(slot->topic, p->topic.n);
	if (!copy)
		return conn_fail(c, REASON_UNSPECIFIED, "out of memory");
	memcpy(copy, p->topic.p, p->topic.n);
	slot->topic = copy;
	slot->n = (uint32_t)p->topic.n;
	return 0;
}

static uint32_t hash_of(struct sb_str topic)
{
	uint64_t h = topic.n;

	for (size_t i = 0; i < topic.n; i++)
		h = (h ^ (uint8_t)topic.p[i]) * 0x100000001b3u;
	h *= 0xc4ceb9fe1a85ec53u;
	return (uint32_t)(h >> 32);
}

static bool holds(const struct alias_out *slot, uint32_t hash, struct sb_str topic)
{
	return slot->hash == hash && slot->n == topic.n &&
	       memcmp(slot->topic, topic.p, topic.n) == 0;
}

uint16_t alias_pick(struct conn *c, struct sb_str topic, bool *known)
{
	*known = false;
	if (!c->alias_max || topic.n <= ALIAS_BYTES)
		return 0;
	if (!c->aliases_out)
		c->aliases_out = calloc(c->alias_max, sizeof(*c->aliases_out));
	if (!c->aliases_out)
		return 0;
	uint32_t hash = hash_of(topic);
	uint32_t at = hash % c->alias_max;
	struct alias_out *slot = &c->aliases_out[at];
	*known = slot->n && holds(slot, hash, topic);
	/* One place a topic: who comes often keeps it against many that come once. */
	if (!*known && slot->n && slot->use) {
		slot->use--;
		return 0;
	}
	return (uint16_t)(at + 1);
}

void alias_sent(struct conn *c, uint16_t alias, struct sb_str topic)
{
	struct alias_out *slot = &c->aliases_out[alias - 1];
	uint32_t hash = hash_of(topic);

	if (slot->n && holds(slot, hash, topic)) {
		if (slot->use < USE_MAX)
			slot->use++;
		return;
	}
	char *copy = realloc(slot->topic, topic.n);
	slot->n = 0;
	/* Without memory the client is told the topic again. */
	if (!copy)
		return;
	memcpy(copy, topic.p, topic.n);
	*slot = (struct alias_out){ copy, hash, (uint16_t)topic.n, USE_FRESH };
}

void alias_free(struct conn *c)
{
	for (uint32_t i = 0; c->aliases && i < c->srv->config.topic_alias_maximum; i++)
		free(c->aliases[i].topic);
	for (uint32_t i = 0; c->aliases_out && i < c->alias_max; i++)
		free(c->aliases_out[i].topic);
	free(c->aliases);
	free(c->aliases_out);
	c->aliases = NULL;
	c->aliases_out = NULL;
}
