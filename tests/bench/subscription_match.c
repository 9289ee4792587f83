/* How long one topic takes to find its subscriptions among few and among many: one line of JSON. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session.h"
#include "trie.h"

#define MATCHES 1000000u

struct result {
	double ns, bytes;
};

static uint32_t found;

static void on_match(void *ud, struct sub_set *set)
{
	(void)ud;
	found += set->plain.n;
}

static double now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static struct sb_str name(char *buf, size_t cap, uint32_t k)
{
	int n = snprintf(buf, cap, "site/%u/machine/%u/state", k % 100, k);
	return sb_str_of(buf, (size_t)n);
}

static int add(struct trie *t, struct session *s, struct sb_str filter)
{
	struct sub *sub;
	return trie_add(t, s, sb_str_of(NULL, 0), filter, &sub) == 1 ? 0 : -1;
}

/* n filters, each of another machine, and three with wildcards that match everything here. */
static int measure(uint32_t n, struct result *out)
{
	static struct session s;
	struct trie t;
	char buf[64];
	size_t before = mallinfo2().uordblks;
	uint32_t random = 1;
	int r = trie_init(&t, 4711);

	for (uint32_t k = 0; k < n && !r; k++)
		r = add(&t, &s, name(buf, sizeof(buf), k));
	out->bytes = (double)(mallinfo2().uordblks - before) / n;
	if (r || add(&t, &s, SB_STR("site/+/machine/+/state")) || add(&t, &s, SB_STR("site/#")) ||
	    add(&t, &s, SB_STR("+/+/+/+/state")))
		return -1;
	found = 0;
	double begin = now_ns();
	for (uint32_t i = 0; i < MATCHES; i++) {
		random = random * 1664525u + 1013904223u;
		(void)trie_match(&t, name(buf, sizeof(buf), (random >> 8) % n), on_match, NULL);
	}
	out->ns = (now_ns() - begin) / MATCHES;
	while (s.subs)
		trie_remove(&t, s.subs);
	trie_fini(&t);
	return found == 4 * MATCHES ? 0 : -1;
}

int main(void)
{
	struct result few;
	struct result many;

	if (measure(10, &few) < 0 || measure(1000000, &many) < 0) {
		(void)fprintf(stderr, "a match is missing, or memory\n");
		return 1;
	}
	(void)printf("{\"among_10\": %.0f, \"among_1000000\": %.0f, \"bytes_per_filter\": %.0f}\n",
	             few.ns, many.ns, many.bytes);
	return 0;
}
