/* As many messages a second as planned, whatever the server does: latency counts from the planned
 * time, so that a queue in this program is part of it. What one client has due in one turn goes out
 * in one write. burst: a phase as planned, one with `burst` times as many, one as planned again. */
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "histogram.h"
#include "load.h"
#include "loop.h"

#define WINDOW_NS   100000000LL /* latencies after a burst are looked at in pieces of 100 ms */
#define WINDOWS     1200
#define NORMAL_MS   4.0 /* below this nothing has to come back to normal */
#define PATIENCE_NS 30000000000LL

static struct {
	const struct load *load;
	struct loop loop;
	struct client *clients, **written;
	struct histogram latency, windows[WINDOWS];
	uint64_t planned, acknowledged;
	uint32_t n_written;
	int64_t first; /* begin of the first window */
} all;

static void on_packet(struct client *c, const struct client_packet *p)
{
	if (p->type != CLIENT_PUBACK)
		client_fail("packet type %u", p->type);
	int64_t planned = client_times_pop(&c->times);
	int64_t took = loop_now() - planned;
	int64_t window = (planned - all.first) / WINDOW_NS;
	c->acked++;
	all.acknowledged++;
	if (loop_measuring(&all.loop))
		histogram_add(&all.latency, took);
	if (all.first && window >= 0 && window < WINDOWS)
		histogram_add(&all.windows[window], took);
}

static void publish(int64_t planned)
{
	struct client *c = &all.clients[all.planned++ % all.load->clients];
	char topic[64];
	char payload[128];

	(void)snprintf(topic, sizeof(topic), "devices/load-%06u/telemetry", c->number);
	uint32_t n = load_payload(payload, c->sent);
	if (!c->out.n)
		all.written[all.n_written++] = c;
	client_publish(c, topic, payload, n, 1, planned);
}

/* Everything planned until now, then what has come; `step`: between two messages. */
static void turn(int64_t *due, int64_t step)
{
	int64_t now = loop_now();

	all.n_written = 0;
	for (uint32_t k = 0; *due <= now && k < all.load->clients; k++, *due += step)
		publish(*due);
	for (uint32_t i = 0; i < all.n_written; i++)
		client_flush(all.written[i]);
	loop_turn(&all.loop, *due);
}

static void init(const struct load *load)
{
	all.load = load;
	all.clients = calloc(load->clients, sizeof(*all.clients));
	all.written = calloc(load->clients, sizeof(struct client *));
	all.loop = (struct loop){ .seconds = load->seconds, .warm_up = load->warm_up };
	loop_init(&all.loop, (uint16_t)load->port);
	for (uint32_t i = 0; i < load->clients; i++)
		all.clients[i] =
			(struct client){ .number = i, .kind = "load", .on_packet = on_packet };
	loop_connect(&all.loop, all.clients, load->clients, true);
}

static uint64_t settle(void)
{
	int64_t end = loop_now() + PATIENCE_NS;

	while (all.acknowledged < all.planned && loop_now() < end)
		loop_turn(&all.loop, loop_now() + 10000000);
	return all.planned - all.acknowledged;
}

void load_paced(const struct load *load)
{
	init(load);
	int64_t step = 1000000000 / load->rate;
	loop_start(&all.loop);
	int64_t due = loop_now();
	while (loop_going(&all.loop, loop_now()))
		turn(&due, step);
	uint64_t in_time = all.latency.n;
	uint64_t lost = settle();
	(void)printf("{\"messages\":%llu,\"per_second\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
	             "\"unacknowledged\":%llu}\n",
	             (unsigned long long)in_time, (double)in_time / load->seconds,
	             histogram_ms(&all.latency, 0.5), histogram_ms(&all.latency, 0.99),
	             (unsigned long long)lost);
}

static void phase(int64_t *due, int64_t step, double seconds)
{
	int64_t end = *due + (int64_t)(seconds * 1e9);

	while (*due < end)
		turn(due, step);
}

/* Seconds from the end of the burst to the end of the last window that was not normal. */
static double recovery(int64_t burst_end, double normal_ms)
{
	double last = 0;
	double limit = normal_ms * 2 > NORMAL_MS ? normal_ms * 2 : NORMAL_MS;
	int64_t from = (burst_end - all.first) / WINDOW_NS;

	for (int64_t i = from; i < WINDOWS; i++)
		if (histogram_ms(&all.windows[i], 0.99) > limit)
			last = (double)((i + 1) * WINDOW_NS + all.first - burst_end) / 1e9;
	return last;
}

void load_burst(const struct load *load)
{
	init(load);
	int64_t step = 1000000000 / load->rate;
	int64_t due = loop_now();
	phase(&due, step, load->warm_up);
	all.first = due;
	loop_start(&all.loop);
	all.loop.begin = loop_now();
	(void)loop_going(&all.loop, all.loop.begin);
	phase(&due, step, load->seconds);
	double normal = histogram_ms(&all.latency, 0.99);
	uint64_t before = all.planned;
	phase(&due, step / load->burst, load->seconds);
	int64_t burst_end = due;
	uint64_t sent = all.planned - before;
	phase(&due, step, load->seconds);
	uint64_t lost = settle();
	loop_say("measured");
	(void)printf("{\"messages\":%llu,\"burst_messages\":%llu,\"p99_ms\":%.3f,"
	             "\"worst_ms\":%.3f,\"recovery_s\":%.3f,\"unacknowledged\":%llu}\n",
	             (unsigned long long)all.planned, (unsigned long long)sent, normal,
	             histogram_ms(&all.latency, 1), recovery(burst_end, normal),
	             (unsigned long long)lost);
}
