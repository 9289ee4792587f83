#include "ingest/ingest.h"

#include <errno.h>
#include <stdlib.h>

#include "base/own.h"
#include "host/host.h"
#include "ingest/batch.h"
#include "ingest/payload.h"
#include "ingest/producer.h"
#include "ingest/recent.h"
#include "ingest/records.h"
#include "ingest/state.h"
#include "journal/owners.h"

#define LOG_MODULE "ingest"
#include "base/log.h"

static int starting(void *ud, struct instance *in)
{
	struct ingest *ingest = ud;
	struct producer *p;
	int r = producer_new(ingest, in, &p);
	if (r < 0)
		return log_error(r, "cannot serve %s", instance_name(in));
	pthread_mutex_lock(&ingest->lock);
	p->next = ingest->producers;
	ingest->producers = p;
	pthread_mutex_unlock(&ingest->lock);
	producer_attach(p);
	return 0;
}

static void stopped(void *ud, struct instance *in)
{
	struct producer *p = producer_of(in);
	(void)ud;
	if (p)
		producer_stop(p);
}

static int serve(struct ingest *ingest)
{
	struct host *host = ingest->config.host;
	const struct host_observer observer = {
		.starting = starting,
		.stopped = stopped,
		.ud = ingest,
	};
	producer_slot(host_slot(host));
	int r = host_observe(host, &observer);
	if (r == 0)
		r = host_provide(host, "sb.telemetry/1", &batch_service);
	if (r == 0)
		r = host_provide(host, "sb.payload/1", &payload_service);
	if (r == 0 && ingest->config.owners)
		r = host_provide(host, "sb.journal/1", &records_service);
	return r;
}

void ingest_limit(struct ingest *ingest, const struct ingest_limits *limits)
{
	ingest->limits.series = limits->max_series_per_device;
	ingest->limits.payload_bytes = limits->max_payload_bytes;
	ingest->limits.burst = limits->burst_messages;
	ingest->limits.rate = limits->max_messages_per_second;
}

int ingest_new(struct ingest **out, const struct ingest_config *config)
{
	struct ingest *ingest = calloc(1, sizeof(*ingest));
	if (!ingest)
		return -ENOMEM;
	ingest->config = *config;
	ingest_limit(ingest, &config->limits);
	pthread_mutex_init(&ingest->lock, NULL);
	int r = table_init(&ingest->devices, sizeof(struct state_device));
	if (r == 0)
		r = table_init(&ingest->streams, sizeof(struct recent));
	if (r == 0)
		r = serve(ingest);
	if (r < 0) {
		ingest_free(ingest);
		return r;
	}
	*out = ingest;
	return 0;
}

struct ingest *ingest_free(struct ingest *ingest)
{
	if (!ingest)
		return NULL;
	while (ingest->producers) {
		struct producer *p = ingest->producers;
		ingest->producers = p->next;
		producer_free(p);
	}
	table_fini(&ingest->devices);
	table_fini(&ingest->streams);
	pthread_mutex_destroy(&ingest->lock);
	free(ingest);
	return NULL;
}

void ingest_look(struct ingest *ingest)
{
	if (!ingest->config.owners)
		return;
	owners_look(ingest->config.owners);
	pthread_mutex_lock(&ingest->lock);
	for (struct producer *p = ingest->producers; p; p = p->next)
		records_look(p);
	pthread_mutex_unlock(&ingest->lock);
}

void ingest_stats(const struct ingest *ingest, struct ingest_stats *out)
{
	/* The list takes a lock, which is not part of what callers see. */
	pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&ingest->lock;
	*out = (struct ingest_stats){ 0 };
	pthread_mutex_lock(lock);
	for (struct producer *p = ingest->producers; p; p = p->next) {
#define ADD(name) out->name += atomic_load_explicit(&p->counters.name, memory_order_relaxed);
		STATE_COUNTERS(ADD)
#undef ADD
	}
	pthread_mutex_unlock(lock);
}
