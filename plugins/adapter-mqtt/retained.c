#include "retained.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acl.h"
#include "conn.h"
#include "keep.h"
#include "message.h"
#include "reason.h"
#include "server.h"
#include "store.h"

#define ENTRY_COST 160
#define LEVEL_COST 96 /* of a node of the tree, besides its name */
#define WALK_MAX   1000000
#define PUTS_MAX   256
#define SWEEP_MAX  256
#define PICK_MAX   256

struct retained_waiter {
	struct retained_waiter *next;
	struct conn *conn;
	uint32_t ref;
};

int retained_init(struct retained *r, uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	r->queue_at = &r->queue;
	return tree_init(&r->tree, seed);
}

static void free_waiters(struct retained_waiter *w)
{
	while (w) {
		struct retained_waiter *next = w->next;
		free(w);
		w = next;
	}
}

void retained_fini(struct retained *r)
{
	for (uint32_t i = 0; i < r->tree.cap; i++) {
		for (struct tree_node *node = r->tree.edges[i]; node; node = node->chain) {
			struct retained_entry *e = node->value;
			if (!e)
				continue;
			message_unref(e->msg);
			free_waiters(e->now);
			free_waiters(e->next_time);
			free(e);
		}
	}
	tree_fini(&r->tree);
}

/* ---- keeping */

static void account(struct server *srv, const struct message *msg, int sign)
{
	int64_t bytes = message_size(msg);

	srv->retained.n += (uint32_t)sign;
	srv->retained.bytes += (uint64_t)(sign * bytes);
	metrics_move(srv->m.retained, sign);
	metrics_move(srv->m.retained_bytes, sign * bytes);
}

/* An entry costs until its document is gone, with all levels of its topic as if they were its own.
 */
static void account_entry(struct server *srv, const struct tree_node *node, int sign)
{
	int64_t bytes = ENTRY_COST;

	for (; node->parent; node = node->parent)
		bytes += LEVEL_COST + node->len;
	srv->retained.entries += (uint32_t)sign;
	srv->retained.bytes += (uint64_t)(sign * bytes);
	metrics_move(srv->m.retained_bytes, sign * bytes);
}

static uint32_t levels_of(struct sb_str topic)
{
	uint32_t n = 1;

	for (size_t i = 0; i < topic.n; i++)
		n += topic.p[i] == '/';
	return n;
}

int retained_room(const struct server *srv, const struct publish *p)
{
	const struct retained *r = &srv->retained;

	if (!p->payload.n)
		return 0;
	uint64_t cost = p->payload.n + 2 * p->topic.n + ENTRY_COST +
	                levels_of(p->topic) * (uint64_t)LEVEL_COST;
	for (unsigned i = 0; i < 3; i++)
		cost += p->forward[i].n;
	if (r->bytes + cost > srv->config.max_retained_bytes)
		return SB_E_QUOTA;
	if (r->entries < srv->config.max_retained)
		return 0;
	struct tree_node *node = tree_find(&r->tree, p->topic);
	return node && node->value ? 0 : SB_E_QUOTA;
}

static struct retained_entry *entry_make(struct server *srv, struct sb_str topic)
{
	struct tree_node *node = tree_add(&srv->retained.tree, topic);

	if (!node)
		return NULL;
	if (node->value)
		return node->value;
	struct retained_entry *e = calloc(1, sizeof(*e));
	if (!e) {
		tree_prune(&srv->retained.tree, node);
		return NULL;
	}
	e->node = node;
	e->srv = srv;
	node->value = e;
	account_entry(srv, node, 1);
	return e;
}

/* Frees an entry that holds nothing and waits for nothing. */
static void entry_collect(struct retained_entry *e)
{
	if (e->msg || e->in_flight || e->dirty)
		return;
	account_entry(e->srv, e->node, -1);
	e->node->value = NULL;
	tree_prune(&e->srv->retained.tree, e->node);
	free(e);
}

static void entry_replace(struct retained_entry *e, struct message *msg)
{
	struct server *srv = e->srv;

	if (e->msg)
		account(srv, e->msg, -1);
	message_unref(e->msg);
	e->msg = msg;
	e->seq = ++srv->retained.seq;
	if (msg)
		account(srv, msg, 1);
}

/* ---- writing: one put per topic at a time, the newest message wins */

static void put_more(struct server *srv);

static void answer(struct retained_waiter *w, int32_t r)
{
	while (w) {
		struct retained_waiter *next = w->next;
		struct conn *c = w->conn;
		uint32_t ref = w->ref;
		free(w);
		w = next;
		c->n_pinned--;
		if (r >= 0) {
			acks_done(c, ref, REASON_SUCCESS);
		} else if (c->state == CONN_UP) {
			conn_fail_storage(c, REASON_UNSPECIFIED,
			                  "the retained message could not be stored");
			conn_leave(c, true, SB_DOWN_KICKED, "storage failed");
		}
		conn_settle(c);
	}
}

static void queue(struct retained_entry *e)
{
	struct retained *r = &e->srv->retained;

	if (e->dirty || e->in_flight) {
		e->dirty = true;
		return;
	}
	e->dirty = true;
	e->queued = NULL;
	*r->queue_at = e;
	r->queue_at = &e->queued;
}

static void on_put(void *ud, int32_t r, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct retained_entry *e = ud;
	struct server *srv = e->srv;
	struct retained_waiter *w = e->now;

	(void)key;
	(void)doc;
	(void)rev;
	srv->retained.puts--;
	e->now = NULL;
	e->in_flight = false;
	/* Removing what is not there has done what was asked. */
	if (r == SB_E_NOT_FOUND)
		r = 0;
	if (r < 0) {
		metrics_count(srv->m.retained_failed, 1);
		server_log(srv, SB_LOG_ERROR, "cannot store a retained message: %s",
		           sb_strerror(r));
	}
	if (e->dirty) {
		e->dirty = false;
		queue(e);
	}
	entry_collect(e);
	answer(w, r);
	put_more(srv);
}

static void put_one(struct retained_entry *e)
{
	struct server *srv = e->srv;
	int r = store_put(srv, e->node, e->msg, on_put, e);

	if (r < 0)
		on_put(e, r, sb_str_of(NULL, 0), (struct sb_bytes){ NULL, 0 }, 0);
}

static void put_more(struct server *srv)
{
	struct retained *r = &srv->retained;

	/* A put may be answered inside its call. */
	if (r->putting)
		return;
	r->putting = true;
	while (r->queue && r->puts < PUTS_MAX) {
		struct retained_entry *e = r->queue;
		r->queue = e->queued;
		if (!r->queue)
			r->queue_at = &r->queue;
		e->dirty = false;
		e->in_flight = true;
		e->now = e->next_time;
		e->next_time = NULL;
		r->puts++;
		put_one(e);
	}
	r->putting = false;
}

int retained_set(struct server *srv, const struct publish *p, struct conn *c, uint32_t ref)
{
	struct message *msg = NULL;
	struct retained_waiter *w = NULL;

	if (!p->payload.n) {
		struct tree_node *node = tree_find(&srv->retained.tree, p->topic);
		if (!node || !node->value)
			return 0;
	} else {
		msg = message_new(p);
		if (!msg)
			return -ENOMEM;
		msg->retain = true;
	}
	if (c && srv->docs)
		w = malloc(sizeof(*w));
	struct retained_entry *e = entry_make(srv, p->topic);
	if (!e || (c && srv->docs && !w)) {
		message_unref(msg);
		free(w);
		return -ENOMEM;
	}
	entry_replace(e, msg);
	if (!srv->docs) {
		entry_collect(e);
		return 0;
	}
	if (w) {
		*w = (struct retained_waiter){ e->next_time, c, ref };
		e->next_time = w;
		c->n_pinned++;
	}
	queue(e);
	put_more(srv);
	return w ? SB_PENDING : 0;
}

static struct retained_entry *expired_in(const struct tree_node *bucket, int64_t now_s)
{
	for (; bucket; bucket = bucket->chain) {
		struct retained_entry *e = bucket->value;
		if (e && e->msg && e->msg->expires_s && e->msg->expires_s <= now_s)
			return e;
	}
	return NULL;
}

void retained_sweep(struct server *srv)
{
	struct retained *r = &srv->retained;
	int64_t now_s = server_utc_s(srv);
	struct retained_entry *e;

	for (uint32_t i = 0; i < SWEEP_MAX && i < r->tree.cap; i++) {
		uint32_t bucket = r->swept++ & (r->tree.cap - 1);
		while ((e = expired_in(r->tree.edges[bucket], now_s))) {
			entry_replace(e, NULL);
			if (srv->docs)
				queue(e);
			else
				entry_collect(e);
		}
	}
	put_more(srv);
}

/* ---- giving them to new subscribers */

struct pick { /* the oldest PICK_MAX matches that have not been sent */
	struct retained_entry *found[PICK_MAX];
	const struct tree_node *levels[64];
	uint64_t after, end;
	int64_t now_s;
	uint32_t n, n_levels, newest;
	uint32_t walked; /* steps */
};

static void take(struct pick *k, struct retained_entry *e)
{
	k->walked++;
	if (!e || !e->msg || e->seq <= k->after || e->seq > k->end)
		return;
	if (e->msg->expires_s && e->msg->expires_s <= k->now_s)
		return;
	if (k->n < PICK_MAX)
		k->found[k->n++] = e;
	else if (e->seq < k->found[k->newest]->seq)
		k->found[k->newest] = e;
	else
		return;
	if (k->n < PICK_MAX)
		return;
	for (uint32_t i = 0; i < k->n; i++)
		if (k->found[i]->seq > k->found[k->newest]->seq)
			k->newest = i;
}

static bool hidden(const struct tree_node *parent, const struct tree_node *child)
{
	return !parent->parent && child->len && child->name[0] == '$';
}

static void take_all(struct pick *k, const struct tree_node *node)
{
	take(k, node->value);
	for (const struct tree_node *child = node->child; child; child = child->next)
		if (!hidden(node, child))
			take_all(k, child);
}

static void walk(const struct tree *t, struct pick *k, const struct tree_node *node, uint32_t level)
{
	k->walked++;
	if (level == k->n_levels) {
		take(k, node->value);
		return;
	}
	const struct tree_node *want = k->levels[level];
	if (want == want->parent->multi) {
		take_all(k, node);
		return;
	}
	if (want != want->parent->plus) {
		const struct tree_node *step = tree_step(t, node, sb_str_of(want->name, want->len));
		if (step)
			walk(t, k, step, level + 1);
		return;
	}
	for (const struct tree_node *child = node->child; child; child = child->next)
		if (!hidden(node, child))
			walk(t, k, child, level + 1);
}

static int by_seq(const void *a, const void *b)
{
	const struct retained_entry *const *x = a;
	const struct retained_entry *const *y = b;
	return (*x)->seq < (*y)->seq ? -1 : 1;
}

void retained_due(struct sub *sub)
{
	if (!sub->retained_due)
		sub->session->n_retained_due++;
	sub->retained_due = true;
	retained_stop(sub);
}

static void done(struct session *s, struct sub *sub)
{
	sub->retained_due = false;
	s->n_retained_due--;
	retained_stop(sub);
	keep_subscribed(s, sub);
}

static struct retained_walk *current(struct session *s)
{
	if (s->walk)
		return s->walk;
	struct sub *sub = s->subs;
	while (sub && !sub->retained_due)
		sub = sub->next;
	s->walk = sub ? malloc(sizeof(*s->walk)) : NULL;
	if (s->walk)
		*s->walk = (struct retained_walk){ sub, 0, s->srv->retained.seq };
	return s->walk;
}

bool retained_pump(struct session *s)
{
	struct server *srv = s->srv;
	struct retained_walk *walked = current(s);

	if (!walked)
		return false;
	struct sub *sub = walked->sub;
	struct pick k = { .after = walked->seen, .end = walked->end };
	/* Filters that match little of much must not keep everybody else waiting. */
	if (srv->walked >= WALK_MAX) {
		srv->walk_waits = true;
		return false;
	}
	k.now_s = server_utc_s(srv);
	for (struct tree_node *node = sub->list->set->node; node->parent; node = node->parent)
		k.levels[k.n_levels++] = node;
	for (uint32_t i = 0; i < k.n_levels / 2; i++) {
		const struct tree_node *swap = k.levels[i];
		k.levels[i] = k.levels[k.n_levels - 1 - i];
		k.levels[k.n_levels - 1 - i] = swap;
	}
	walk(&srv->retained.tree, &k, srv->retained.tree.root, 0);
	srv->walked += k.walked;
	qsort(k.found, k.n, sizeof(struct retained_entry *), by_seq);
	struct inflight_delivery d = { .retain = true, .ids = &sub->identifier };
	d.n_ids = sub->identifier ? 1 : 0;
	for (uint32_t i = 0; i < k.n; i++) {
		d.qos = sub->qos < k.found[i]->msg->qos ? sub->qos : k.found[i]->msg->qos;
		struct publish p;
		message_view(k.found[i]->msg, &p);
		if (sub->part && !acl_reads(s, p.topic)) {
			walked->seen = k.found[i]->seq;
			continue;
		}
		/* Full of what is not acknowledged: the rest follows the acknowledgements. */
		if (inflight_queue(s, k.found[i]->msg, &d) < 0)
			return i > 0;
		walked->seen = k.found[i]->seq;
	}
	if (k.n < PICK_MAX)
		done(s, sub);
	return k.n > 0 || s->n_retained_due > 0;
}

/* ---- at start */

void retained_put_back(struct server *srv, const struct publish *p)
{
	struct message *msg = message_new(p);
	struct retained_entry *e = msg ? entry_make(srv, p->topic) : NULL;

	if (!e) {
		message_unref(msg);
		server_log(srv, SB_LOG_ERROR, "no memory for a retained message");
		return;
	}
	entry_replace(e, msg);
}
