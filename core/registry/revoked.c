#define LOG_MODULE "users"
#include "registry/revoked.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "host/docs.h"

#define VERSION 1

struct entry {
	uint64_t key;
	int64_t expires_ns;
};

struct revoked {
	struct docs *docs;
	pthread_mutex_t lock;
	struct map *entries; /* by key */
};

int revoked_new(struct revoked **out, struct docs *docs)
{
	struct revoked *revoked = calloc(1, sizeof(*revoked));
	int r = revoked ? 0 : -ENOMEM;

	if (r < 0)
		return r;
	revoked->docs = docs;
	pthread_mutex_init(&revoked->lock, NULL);
	r = map_new(&revoked->entries);
	if (r < 0) {
		revoked_free(revoked);
		return r;
	}
	*out = revoked;
	return 0;
}

struct revoked *revoked_free(struct revoked *revoked)
{
	struct entry *entry;
	size_t at = 0;

	if (!revoked)
		return NULL;
	while (revoked->entries && (entry = map_each(revoked->entries, &at)))
		free(entry);
	map_free(revoked->entries);
	pthread_mutex_destroy(&revoked->lock);
	free(revoked);
	return NULL;
}

/* Nobody finds two tokens with one key: the names are ours to give. */
static uint64_t key_of(struct sb_str name, int64_t issued_ns)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	crypto_generichash_state state;
	uint64_t key;

	(void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	(void)crypto_generichash_update(&state, (const unsigned char *)&issued_ns,
	                                sizeof(issued_ns));
	(void)crypto_generichash_update(&state, (const unsigned char *)name.p, name.n);
	(void)crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(&key, hash, sizeof(key));
	return key;
}

/* expires_ns 0: the document goes. */
static void put(const struct revoked *revoked, uint64_t key, int64_t expires_ns)
{
	struct buffer doc = { 0 };
	char text[17];
	int r;

	if (!revoked->docs)
		return;
	(void)snprintf(text, sizeof(text), "%016" PRIx64, key);
	if (expires_ns) {
		buffer_give_u8(&doc, VERSION);
		buffer_give_zz(&doc, expires_ns);
	}
	r = doc.bad ? -ENOMEM
	            : docs_put(revoked->docs, SB_STR("token.revoked"), sb_str_of(text, 16),
	                       (struct sb_bytes){ doc.p, doc.n }, UINT64_MAX, NULL, NULL);
	if (r < 0)
		log_warn(r, "cannot store that a token has ended: it holds until the next start");
	buffer_fini(&doc);
}

/* Locked. */
static void forget(struct revoked *revoked, struct entry *entry)
{
	(void)map_remove_u64(revoked->entries, entry->key);
	put(revoked, entry->key, 0);
	free(entry);
}

/* Makes room: those that have ended by themselves, else the one that does so first. Locked. */
static void tidy(struct revoked *revoked, int64_t now_ns)
{
	size_t n = map_count(revoked->entries);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): the pointers are what is kept */
	struct entry **ended = calloc(n + 1, sizeof(*ended));
	struct entry *first = NULL;
	struct entry *entry;
	size_t at = 0;

	n = 0;
	while (ended && (entry = map_each(revoked->entries, &at))) {
		if (!first || entry->expires_ns < first->expires_ns)
			first = entry;
		if (entry->expires_ns <= now_ns)
			ended[n++] = entry;
	}
	if (!n && first && map_count(revoked->entries) >= REVOKED_MAX)
		ended[n++] = first;
	while (n)
		forget(revoked, ended[--n]);
	free(ended);
}

/* Locked. */
static int keep(struct revoked *revoked, uint64_t key, int64_t expires_ns)
{
	struct entry *entry = map_find_u64(revoked->entries, key);
	int r;

	if (entry)
		return 1;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	*entry = (struct entry){ key, expires_ns };
	r = map_put_u64(revoked->entries, key, entry);
	if (r < 0)
		free(entry);
	return r;
}

int revoked_add(struct revoked *revoked, struct sb_str name, int64_t issued_ns, int64_t expires_ns)
{
	uint64_t key = key_of(name, issued_ns);
	int64_t now_ns = clock_utc();
	int r;

	if (expires_ns <= now_ns)
		return 0;
	pthread_mutex_lock(&revoked->lock);
	/* Looking at all of them is worth it when they are many. */
	if (map_count(revoked->entries) % 256 == 255 || map_count(revoked->entries) >= REVOKED_MAX)
		tidy(revoked, now_ns);
	r = keep(revoked, key, expires_ns);
	pthread_mutex_unlock(&revoked->lock);
	if (r == 0)
		put(revoked, key, expires_ns);
	return r < 0 ? r : 0;
}

bool revoked_has(struct revoked *revoked, struct sb_str name, int64_t issued_ns)
{
	bool has = false;

	pthread_mutex_lock(&revoked->lock);
	if (map_count(revoked->entries))
		has = map_find_u64(revoked->entries, key_of(name, issued_ns));
	pthread_mutex_unlock(&revoked->lock);
	return has;
}

static int load(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct revoked *revoked = ud;
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	int64_t expires_ns = cursor_take_zz(&c);
	char text[17] = "";
	int r;

	(void)rev;
	if (key.n != 16 || c.bad || version != VERSION)
		return 0; /* nothing of ours: nobody is let in because of it */
	memcpy(text, key.p, 16);
	pthread_mutex_lock(&revoked->lock);
	r = keep(revoked, strtoull(text, NULL, 16), expires_ns);
	pthread_mutex_unlock(&revoked->lock);
	return r < 0 ? r : 0;
}

int revoked_load(struct revoked *revoked)
{
	int r = revoked->docs
	                ? docs_scan_wait(revoked->docs, SB_STR("token.revoked"), load, revoked)
	                : 0;

	if (r < 0)
		return log_error(r, "cannot read which tokens have ended");
	pthread_mutex_lock(&revoked->lock);
	tidy(revoked, clock_utc());
	pthread_mutex_unlock(&revoked->lock);
	return 0;
}
