/* One publishes, many get it. The publisher writes one message at a time and is `depth` messages
 * ahead of the slowest subscriber, so that no server has to drop any. */
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "load.h"
#include "loop.h"

#define PATIENCE_NS 5000000000LL

static struct {
	const struct load *load;
	struct loop loop;
	struct client publisher, *subscribers;
	uint32_t *reached; /* subscribers that have message n, by n modulo depth */
	uint64_t complete, delivered;
	int64_t moved;
	uint32_t subscribed;
} all;

static void publish(void)
{
	struct client *c = &all.publisher;
	char payload[128];
	uint32_t n = load_payload(payload, c->sent);

	client_publish(c, "devices/load-000000/telemetry", payload, n, 1, 0);
	client_flush(c);
}

static void on_puback(struct client *c, const struct client_packet *p)
{
	(void)p;
	(void)client_times_pop(&c->times);
}

static void on_message(struct client *c, const struct client_packet *p)
{
	if (p->type == CLIENT_SUBACK)
		all.subscribed++;
	if (p->type != CLIENT_PUBLISH)
		return;
	struct client_message m = client_message_of(p);
	if (m.id)
		client_puback(c, m.id);
	if ((uint64_t)load_number(m.payload, m.payload_n, "\"seq\":") != c->got)
		client_fail("subscriber %u: a message lost or out of order", c->number);
	if (loop_measuring(&all.loop))
		all.delivered++;
	all.reached[c->got++ % all.load->depth]++;
}

/* Every message that all have makes room for another. */
static void go_on(int64_t now)
{
	const struct load *load = all.load;

	for (;;) {
		uint32_t *reached = &all.reached[all.complete % load->depth];
		if (*reached < load->subscribers)
			break;
		*reached = 0;
		all.complete++;
		all.moved = now;
		publish();
	}
	if (now - all.moved > PATIENCE_NS)
		client_fail("message %llu reached %u of %u subscribers",
		            (unsigned long long)all.complete,
		            all.reached[all.complete % load->depth], load->subscribers);
}

static void subscribe_all(void)
{
	const struct load *load = all.load;

	for (uint32_t i = 0; i < load->subscribers; i++)
		all.subscribers[i] = (struct client){ .number = i,
			                              .kind = "subscriber",
			                              .on_packet = on_message };
	loop_connect(&all.loop, all.subscribers, load->subscribers, true);
	for (uint32_t i = 0; i < load->subscribers; i++) {
		client_subscribe(&all.subscribers[i], "devices/+/telemetry", (int)load->qos);
		client_flush(&all.subscribers[i]);
	}
	while (all.subscribed < load->subscribers)
		loop_turn(&all.loop, loop_now() + 10000000);
}

void load_fanout(const struct load *load)
{
	int64_t now;

	all.load = load;
	all.subscribers = calloc(load->subscribers, sizeof(*all.subscribers));
	all.reached = calloc(load->depth, sizeof(*all.reached));
	all.loop = (struct loop){ .seconds = load->seconds, .warm_up = load->warm_up };
	all.publisher = (struct client){ .kind = "load", .on_packet = on_puback };
	loop_init(&all.loop, (uint16_t)load->port);
	loop_connect(&all.loop, &all.publisher, 1, true);
	subscribe_all();
	loop_start(&all.loop);
	all.moved = loop_now();
	for (uint32_t k = 0; k < load->depth; k++)
		publish();
	while (now = loop_now(), loop_going(&all.loop, now)) {
		loop_turn(&all.loop, now + 10000000);
		go_on(now);
	}
	double took = (double)(all.loop.end - all.loop.begin) / 1e9;
	(void)printf("{\"messages\":%llu,\"per_second\":%.0f}\n", (unsigned long long)all.delivered,
	             (double)all.delivered / took);
}
