/* Many publish, one subscriber gets everything. Saturated (rate 0): each publisher is one message
 * ahead of its acknowledgement. Paced: `rate` messages a second from all together. The subscriber
 * checks that nothing is lost, doubled or out of order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "histogram.h"
#include "load.h"
#include "loop.h"

#define TOPIC_AT 13 /* of the number in devices/load-000000/telemetry */

static struct {
	const struct load *load;
	struct loop loop;
	struct client *clients, subscriber;
	uint64_t *last; /* number of the newest message delivered, by publisher */
	struct histogram latency, acks;
	uint64_t delivered, delivered_ever, wrong;
	uint32_t next;
	bool subscribed, over;
} all;

static void publish(struct client *c, int64_t planned)
{
	char topic[64];
	char payload[160];

	(void)snprintf(topic, sizeof(topic), "devices/load-%06u/telemetry", c->number);
	int n = snprintf(payload, sizeof(payload), "{\"seq\":%llu,\"sent\":%lld,\"temp\":%u.5}",
	                 (unsigned long long)c->sent + 1, (long long)planned / 1000,
	                 20 + (unsigned)(c->sent & 7));
	client_publish(c, topic, payload, (uint32_t)n, 1, planned);
	client_flush(c);
}

static void on_puback(struct client *c, const struct client_packet *p)
{
	if (p->type != CLIENT_PUBACK)
		client_fail("packet type %u", p->type);
	int64_t planned = client_times_pop(&c->times);
	c->acked++;
	if (loop_measuring(&all.loop))
		histogram_add(&all.acks, loop_now() - planned);
	if (!all.load->rate && !all.over)
		publish(c, loop_now());
}

static void on_message(struct client *c, const struct client_packet *p)
{
	if (p->type == CLIENT_SUBACK)
		all.subscribed = true;
	if (p->type != CLIENT_PUBLISH)
		return;
	struct client_message m = client_message_of(p);
	uint32_t from = (uint32_t)strtoul(m.topic + TOPIC_AT, NULL, 10);
	uint64_t seq = (uint64_t)load_number(m.payload, m.payload_n, "\"seq\":");
	int64_t sent = load_number(m.payload, m.payload_n, "\"sent\":") * 1000;
	if (from >= all.load->clients || seq != all.last[from] + 1)
		all.wrong++;
	else
		all.last[from] = seq;
	all.delivered_ever++;
	if (loop_measuring(&all.loop) && !all.over) {
		all.delivered++;
		histogram_add(&all.latency, loop_now() - sent);
	}
	if (m.id)
		client_puback(c, m.id);
}

static void subscribe(void)
{
	struct client *s = &all.subscriber;

	*s = (struct client){ .kind = "subscriber", .on_packet = on_message };
	loop_connect(&all.loop, s, 1, true);
	client_subscribe(s, "devices/+/telemetry", (int)all.load->qos);
	client_flush(s);
	while (!all.subscribed)
		loop_turn(&all.loop, loop_now() + 10000000);
}

/* Everything acknowledged and delivered, five seconds at most. */
static uint64_t settle(void)
{
	int64_t end = loop_now() + 5000000000;
	uint64_t sent;
	uint64_t acked;

	do {
		loop_turn(&all.loop, loop_now() + 10000000);
		sent = acked = 0;
		for (uint32_t i = 0; i < all.load->clients; i++) {
			sent += all.clients[i].sent;
			acked += all.clients[i].acked;
		}
	} while ((acked < sent || all.delivered_ever < sent) && loop_now() < end);
	return sent > all.delivered_ever ? sent - all.delivered_ever : 0;
}

static void run(void)
{
	const struct load *load = all.load;
	int64_t step = load->rate ? 1000000000 / load->rate : 0;
	int64_t now = loop_now();
	int64_t due = now;

	for (uint32_t i = 0; !step && i < load->clients; i++)
		publish(&all.clients[i], now);
	while (now = loop_now(), loop_going(&all.loop, now)) {
		for (; step && due <= now; due += step)
			publish(&all.clients[all.next++ % load->clients], due);
		loop_turn(&all.loop, step ? due : now + 10000000);
	}
	all.over = true;
}

void load_fanin(const struct load *load)
{
	all.load = load;
	all.clients = calloc(load->clients, sizeof(*all.clients));
	all.last = calloc(load->clients, sizeof(*all.last));
	all.loop = (struct loop){ .seconds = load->seconds, .warm_up = load->warm_up };
	loop_init(&all.loop, (uint16_t)load->port);
	for (uint32_t i = 0; i < load->clients; i++)
		all.clients[i] =
			(struct client){ .number = i, .kind = "load", .on_packet = on_puback };
	loop_connect(&all.loop, all.clients, load->clients, true);
	subscribe();
	loop_start(&all.loop);
	run();
	uint64_t lost = settle();
	double took = (double)(all.loop.end - all.loop.begin) / 1e9;
	(void)printf("{\"messages\":%llu,\"per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	             "\"ack_p50_ms\":%.3f,\"ack_p99_ms\":%.3f,\"lost\":%llu,\"wrong\":%llu}\n",
	             (unsigned long long)all.delivered, (double)all.delivered / took,
	             histogram_ms(&all.latency, 0.5), histogram_ms(&all.latency, 0.99),
	             histogram_ms(&all.acks, 0.5), histogram_ms(&all.acks, 0.99),
	             (unsigned long long)lost, (unsigned long long)all.wrong);
}
