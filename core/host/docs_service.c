/* "sb.docs/1": each instance has a space of its own; answers come back on its own thread. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/own.h"
#include "host/docs_op.h"
#include "host/host.h"
#include "host/service.h"
#include "host/state.h"

#define LOG_MODULE "docs"

#define MAX_SPACE     64
#define MAX_WAITING   1024 /* per instance */
#define MAX_DOC_BYTES (4u << 20)
#define PAGE_ROWS     256

struct docs_service {
	struct sb_docs table; /* first: what plugins get leads back to the rest */
	struct docs *docs;
	uint32_t slot;
	pthread_mutex_t lock;
	struct space *spaces;
};

struct space { /* per instance */
	struct space *next;
	struct docs *docs;
	char name[MAX_SPACE + 1];
	_Atomic uint32_t waiting;
};

struct row {
	struct row *next;
	struct sb_str key;
	struct sb_bytes doc;
	uint64_t rev;
};

struct reply { /* from the question to the answer */
	struct instance *instance;
	uint32_t life;
	struct space *space;
	sb_doc_fn fn;
	void *ud;
	int r;
	bool is_scan;
	struct row *first, **last;
	uint32_t n_rows;
	char key[512]; /* put, get */
	size_t key_n;
};

/* Lower case and dashes; what that loses, a checksum keeps apart. */
static void name_space(char out[static MAX_SPACE + 1], const char *instance)
{
	uint32_t hash = 2166136261u;
	bool is_changed = false;
	size_t n = (size_t)snprintf(out, MAX_SPACE + 1, "plugin/");
	for (const char *p = instance; *p; p++) {
		unsigned char c = (unsigned char)*p;
		bool is_plain = islower(c) || isdigit(c) || c == '.' || c == '-';
		hash = (hash ^ c) * 16777619u;
		is_changed |= !is_plain || n >= MAX_SPACE - 9;
		if (n < MAX_SPACE - 9)
			out[n++] = is_plain ? (char)c : '-';
	}
	out[n] = 0;
	if (is_changed)
		snprintf(out + n, MAX_SPACE + 1 - n, "-%08x", hash);
}

static struct space *space_of(struct instance *in)
{
	const struct docs_service *s = service_find(in->host, "sb.docs/1");
	return instance_get(in, s->slot);
}

static void reply_free(struct reply *r)
{
	while (r->first) {
		struct row *next = r->first->next;
		free(r->first);
		r->first = next;
	}
	if (r->space)
		atomic_fetch_sub(&r->space->waiting, 1);
	free(r);
}

static void reply_freep(struct reply **r)
{
	if (*r)
		reply_free(*r);
}

static int add_row(struct reply *r, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct row *row = malloc(sizeof(*row) + key.n + doc.n);
	if (!row)
		return -ENOMEM;
	char *p = (char *)(row + 1);
	row->next = NULL;
	row->rev = rev;
	row->key = sb_str_of(memcpy(p, key.n ? key.p : "", key.n), key.n);
	row->doc.p = memcpy(p + key.n, doc.n ? doc.p : (const uint8_t *)"", doc.n);
	row->doc.n = doc.n;
	*r->last = row;
	r->last = &row->next;
	r->n_rows++;
	return 0;
}

/* ---- [inst] the answer */

static void tell(const struct reply *r, int code, struct sb_str key, struct sb_bytes doc,
                 uint64_t rev)
{
	struct frame f;
	if (!r->fn || instance_state(r->instance) >= INSTANCE_STOPPED ||
	    r->life != atomic_load(&r->instance->life))
		return;
	frame_enter(&f, r->instance, "docs answer");
	r->fn(r->ud, code, key, doc, rev);
	frame_leave(&f);
}

static int ask_page(struct reply *r, struct sb_str from);

/* A full page: the next one begins behind its last key, key + 0x00. */
static void next_page(struct reply *r, const struct row *last)
{
	char from[513];
	memcpy(from, last->key.p, last->key.n);
	from[last->key.n] = 0;
	_own_(reply_freep) struct reply *more = calloc(1, sizeof(*more));
	int code = -ENOMEM;
	if (more) {
		*more = *r;
		more->first = NULL;
		more->last = &more->first;
		more->n_rows = 0;
		atomic_fetch_add(&more->space->waiting, 1);
		code = ask_page(more, sb_str_of(from, last->key.n + 1));
	}
	if (code < 0)
		tell(r, code, SB_STR(""), (struct sb_bytes){ 0 }, 0);
	else
		(void)steal(more);
}

static void deliver_scan(struct reply *r)
{
	const struct row *last = NULL;
	for (const struct row *row = r->first; row; row = row->next) {
		tell(r, 0, row->key, row->doc, row->rev);
		last = row;
	}
	if (r->r >= 0 && last && r->n_rows == PAGE_ROWS && last->key.n <= 512)
		next_page(r, last);
	else
		tell(r, r->r < 0 ? r->r : SB_E_NOT_FOUND, SB_STR(""), (struct sb_bytes){ 0 }, 0);
}

static void deliver(void *ud)
{
	_own_(reply_freep) struct reply *r = ud;
	const struct row *row = r->first;
	if (r->is_scan)
		deliver_scan(r);
	else
		tell(r, r->r, sb_str_of(r->key, r->key_n), row ? row->doc : (struct sb_bytes){ 0 },
		     row ? row->rev : 0);
}

/* ---- [docstore thread] */

static void on_answer(struct docs_op *op, int code, struct sb_bytes doc, uint64_t rev)
{
	struct reply *r = op->ud;
	r->r = code;
	if (code >= 0 && !r->is_scan)
		r->r = add_row(r, sb_str_of(r->key, r->key_n), doc, rev);
	if (instance_post(r->instance, deliver, r) == 0)
		return;
	log_warn(0, "an answer for %s is lost: its thread has ended or is full", r->instance->name);
	reply_free(r);
}

static int32_t on_row(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	return add_row(ud, key, doc, rev);
}

/* ---- [inst] the question */

/* Takes nothing when it fails. */
static int ask(struct reply *r, enum docs_kind kind, const struct sb_doc_put *put)
{
	struct docs_op *op = NULL;
	int code = docs_op_new(&op, kind, put);
	if (code < 0)
		return code;
	op->done = on_answer;
	op->ud = r;
	op->row = on_row;
	op->n = PAGE_ROWS;
	code = docs_op_ask(r->space->docs, op);
	if (code < 0)
		free(op);
	return code;
}

static int ask_page(struct reply *r, struct sb_str from)
{
	const struct sb_doc_put what = {
		.space = sb_str_of(r->space->name, strlen(r->space->name)),
		.key = from,
	};
	return ask(r, DOCS_SCAN, &what);
}

static int reply_new(struct reply **out, struct sb_host *h, sb_doc_fn fn, void *ud)
{
	struct instance *in = instance_of(h);
	struct space *space = space_of(in);
	if (!space)
		return -ESHUTDOWN;
	if (atomic_load(&space->waiting) >= MAX_WAITING)
		return SB_AGAIN;
	struct reply *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->instance = in;
	r->life = atomic_load(&in->life);
	r->space = space;
	r->fn = fn;
	r->ud = ud;
	r->last = &r->first;
	atomic_fetch_add(&space->waiting, 1);
	*out = r;
	return 0;
}

static int32_t ask_key(struct sb_host *h, enum docs_kind kind, struct sb_doc_put *put, sb_doc_fn fn,
                       void *ud)
{
	_own_(reply_freep) struct reply *r = NULL;
	if (put->key.n == 0 || put->key.n > sizeof(r->key))
		return SB_E_NAME;
	int code = reply_new(&r, h, fn, ud);
	if (code != 0)
		return code;
	put->space = sb_str_of(r->space->name, strlen(r->space->name));
	memcpy(r->key, put->key.p, put->key.n);
	r->key_n = put->key.n;
	code = ask(r, kind, put);
	if (code < 0)
		return code;
	(void)steal(r);
	return 0;
}

static int32_t get(struct sb_host *h, struct sb_str key, sb_doc_fn fn, void *ud)
{
	struct sb_doc_put what = { .key = key };
	return fn ? ask_key(h, DOCS_GET, &what, fn, ud) : -EINVAL;
}

static int32_t put(struct sb_host *h, struct sb_str key, struct sb_bytes doc, uint64_t if_rev,
                   sb_doc_fn fn, void *ud)
{
	struct sb_doc_put what = { .key = key, .doc = doc, .if_rev = if_rev };
	if (doc.n > MAX_DOC_BYTES)
		return SB_E_QUOTA;
	return ask_key(h, DOCS_PUT, &what, fn, ud);
}

static int32_t scan(struct sb_host *h, struct sb_str from, sb_doc_fn fn, void *ud)
{
	_own_(reply_freep) struct reply *r = NULL;
	if (!fn || from.n > 512)
		return -EINVAL;
	int code = reply_new(&r, h, fn, ud);
	if (code != 0)
		return code;
	r->is_scan = true;
	code = ask_page(r, from);
	if (code < 0)
		return code;
	(void)steal(r);
	return 0;
}

/* ---- making */

static int on_starting(void *ud, struct instance *in)
{
	struct docs_service *s = ud;
	if (instance_get(in, s->slot))
		return 0;
	struct space *space = calloc(1, sizeof(*space));
	if (!space)
		return -ENOMEM;
	space->docs = s->docs;
	name_space(space->name, in->name);
	instance_set(in, s->slot, space);
	pthread_mutex_lock(&s->lock);
	space->next = s->spaces;
	s->spaces = space;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

struct docs_service *docs_service_free(struct docs_service *s)
{
	if (!s)
		return NULL;
	while (s->spaces) {
		struct space *next = s->spaces->next;
		free(s->spaces);
		s->spaces = next;
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
	return NULL;
}

int docs_service_new(struct docs_service **out, struct docs *docs, struct host *host)
{
	struct docs_service *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->table =
		(struct sb_docs){ .size = sizeof(s->table), .get = get, .put = put, .scan = scan };
	s->docs = docs;
	pthread_mutex_init(&s->lock, NULL);
	s->slot = host_slot(host);
	const struct host_observer observer = { .starting = on_starting, .ud = s };
	int r = host_observe(host, &observer);
	if (r >= 0)
		r = host_provide(host, "sb.docs/1", &s->table);
	if (r < 0) {
		docs_service_free(s);
		return r;
	}
	*out = s;
	return 0;
}
