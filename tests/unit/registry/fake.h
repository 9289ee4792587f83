/* Stands in for docs, host, instances and catalogue, so that the registry can be tested alone:
 * included by one test each, its functions take the place of the real ones. */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <signalbox/kinds.h>

#include "host/docs.h"
#include "host/host.h"
#include "host/instance.h"
#include "series/catalog.h"

#define DOCS_MAX  8192
#define POSTS_MAX 65536

struct document {
	char space[64];
	size_t key_n, n;
	uint8_t key[512];
	uint8_t *p;
	uint64_t at; /* order of writing */
};

static struct {
	pthread_mutex_t lock;
	struct document docs[DOCS_MAX];
	uint32_t n, commits;
	uint64_t writes;
	int fail;
} store = { .lock = PTHREAD_MUTEX_INITIALIZER };

static inline struct docs *fake_docs(void)
{
	return (struct docs *)(void *)&store;
}

static inline void fake_docs_clear(void)
{
	for (uint32_t i = 0; i < store.n; i++)
		free(store.docs[i].p);
	store.n = store.commits = 0;
	store.fail = 0;
}

static inline void fake_docs_fail(int r)
{
	pthread_mutex_lock(&store.lock);
	store.fail = r;
	pthread_mutex_unlock(&store.lock);
}

static inline uint32_t fake_docs_commits(void)
{
	return store.commits;
}

static bool is_in(const struct document *doc, struct sb_str space)
{
	return strlen(doc->space) == space.n && memcmp(doc->space, space.p, space.n) == 0;
}

static struct document *find(struct sb_str space, struct sb_str key)
{
	for (uint32_t i = 0; i < store.n; i++) {
		struct document *doc = &store.docs[i];
		if (is_in(doc, space) && doc->key_n == key.n && memcmp(doc->key, key.p, key.n) == 0)
			return doc;
	}
	return NULL;
}

static void put(struct sb_str space, struct sb_str key, struct sb_bytes bytes)
{
	struct document *doc = find(space, key);

	if (!doc) {
		if (!bytes.n)
			return;
		doc = &store.docs[store.n++];
		*doc = (struct document){ .key_n = key.n };
		memcpy(doc->space, space.p, space.n);
		memcpy(doc->key, key.p, key.n);
	}
	free(doc->p);
	doc->p = calloc(1, bytes.n + 1);
	doc->n = bytes.n;
	doc->at = ++store.writes;
	if (bytes.n)
		memcpy(doc->p, bytes.p, bytes.n);
}

static inline void fake_docs_set(struct sb_str space, struct sb_str key, struct sb_bytes doc)
{
	pthread_mutex_lock(&store.lock);
	put(space, key, doc);
	pthread_mutex_unlock(&store.lock);
}

static inline uint32_t fake_docs_count(struct sb_str space)
{
	uint32_t n = 0;

	pthread_mutex_lock(&store.lock);
	for (uint32_t i = 0; i < store.n; i++)
		n += is_in(&store.docs[i], space) && store.docs[i].n;
	pthread_mutex_unlock(&store.lock);
	return n;
}

static inline const char *fake_docs_text(struct sb_str space)
{
	const struct document *newest = NULL;

	for (uint32_t i = 0; i < store.n; i++) {
		if (is_in(&store.docs[i], space) && (!newest || store.docs[i].at > newest->at))
			newest = &store.docs[i];
	}
	return newest ? (const char *)newest->p : "";
}

int docs_put_wait(struct docs *docs, const struct sb_doc_put *puts, uint32_t n)
{
	int r;

	(void)docs;
	pthread_mutex_lock(&store.lock);
	r = store.fail;
	for (uint32_t i = 0; r == 0 && i < n; i++)
		put(puts[i].space, puts[i].key, puts[i].doc);
	if (r == 0)
		store.commits++;
	pthread_mutex_unlock(&store.lock);
	return r;
}

int docs_put(struct docs *docs, struct sb_str space, struct sb_str key, struct sb_bytes doc,
             uint64_t if_rev, docs_done_fn done, void *ud)
{
	(void)if_rev;
	(void)done;
	(void)ud;
	return docs_put_wait(docs, &(struct sb_doc_put){ space, key, doc, UINT64_MAX }, 1);
}

int docs_scan_wait(struct docs *docs, struct sb_str space, docs_row_fn fn, void *ud)
{
	int r = 0;

	(void)docs;
	for (uint32_t i = 0; r == 0 && i < store.n; i++) {
		const struct document *doc = &store.docs[i];
		if (is_in(doc, space) && doc->n)
			r = fn(ud, sb_str_of((const char *)doc->key, doc->key_n),
			       (struct sb_bytes){ doc->p, doc->n }, doc->at);
	}
	return r;
}

/* ---- catalogue: a set is its device's number */

struct series_set *catalog_set(struct catalog *cat, uint32_t device_no)
{
	(void)cat;
	return (struct series_set *)(uintptr_t)device_no;
}

/* ---- host and one instance */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t arrived;
	struct {
		void (*fn)(void *ud);
		void *ud;
	} posts[POSTS_MAX];
	uint32_t n, ran;
	void *slots[4];
	const struct sb_devices *devices;
	struct host_observer observer;
} host = { .lock = PTHREAD_MUTEX_INITIALIZER, .arrived = PTHREAD_COND_INITIALIZER };

static inline struct instance *fake_instance(void)
{
	return (struct instance *)(void *)&host;
}

static inline const struct sb_devices *fake_service(void)
{
	return host.devices;
}

static inline void fake_instance_start(void)
{
	(void)host.observer.starting(host.observer.ud, fake_instance());
}

static inline void fake_instance_stop(void)
{
	host.observer.stopped(host.observer.ud, fake_instance());
}

static inline uint32_t fake_instance_run(uint32_t n)
{
	struct timespec until;
	uint32_t ran = 0;

	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&host.lock);
	while (ran < n) {
		if (host.ran == host.n) {
			if (pthread_cond_timedwait(&host.arrived, &host.lock, &until) == ETIMEDOUT)
				break;
			continue;
		}
		uint32_t at = host.ran++;
		pthread_mutex_unlock(&host.lock);
		host.posts[at].fn(host.posts[at].ud);
		ran++;
		pthread_mutex_lock(&host.lock);
	}
	pthread_mutex_unlock(&host.lock);
	return ran;
}

/* Runs one that was posted already; 0 if there is none. */
static inline uint32_t fake_instance_run_waiting(void)
{
	uint32_t waiting;

	pthread_mutex_lock(&host.lock);
	waiting = host.n - host.ran;
	pthread_mutex_unlock(&host.lock);
	return waiting ? fake_instance_run(1) : 0;
}

int instance_post(struct instance *in, void (*fn)(void *ud), void *ud)
{
	(void)in;
	pthread_mutex_lock(&host.lock);
	host.posts[host.n].fn = fn;
	host.posts[host.n++].ud = ud;
	pthread_cond_signal(&host.arrived);
	pthread_mutex_unlock(&host.lock);
	return 0;
}

struct instance *instance_of(struct sb_host *handle)
{
	return (struct instance *)(void *)handle;
}

void *instance_get(const struct instance *in, uint32_t slot)
{
	(void)in;
	return host.slots[slot];
}

void instance_set(struct instance *in, uint32_t slot, void *state)
{
	(void)in;
	host.slots[slot] = state;
}

uint32_t host_slot(struct host *h)
{
	(void)h;
	return 2;
}

int host_provide(struct host *h, const char *id, const void *table)
{
	(void)h;
	(void)id;
	host.devices = table;
	return 0;
}

int host_observe(struct host *h, const struct host_observer *observer)
{
	(void)h;
	host.observer = *observer;
	return 0;
}
