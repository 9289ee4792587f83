/* Persistent sessions, each with a subscription, are cut; one QoS 1 message is published for each
 * while they are away; then all come back at once. Meanwhile a good client goes on publishing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "histogram.h"
#include "load.h"
#include "loop.h"

#define GOOD_STEP_NS  5000000LL /* between two messages of the good client */
#define RETRY_NS      100000000LL
#define PATIENCE_NS   60000000000LL
#define PUBLISH_AHEAD 500

static struct {
	const struct load *load;
	struct loop loop;
	struct client *clients, publisher, good;
	int64_t *again; /* when a refused client tries again */
	struct histogram before, during;
	uint32_t subscribed, owed, absent, refused, delivered, doubled;
	int64_t good_due;
	bool storm;
} all;

static void good_publish(int64_t now)
{
	char payload[128];

	for (; all.good_due <= now; all.good_due += GOOD_STEP_NS) {
		uint32_t n = load_payload(payload, all.good.sent);
		client_publish(&all.good, "devices/good-000000/telemetry", payload, n, 1,
		               all.good_due);
		client_flush(&all.good);
	}
}

static void on_good(struct client *c, const struct client_packet *p)
{
	(void)p;
	histogram_add(all.storm ? &all.during : &all.before,
	              loop_now() - client_times_pop(&c->times));
}

static void publish_owed(struct client *c)
{
	char topic[64];

	(void)snprintf(topic, sizeof(topic), "bench/%06u", all.owed++);
	client_publish(c, topic, "owed", 4, 1, loop_now());
}

static void on_publisher(struct client *c, const struct client_packet *p)
{
	(void)p;
	(void)client_times_pop(&c->times);
	c->acked++;
	if (all.owed < all.load->clients)
		publish_owed(c);
}

static void on_packet(struct client *c, const struct client_packet *p)
{
	if (p->type == CLIENT_SUBACK)
		all.subscribed++;
	if (p->type != CLIENT_PUBLISH)
		return;
	struct client_message m = client_message_of(p);
	if (c->got++)
		all.doubled++;
	else
		all.delivered++;
	client_puback(c, m.id);
}

static void on_up(struct client *c)
{
	char filter[64];

	if (all.storm) {
		all.absent += !c->present;
		return;
	}
	(void)snprintf(filter, sizeof(filter), "bench/%06u", c->number);
	client_subscribe(c, filter, 1);
	client_flush(c);
}

/* Whoever is refused comes again a little later, as a device does. */
static void on_closed(struct client *c)
{
	all.refused++;
	all.again[c->number] = loop_now() + RETRY_NS;
}

static void wait_for(const uint32_t *count, uint32_t want, const char *what)
{
	int64_t end = loop_now() + PATIENCE_NS;

	while (*count < want) {
		int64_t now = loop_now();
		good_publish(now);
		loop_turn(&all.loop, all.good_due);
		if (now > end)
			client_fail("%s: %u of %u in a minute", what, *count, want);
	}
}

static void rest(int64_t ns)
{
	int64_t end = loop_now() + ns;

	while (loop_now() < end) {
		good_publish(loop_now());
		loop_turn(&all.loop, all.good_due);
	}
}

static void owe(void)
{
	uint32_t n = all.load->clients;

	for (uint32_t i = 0; i < PUBLISH_AHEAD && i < n; i++)
		publish_owed(&all.publisher);
	client_flush(&all.publisher);
	int64_t end = loop_now() + PATIENCE_NS;
	while (all.publisher.acked < n) {
		good_publish(loop_now());
		loop_turn(&all.loop, all.good_due);
		if (loop_now() > end)
			client_fail("%llu of %u owed messages taken",
			            (unsigned long long)all.publisher.acked, n);
	}
}

/* Seconds until everybody has what was owed. */
static double come_back(void)
{
	const struct load *load = all.load;
	int64_t begin = loop_now();

	all.storm = true;
	loop_say("measuring");
	for (uint32_t i = 0; i < load->clients; i++) {
		client_open(&all.clients[i], &all.loop, false);
		if (i % 64 == 0) {
			good_publish(loop_now());
			loop_turn(&all.loop, 0);
		}
	}
	while (all.delivered < load->clients) {
		int64_t now = loop_now();
		good_publish(now);
		loop_turn(&all.loop, all.good_due);
		for (uint32_t i = 0; all.refused && i < load->clients; i++) {
			if (all.clients[i].fd >= 0 || all.again[i] > now)
				continue;
			client_open(&all.clients[i], &all.loop, false);
		}
		if (now - begin > PATIENCE_NS)
			client_fail("%u of %u owed messages delivered in a minute", all.delivered,
			            load->clients);
	}
	loop_say("measured");
	return (double)(loop_now() - begin) / 1e9;
}

void load_sessions(const struct load *load)
{
	all.load = load;
	all.clients = calloc(load->clients, sizeof(*all.clients));
	all.again = calloc(load->clients, sizeof(*all.again));
	loop_init(&all.loop, (uint16_t)load->port);
	all.good = (struct client){ .kind = "good", .on_packet = on_good };
	all.publisher = (struct client){ .kind = "publisher", .on_packet = on_publisher };
	loop_connect(&all.loop, &all.good, 1, true);
	loop_connect(&all.loop, &all.publisher, 1, true);
	for (uint32_t i = 0; i < load->clients; i++)
		all.clients[i] = (struct client){
			.number = i, .kind = "session", .on_packet = on_packet, .on_up = on_up
		};
	all.good_due = loop_now();
	loop_connect(&all.loop, all.clients, load->clients, false);
	wait_for(&all.subscribed, load->clients, "subscriptions");
	for (uint32_t i = 0; i < load->clients; i++) {
		client_cut(&all.clients[i]);
		all.clients[i].on_closed = on_closed;
	}
	rest(500000000);
	owe();
	histogram_clear(&all.before);
	all.good_due = loop_now();
	rest(1000000000);
	double seconds = come_back();
	rest(200000000);
	(void)printf(
		"{\"seconds\":%.3f,\"messages\":%u,\"doubled\":%u,\"absent\":%u,\"refused\":%u,"
		"\"good_before_p99_ms\":%.3f,\"good_p99_ms\":%.3f}\n",
		seconds, all.delivered, all.doubled, all.absent, all.refused,
		histogram_ms(&all.before, 0.99), histogram_ms(&all.during, 0.99));
}
