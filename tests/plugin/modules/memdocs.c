/* A docstore in memory, slow enough that writes gather: "put N" tells the size of each commit. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

#define MAX_DOCS 512

struct doc {
	char space[64], key[64], text[64];
	uint64_t rev;
};

struct memdocs {
	struct doc docs[MAX_DOCS]; /* by space and key */
	size_t n;
	uint64_t rev;
	char log[256];
};

static int order(const struct doc *d, struct sb_str space, struct sb_str key)
{
	char s[64];
	char k[64];
	snprintf(s, sizeof(s), "%.*s", (int)space.n, space.p);
	snprintf(k, sizeof(k), "%.*s", (int)key.n, key.p);
	int by_space = strcmp(d->space, s);
	return by_space ? by_space : strcmp(d->key, k);
}

/* The first place at or behind the key. */
static size_t place(const struct memdocs *m, struct sb_str space, struct sb_str key)
{
	size_t i = 0;
	while (i < m->n && order(&m->docs[i], space, key) < 0)
		i++;
	return i;
}

static struct doc *find(struct memdocs *m, struct sb_str space, struct sb_str key)
{
	size_t i = place(m, space, key);
	return i < m->n && order(&m->docs[i], space, key) == 0 ? &m->docs[i] : NULL;
}

static void put_one(struct memdocs *m, const struct sb_doc_put *put)
{
	struct doc *d = find(m, put->space, put->key);
	size_t i = place(m, put->space, put->key);
	if (!d) {
		if (m->n == MAX_DOCS)
			abort();
		memmove(&m->docs[i + 1], &m->docs[i], (m->n++ - i) * sizeof(*d));
		d = &m->docs[i];
	}
	snprintf(d->space, sizeof(d->space), "%.*s", (int)put->space.n, put->space.p);
	snprintf(d->key, sizeof(d->key), "%.*s", (int)put->key.n, put->key.p);
	snprintf(d->text, sizeof(d->text), "%.*s", (int)put->doc.n, (const char *)put->doc.p);
	d->rev = ++m->rev;
}

static void tell(const struct memdocs *m, uint32_t n)
{
	char line[32];
	int fd = m->log[0] ? open(m->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
	int len = snprintf(line, sizeof(line), "put %u\n", n);
	if (fd >= 0 && write(fd, line, (size_t)len) != len)
		abort();
	if (fd >= 0)
		close(fd);
}

static int32_t put(void *self, const struct sb_doc_put *puts, uint32_t n, uint64_t *revs,
                   uint32_t *bad)
{
	struct memdocs *m = self;
	const struct timespec commit = { .tv_nsec = 20000000 };
	nanosleep(&commit, NULL);
	for (uint32_t i = 0; i < n; i++) {
		const struct doc *d = find(m, puts[i].space, puts[i].key);
		*bad = i;
		if (puts[i].if_rev != UINT64_MAX && puts[i].if_rev != (d ? d->rev : 0))
			return SB_E_CONFLICT;
	}
	for (uint32_t i = 0; i < n; i++) {
		put_one(m, &puts[i]);
		revs[i] = m->rev;
	}
	tell(m, n);
	return 0;
}

static int32_t get(void *self, struct sb_str space, struct sb_str key, sb_docstore_fn fn, void *ud)
{
	const struct doc *d = find(self, space, key);
	const struct sb_bytes none = { NULL, 0 };
	if (!d) {
		fn(ud, SB_E_NOT_FOUND, none, 0);
		return 0;
	}
	const struct sb_bytes text = { (const uint8_t *)d->text, strlen(d->text) };
	fn(ud, 0, text, d->rev);
	return 0;
}

static int32_t scan(void *self, struct sb_str space, struct sb_str from, uint32_t limit,
                    sb_doc_row_fn fn, void *ud)
{
	const struct memdocs *m = self;
	char name[64];
	snprintf(name, sizeof(name), "%.*s", (int)space.n, space.p);
	uint32_t n = 0;
	for (size_t i = place(m, space, from); i < m->n; i++) {
		const struct doc *d = &m->docs[i];
		if (strcmp(d->space, name) != 0 || (limit && n++ == limit))
			break;
		const struct sb_bytes text = { (const uint8_t *)d->text, strlen(d->text) };
		int32_t r = fn(ud, sb_str_of(d->key, strlen(d->key)), text, d->rev);
		if (r < 0)
			return r;
	}
	return 0;
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	(void)host;
	(void)d;
	*self = calloc(1, sizeof(struct memdocs));
	return *self ? 0 : -ENOMEM;
}

static int32_t configure(void *self, const struct sb_config *c)
{
	struct memdocs *m = self;
	struct sb_str s = { "", 0 };
	(void)c->str(c, "/log", &s);
	snprintf(m->log, sizeof(m->log), "%.*s", (int)s.n, s.p);
	return 0;
}

static const void *ext(void *self, const char *id)
{
	static const struct sb_docstore table = {
		.size = sizeof(table), .get = get, .put = put, .scan = scan
	};
	(void)self;
	return strcmp(id, "sb.docstore/1") == 0 ? &table : NULL;
}

static const struct sb_ops ops = {
	.size = sizeof(ops), .create = create, .configure = configure, .destroy = free, .ext = ext
};

static const struct sb_descriptor descriptor = {
	COMMON_DESCRIPTOR("memdocs"),
	.flags = SB_RUN_THREAD,
	.provides = (const char *const[]){ "sb.docstore/1", NULL },
	.config_schema = "{\"type\":\"object\",\"properties\":{\"log\":{\"type\":\"string\"}}}",
	.ops = &ops,
};

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

SB_PLUGIN("memdocs", "1.0.0", 0, common_init, NULL, describe);
