/* As much as the server takes: a client writes a batch at once and is never more than `depth`
 * batches ahead of the acknowledgements. batch=1: a device; more: a gateway with a topic for each
 * of the `batch` devices behind it. */
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "histogram.h"
#include "load.h"
#include "loop.h"

static struct {
	const struct load *load;
	struct loop loop;
	struct histogram latency;
	uint64_t acknowledged;
} all;

static void write_batch(struct client *c)
{
	const struct load *load = all.load;
	int64_t now = loop_now();
	char topic[64];
	char payload[128];

	for (uint32_t i = 0; i < load->batch; i++) {
		(void)snprintf(topic, sizeof(topic), "devices/load-%06u/telemetry",
		               c->number * load->batch + i);
		uint32_t n = load_payload(payload, c->sent / load->batch);
		client_publish(c, topic, payload, n, 1, now);
	}
	client_flush(c);
}

static void on_packet(struct client *c, const struct client_packet *p)
{
	if (p->type != CLIENT_PUBACK)
		client_fail("packet type %u", p->type);
	int64_t sent = client_times_pop(&c->times);
	if (loop_measuring(&all.loop)) {
		all.acknowledged++;
		histogram_add(&all.latency, loop_now() - sent);
	}
	if (++c->acked % all.load->batch == 0)
		write_batch(c);
}

void load_saturate(const struct load *load)
{
	struct client *clients = calloc(load->clients, sizeof(*clients));
	int64_t now;

	all.load = load;
	all.loop = (struct loop){ .seconds = load->seconds, .warm_up = load->warm_up };
	loop_init(&all.loop, (uint16_t)load->port);
	for (uint32_t i = 0; i < load->clients; i++)
		clients[i] = (struct client){ .number = i, .kind = "load", .on_packet = on_packet };
	loop_connect(&all.loop, clients, load->clients, true);
	loop_start(&all.loop);
	for (uint32_t i = 0; i < load->clients; i++)
		for (uint32_t k = 0; k < load->depth; k++)
			write_batch(&clients[i]);
	while (now = loop_now(), loop_going(&all.loop, now))
		loop_turn(&all.loop, now + 10000000);
	double took = (double)(all.loop.end - all.loop.begin) / 1e9;
	(void)printf("{\"messages\":%llu,\"per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f}\n",
	             (unsigned long long)all.acknowledged, (double)all.acknowledged / took,
	             histogram_ms(&all.latency, 0.5), histogram_ms(&all.latency, 0.99));
}
