#include <errno.h>
#include <stdlib.h>

#include "memstore/memstore.h"

struct doc {
	struct sb_str space, key;
	struct sb_bytes value;
	uint64_t rev;
};

struct world { /* of one folder; lives as long as the process */
	struct world *next;
	char *dir;
	struct doc *docs; /* by space, then key */
	size_t n, cap;
	uint64_t rev;
};

struct memdocs {
	struct world *world;
};

static struct world *worlds;

static int compare(struct sb_str a, struct sb_str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

/* The first place at or behind a key. */
static size_t place(const struct world *w, struct sb_str space, struct sb_str key)
{
	size_t low = 0;
	size_t high = w->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = compare(w->docs[mid].space, space);
		if (!order)
			order = compare(w->docs[mid].key, key);
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct doc *find(struct world *w, struct sb_str space, struct sb_str key)
{
	size_t i = place(w, space, key);

	return i < w->n && compare(w->docs[i].space, space) == 0 &&
	                       compare(w->docs[i].key, key) == 0
	               ? &w->docs[i]
	               : NULL;
}

static void *keep(const void *p, size_t n)
{
	void *copy = malloc(n + 1);

	if (copy && n)
		memcpy(copy, p, n);
	return copy;
}

static void drop(struct doc *d)
{
	free((void *)(uintptr_t)d->space.p);
	free((void *)(uintptr_t)d->key.p);
	free((void *)(uintptr_t)d->value.p);
}

static int32_t check_name(struct sb_str space, struct sb_str key)
{
	if (!space.n || space.n > 64 || !key.n || key.n > 512)
		return SB_E_NAME;
	for (size_t i = 0; i < space.n; i++) {
		char c = space.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' &&
		    c != '/')
			return SB_E_NAME;
	}
	return 0;
}

static int32_t check_puts(struct world *w, const struct sb_doc_put *puts, uint32_t n, uint32_t *bad)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct doc *d = NULL;
		int32_t r = check_name(puts[i].space, puts[i].key);
		uint64_t now = 0;
		*bad = i;
		if (r < 0)
			return r;
		if (puts[i].doc.n > 16u << 20)
			return SB_E_RANGE;
		d = find(w, puts[i].space, puts[i].key);
		now = d ? d->rev : 0;
		/* What this commit does to it before counts. */
		for (uint32_t k = 0; k < i; k++)
			if (memstore_same(puts[k].space, puts[i].space) &&
			    memstore_same(puts[k].key, puts[i].key))
				now = puts[k].doc.n ? UINT64_MAX - 1 : 0;
		if (puts[i].if_rev != UINT64_MAX && puts[i].if_rev != now)
			return SB_E_CONFLICT;
	}
	return 0;
}

static void put_one(struct world *w, const struct sb_doc_put *put, uint64_t *rev)
{
	struct doc *d = find(w, put->space, put->key);
	size_t i = place(w, put->space, put->key);

	*rev = 0;
	if (d)
		drop(d);
	if (!put->doc.n) {
		if (d)
			memmove(d, d + 1, (--w->n - i) * sizeof(*d));
		return;
	}
	if (!d) {
		memmove(&w->docs[i + 1], &w->docs[i], (w->n++ - i) * sizeof(*d));
		d = &w->docs[i];
	}
	*rev = ++w->rev;
	*d = (struct doc){ { keep(put->space.p, put->space.n), put->space.n },
		           { keep(put->key.p, put->key.n), put->key.n },
		           { keep(put->doc.p, put->doc.n), put->doc.n },
		           *rev };
}

static int32_t put(void *self, const struct sb_doc_put *puts, uint32_t n, uint64_t *revs,
                   uint32_t *bad)
{
	struct world *w = ((struct memdocs *)self)->world;
	uint32_t at = 0;
	int32_t r = check_puts(w, puts, n, bad ? bad : &at);

	if (r < 0)
		return r;
	if (w->n + n > w->cap) {
		size_t cap = 2 * w->cap + n;
		struct doc *more = realloc(w->docs, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		w->docs = more;
		w->cap = cap;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint64_t rev;
		put_one(w, &puts[i], revs ? &revs[i] : &rev);
	}
	return 0;
}

static int32_t get(void *self, struct sb_str space, struct sb_str key, sb_docstore_fn fn, void *ud)
{
	struct world *w = ((struct memdocs *)self)->world;
	int32_t r = check_name(space, key);
	const struct doc *d = r == 0 ? find(w, space, key) : NULL;

	if (!d)
		return r < 0 ? r : SB_E_NOT_FOUND;
	fn(ud, 0, d->value, d->rev);
	return 0;
}

static int32_t scan(void *self, struct sb_str space, struct sb_str from, uint32_t limit,
                    sb_doc_row_fn fn, void *ud)
{
	struct world *w = ((struct memdocs *)self)->world;
	uint32_t n = 0;

	if (check_name(space, SB_STR("x")) < 0)
		return SB_E_NAME;
	for (size_t i = place(w, space, from); i < w->n; i++) {
		const struct doc *d = &w->docs[i];
		if (compare(d->space, space) != 0 || (limit && n++ == limit))
			break;
		int32_t r = fn(ud, d->key, d->value, d->rev);
		if (r < 0)
			return r;
	}
	return 0;
}

static int32_t check(void *self, uint64_t *documents)
{
	*documents = ((struct memdocs *)self)->world->n;
	return 0;
}

/* ---- the instance */

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	(void)host;
	(void)d;
	*self = calloc(1, sizeof(struct memdocs));
	return *self ? 0 : -ENOMEM;
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct memdocs *m = self;
	struct sb_str dir = { "", 0 };

	(void)config->str(config, "/dir", &dir);
	for (m->world = worlds; m->world; m->world = m->world->next)
		if (memstore_same(sb_str_of(m->world->dir, strlen(m->world->dir)), dir))
			return 0;
	m->world = calloc(1, sizeof(*m->world));
	if (!m->world)
		return -ENOMEM;
	m->world->dir = strndup(dir.p, dir.n);
	m->world->next = worlds;
	worlds = m->world;
	return m->world->dir ? 0 : -ENOMEM;
}

static int32_t start(void *self)
{
	(void)self;
	return 0;
}

static void stop(void *self)
{
	(void)self;
}

static int32_t drain(void *self, int64_t deadline_ns)
{
	(void)self;
	(void)deadline_ns;
	return 0;
}

static const void *ext(void *self, const char *id)
{
	static const struct sb_docstore table = {
		.size = sizeof(table), .get = get, .put = put, .scan = scan, .check = check
	};

	(void)self;
	return strcmp(id, "sb.docstore/1") == 0 ? &table : NULL;
}

const struct sb_ops memstore_docs = {
	.size = sizeof(memstore_docs),
	.create = create,
	.configure = configure,
	.start = start,
	.drain = drain,
	.stop = stop,
	.destroy = free,
	.ext = ext,
};
