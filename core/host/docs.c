#include "host/docs.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/own.h"
#include "host/docs_op.h"
#include "host/host.h"

#define LOG_MODULE "docs"

#define MAX_SPACE_BYTES   64
#define MAX_KEY_BYTES     512
#define MAX_DOC_BYTES     (4u << 20)
#define MAX_WAITING       65536
#define MAX_WAITING_BYTES (128u << 20)
#define MAX_GROUP         1024 /* puts of one commit */

struct docs {
	struct host *host;
	struct docs_service *service;
	bool (*full)(void *ud);
	void *full_ud;
	pthread_mutex_t lock; /* what follows */
	struct instance *store;
	const struct sb_docstore *table;
	struct docs_op *first, **last;
	size_t waiting, waiting_bytes;
	bool is_posted; /* a task that empties the queue is on its way */
};

/* ---- the queue */

static size_t weight(const struct docs_op *op)
{
	return sizeof(*op) + op->put.space.n + op->put.key.n + op->put.doc.n;
}

int docs_op_new(struct docs_op **out, enum docs_kind kind, const struct sb_doc_put *put)
{
	size_t room = put ? put->space.n + put->key.n + put->doc.n : 0;
	struct docs_op *op = calloc(1, sizeof(*op) + room);
	if (!op)
		return -ENOMEM;
	op->kind = kind;
	if (put) {
		char *p = (char *)(op + 1);
		op->put = *put;
		op->put.space.p = memcpy(p, put->space.n ? put->space.p : "", put->space.n);
		op->put.key.p = memcpy(p + put->space.n, put->key.n ? put->key.p : "", put->key.n);
		op->put.doc.p = memcpy(p + put->space.n + put->key.n,
		                       put->doc.n ? put->doc.p : (const uint8_t *)"", put->doc.n);
	}
	*out = op;
	return 0;
}

static void answer(struct docs_op *op, int r, struct sb_bytes doc, uint64_t rev)
{
	if (op->done)
		op->done(op, r, doc, rev);
	free(op);
}

static void answer_plain(struct docs_op *op, int r)
{
	answer(op, r, (struct sb_bytes){ 0 }, 0);
}

static struct docs_op *take_all(struct docs *docs)
{
	pthread_mutex_lock(&docs->lock);
	struct docs_op *first = docs->first;
	docs->first = NULL;
	docs->last = &docs->first;
	docs->waiting = 0;
	docs->waiting_bytes = 0;
	docs->is_posted = false;
	pthread_mutex_unlock(&docs->lock);
	return first;
}

static void run_all(void *ud);

int docs_op_ask(struct docs *docs, struct docs_op *op)
{
	int r = 0;
	pthread_mutex_lock(&docs->lock);
	if (!docs->store)
		r = -ESHUTDOWN;
	else if (docs->waiting >= MAX_WAITING ||
	         docs->waiting_bytes + weight(op) > MAX_WAITING_BYTES)
		r = SB_E_OVERLOAD;
	else if (!docs->is_posted)
		r = instance_post(docs->store, run_all, docs);
	if (r == 0) {
		docs->is_posted = true;
		docs->waiting++;
		docs->waiting_bytes += weight(op);
		*docs->last = op;
		docs->last = &op->next;
	}
	pthread_mutex_unlock(&docs->lock);
	return r > 0 ? SB_E_OVERLOAD : r;
}

/* ---- [docstore thread] */

static int store_put_once(const struct docs *docs, const struct sb_doc_put *puts, uint32_t n,
                          uint64_t *revs, uint32_t *bad)
{
	struct frame f;
	*bad = n;
	frame_enter(&f, docs->store, "docstore.put");
	int r = docs->table->put(instance_self(docs->store), puts, n, revs, bad);
	frame_leave(&f);
	return r;
}

static int store_put(const struct docs *docs, const struct sb_doc_put *puts, uint32_t n,
                     uint64_t *revs, uint32_t *bad)
{
	int r = store_put_once(docs, puts, n, revs, bad);
	if (r == -ENOSPC && docs->full && docs->full(docs->full_ud))
		r = store_put_once(docs, puts, n, revs, bad);
	return r;
}

static void put_one(const struct docs *docs, struct docs_op *op)
{
	uint32_t bad = 0;
	int r = store_put(docs, &op->put, 1, &op->rev, &bad);
	answer(op, r, (struct sb_bytes){ 0 }, op->rev);
}

/* One commit for all of them. A conflict concerns one put: it is answered, the others go again. */
static void put_group(const struct docs *docs, struct docs_op **ops, uint32_t n)
{
	_own_(freep) struct sb_doc_put *puts = calloc(n, sizeof(*puts));
	_own_(freep) uint64_t *revs = calloc(n, sizeof(*revs));
	int r = puts && revs ? SB_E_CONFLICT : -ENOMEM;
	while (n && r == SB_E_CONFLICT) {
		uint32_t bad = n;
		for (uint32_t i = 0; i < n; i++)
			puts[i] = ops[i]->put;
		r = store_put(docs, puts, n, revs, &bad);
		if (r != SB_E_CONFLICT)
			break;
		if (bad >= n)
			break; /* the store does not know which: each by itself */
		answer_plain(ops[bad], SB_E_CONFLICT);
		memmove(ops + bad, ops + bad + 1, (n - bad - 1) * sizeof(struct docs_op *));
		n--;
	}
	for (uint32_t i = 0; i < n; i++)
		if (r == 0)
			answer(ops[i], 0, (struct sb_bytes){ 0 }, revs[i]);
		else
			put_one(docs, ops[i]);
}

static void on_got(void *ud, int32_t r, struct sb_bytes doc, uint64_t rev)
{
	struct docs_op *op = ud;
	if (op->is_answered)
		return;
	op->is_answered = true;
	op->done(op, r, doc, rev);
	if (!op->is_inside)
		free(op);
}

static void run_get(const struct docs *docs, struct docs_op *op)
{
	struct frame f;
	op->is_inside = true;
	frame_enter(&f, docs->store, "docstore.get");
	int r = docs->table->get(instance_self(docs->store), op->put.space, op->put.key, on_got,
	                         op);
	frame_leave(&f);
	op->is_inside = false;
	if (r < 0 && !op->is_answered)
		on_got(op, r, (struct sb_bytes){ 0 }, 0);
	else if (op->is_answered)
		free(op);
}

static int32_t on_row(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	const struct docs_op *op = ud;
	return op->row(op->ud, key, doc, rev);
}

static void run_scan(const struct docs *docs, struct docs_op *op)
{
	struct frame f;
	frame_enter(&f, docs->store, "docstore.scan");
	int r = docs->table->scan(instance_self(docs->store), op->put.space, op->put.key, op->n,
	                          on_row, op);
	frame_leave(&f);
	answer_plain(op, r);
}

static void run_call(const struct docs *docs, struct docs_op *op)
{
	struct frame f;
	frame_enter(&f, docs->store, "docstore.call");
	int r = op->call(docs->table, instance_self(docs->store), op->call_ud);
	frame_leave(&f);
	answer_plain(op, r);
}

static void run_other(const struct docs *docs, struct docs_op *op)
{
	_own_(freep) uint64_t *revs = NULL;
	uint32_t bad = 0;
	switch (op->kind) {
	case DOCS_PUT:
		put_one(docs, op);
		return;
	case DOCS_GROUP:
		revs = calloc(op->n, sizeof(*revs));
		answer_plain(op, revs ? store_put(docs, op->puts, op->n, revs, &bad) : -ENOMEM);
		return;
	case DOCS_GET:
		run_get(docs, op);
		return;
	case DOCS_SCAN:
		run_scan(docs, op);
		return;
	case DOCS_CALL:
		run_call(docs, op);
		return;
	case DOCS_BARRIER:
		answer_plain(op, 0);
		return;
	}
}

/* In the order of asking; neighbouring puts share a commit. */
static void run_all(void *ud)
{
	struct docs *docs = ud;
	struct docs_op *group[MAX_GROUP];
	uint32_t n = 0;
	for (struct docs_op *op = take_all(docs), *next = NULL; op; op = next) {
		next = op->next;
		if (op->kind == DOCS_PUT)
			group[n++] = op;
		else
			run_other(docs, op);
		if (n && (n == MAX_GROUP || !next || next->kind != DOCS_PUT)) {
			put_group(docs, group, n);
			n = 0;
		}
	}
}

/* ---- attaching */

static void on_stopped(void *ud, struct instance *in)
{
	struct docs *docs = ud;
	pthread_mutex_lock(&docs->lock);
	bool is_ours = docs->store == in;
	if (is_ours)
		docs->store = NULL;
	pthread_mutex_unlock(&docs->lock);
	if (!is_ours)
		return;
	for (struct docs_op *op = take_all(docs), *next = NULL; op; op = next) {
		next = op->next;
		answer_plain(op, -ESHUTDOWN);
	}
}

int docs_new(struct docs **out, struct host *host)
{
	struct docs *docs = calloc(1, sizeof(*docs));
	if (!docs)
		return -ENOMEM;
	docs->host = host;
	docs->last = &docs->first;
	pthread_mutex_init(&docs->lock, NULL);
	const struct host_observer observer = { .stopped = on_stopped, .ud = docs };
	int r = host_observe(host, &observer);
	if (r >= 0)
		r = docs_service_new(&docs->service, docs, host);
	if (r < 0) {
		docs_free(docs);
		return r;
	}
	*out = docs;
	return 0;
}

struct docs *docs_free(struct docs *docs)
{
	if (!docs)
		return NULL;
	docs_service_free(docs->service);
	pthread_mutex_destroy(&docs->lock);
	free(docs);
	return NULL;
}

void docs_when_full(struct docs *docs, bool (*full)(void *ud), void *ud)
{
	docs->full = full;
	docs->full_ud = ud;
}

int docs_attach(struct docs *docs)
{
	struct instance *store = host_instance(docs->host, "sb.docstore/1", 0);
	const struct sb_docstore *table = store ? instance_ext(store, "sb.docstore/1") : NULL;
	if (!SB_HAS(table, put) || !SB_HAS(table, get) || !SB_HAS(table, scan))
		return SB_E_NOT_FOUND;
	pthread_mutex_lock(&docs->lock);
	docs->table = table;
	docs->store = store;
	pthread_mutex_unlock(&docs->lock);
	return 0;
}

/* ---- core's side */

struct put_done {
	docs_done_fn fn;
	void *ud;
};

static void on_put(struct docs_op *op, int r, struct sb_bytes doc, uint64_t rev)
{
	(void)doc;
	const struct put_done *done = op->ud;
	if (done->fn)
		done->fn(done->ud, r, rev);
	free(op->ud);
}

static int check_put(const struct sb_doc_put *put)
{
	if (put->space.n == 0 || put->space.n > MAX_SPACE_BYTES || put->key.n == 0 ||
	    put->key.n > MAX_KEY_BYTES)
		return SB_E_NAME;
	return put->doc.n > MAX_DOC_BYTES ? SB_E_QUOTA : 0;
}

/* NOLINTNEXTLINE(readability-function-size): seven parameters, each of its own type */
int docs_put(struct docs *docs, struct sb_str space, struct sb_str key, struct sb_bytes doc,
             uint64_t if_rev, docs_done_fn done, void *ud)
{
	const struct sb_doc_put put = { space, key, doc, if_rev };
	int r = check_put(&put);
	_own_(freep) struct docs_op *op = NULL;
	_own_(freep) struct put_done *end = malloc(sizeof(*end));
	if (r < 0)
		return r;
	if (!end || docs_op_new(&op, DOCS_PUT, &put) < 0)
		return -ENOMEM;
	*end = (struct put_done){ done, ud };
	op->done = on_put;
	op->ud = end;
	r = docs_op_ask(docs, op);
	if (r < 0)
		return r;
	(void)steal(op);
	(void)steal(end);
	return 0;
}

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
	int r;
	docs_row_fn row;
	void *row_ud;
};

static void on_waited(struct docs_op *op, int r, struct sb_bytes doc, uint64_t rev)
{
	(void)doc;
	(void)rev;
	struct waiting *w = op->ud;
	pthread_mutex_lock(&w->lock);
	w->r = r;
	w->is_done = true;
	pthread_cond_signal(&w->done);
	pthread_mutex_unlock(&w->lock);
}

static bool is_on_store(struct docs *docs)
{
	pthread_mutex_lock(&docs->lock);
	bool is_here = docs->store && loop_is_here(instance_loop(docs->store));
	pthread_mutex_unlock(&docs->lock);
	return is_here;
}

/* Takes op. */
static int ask_and_wait(struct docs *docs, struct docs_op *op, struct waiting *w)
{
	if (is_on_store(docs)) {
		free(op);
		return log_error(-EDEADLK, "the docstore's thread waits for itself");
	}
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->done, NULL);
	op->done = on_waited;
	op->ud = w;
	int r = docs_op_ask(docs, op);
	if (r < 0) {
		free(op);
	} else {
		pthread_mutex_lock(&w->lock);
		while (!w->is_done)
			pthread_cond_wait(&w->done, &w->lock);
		pthread_mutex_unlock(&w->lock);
		r = w->r;
	}
	pthread_cond_destroy(&w->done);
	pthread_mutex_destroy(&w->lock);
	return r;
}

int docs_put_wait(struct docs *docs, const struct sb_doc_put *puts, uint32_t n)
{
	struct waiting w = { 0 };
	struct docs_op *op = NULL;
	for (uint32_t i = 0; i < n; i++)
		if (check_put(&puts[i]) < 0)
			return check_put(&puts[i]);
	int r = n ? docs_op_new(&op, DOCS_GROUP, NULL) : 0;
	if (r < 0 || n == 0)
		return r;
	op->puts = puts;
	op->n = n;
	return ask_and_wait(docs, op, &w);
}

static int32_t on_waited_row(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	const struct waiting *w = ud;
	return w->row(w->row_ud, key, doc, rev);
}

int docs_scan_wait(struct docs *docs, struct sb_str space, docs_row_fn fn, void *ud)
{
	struct waiting w = { .row = fn, .row_ud = ud };
	const struct sb_doc_put what = { .space = space };
	struct docs_op *op = NULL;
	int r = docs_op_new(&op, DOCS_SCAN, &what);
	if (r < 0)
		return r;
	op->row = on_waited_row;
	return ask_and_wait(docs, op, &w);
}

int docs_op_call(struct docs *docs, docs_call_fn call, void *ud)
{
	struct waiting w = { 0 };
	struct docs_op *op = NULL;
	int r = docs_op_new(&op, DOCS_CALL, NULL);
	if (r < 0)
		return r;
	op->call = call;
	op->call_ud = ud;
	return ask_and_wait(docs, op, &w);
}

int docs_flush(struct docs *docs)
{
	struct waiting w = { 0 };
	struct docs_op *op = NULL;
	int r = docs_op_new(&op, DOCS_BARRIER, NULL);
	return r < 0 ? r : ask_and_wait(docs, op, &w);
}
