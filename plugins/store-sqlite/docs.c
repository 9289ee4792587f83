/* The half that stores documents: "docs-sqlite". */
#include "docs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "doccopy.h"
#include "docdb.h"
#include "plug.h"
#include "sql.h"

#define TICK_NS      1000000000LL
#define BEHIND_PAGES 1000 /* 4 MiB: move them even while there is much to do */
#define IDLE_TICKS   5

struct docs {
	struct plug plug;
	struct docdb *db;
	struct doccopy *copy; /* under way, or NULL */
	sb_timer timer;
	uint32_t commits, commits_seen, idle_ticks;
	int32_t trouble; /* the last commit's fault, 0: it worked */
};

static const struct sb_core *core_of;

void docs_init(const struct sb_core *core)
{
	core_of = core;
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *descriptor, void **self)
{
	struct docs *docs = calloc(1, sizeof(*docs));
	int32_t r;

	(void)descriptor;
	if (!docs)
		return -ENOMEM;
	r = plug_init(&docs->plug, core_of, host);
	if (r < 0) {
		free(docs);
		return r;
	}
	*self = docs;
	return 0;
}

static void destroy(void *self)
{
	struct docs *docs = self;

	doccopy_free(docs->copy);
	docdb_free(docs->db);
	plug_fini(&docs->plug);
	free(docs);
}

static int32_t configure(void *self, const struct sb_config *config)
{
	struct docs *docs = self;
	return plug_configure(&docs->plug, config);
}

/* ---- checkpoints, between commits */

static void on_tick(void *ud)
{
	struct docs *docs = ud;
	uint32_t behind = docdb_behind(docs->db);
	int32_t r = 0;

	docs->idle_ticks = docs->commits == docs->commits_seen ? docs->idle_ticks + 1 : 0;
	docs->commits_seen = docs->commits;
	if (!behind)
		return;
	if (docs->idle_ticks == IDLE_TICKS)
		r = docdb_checkpoint(docs->db, true);
	else if (behind >= BEHIND_PAGES)
		r = docdb_checkpoint(docs->db, false);
	if (r < 0 && r != -EBUSY)
		plug_say(&docs->plug, SB_LOG_WARN, "cannot move commits into registry.db: %s",
		         sb_strerror(r));
}

static int32_t start(void *self)
{
	struct docs *docs = self;
	char path[4096];
	bool recovered = false;
	uint32_t format = 0;
	int32_t r;

	if (mkdir(docs->plug.dir, 0700) < 0 && errno != EEXIST)
		return plug_fail(&docs->plug, -errno, "cannot make %s", docs->plug.dir);
	if (snprintf(path, sizeof(path), "%s/registry.db", docs->plug.dir) >= (int)sizeof(path))
		return plug_fail(&docs->plug, -ENAMETOOLONG, "dir is too long");
	r = docdb_new(&docs->db, path, &recovered, &format);
	if (r == SB_E_ABI)
		return plug_fail(
			&docs->plug, r,
			"%s is of a newer version, in format %u, this one reads format %d: "
			"use that version, or restore a backup of before",
			path, format, DOCDB_FORMAT);
	if (r == SB_E_TYPE)
		return plug_fail(&docs->plug, r,
		                 "%s is no database of Signalbox: is this the data directory? move "
		                 "the file away, or give another --data",
		                 path);
	if (r == SB_E_CORRUPT)
		return plug_fail(&docs->plug, r,
		                 "%s is damaged, and nothing is served so that nothing wrong is: "
		                 "keep the directory, and bring a backup back with signalbox "
		                 "backup restore",
		                 path);
	if (r < 0)
		return plug_fail(&docs->plug, r, "cannot open %s: %s", path, sb_strerror(r));
	if (recovered)
		plug_say(&docs->plug, SB_LOG_INFO,
		         "registry.db was not closed properly; checked, good");
	return docs->plug.loop->timer(docs->plug.host, TICK_NS, TICK_NS, on_tick, docs,
	                              &docs->timer);
}

static int32_t drain(void *self, int64_t deadline_ns)
{
	(void)self;
	(void)deadline_ns;
	return 0;
}

static void stop(void *self)
{
	struct docs *docs = self;

	if (docs->timer)
		docs->plug.loop->timer_cancel(docs->plug.host, docs->timer);
	docs->timer = 0;
	docs->copy = doccopy_free(docs->copy);
	docs->db = docdb_free(docs->db);
}

/* ---- "sb.docstore/1" */

static int32_t get(void *self, struct sb_str space, struct sb_str key, sb_docstore_fn fn, void *ud)
{
	struct docs *docs = self;
	return docs->db ? docdb_get(docs->db, space, key, fn, ud) : -ESHUTDOWN;
}

static void note(struct docs *docs, int32_t r)
{
	if (r == docs->trouble)
		return;
	docs->trouble = r;
	if (r == 0)
		plug_health(&docs->plug, SB_HEALTH_OK, "documents are stored");
	else
		plug_health(&docs->plug, r == -ENOSPC ? SB_HEALTH_DEGRADED : SB_HEALTH_DOWN,
		            "documents cannot be stored: %s", sb_strerror(r));
}

static int32_t put(void *self, const struct sb_doc_put *puts, uint32_t n, uint64_t *revs,
                   uint32_t *bad)
{
	struct docs *docs = self;
	int32_t r;

	if (!docs->db)
		return -ESHUTDOWN;
	docs->commits++;
	r = docdb_put(docs->db, puts, n, revs, bad);
	if (r == SB_E_CONFLICT || r == SB_E_NAME || r == SB_E_RANGE)
		return r;
	note(docs, r);
	return r < 0 ? plug_fail(&docs->plug, r, "cannot commit: %s", sb_strerror(r)) : 0;
}

static int32_t scan(void *self, struct sb_str space, struct sb_str from, uint32_t limit,
                    sb_doc_row_fn fn, void *ud)
{
	struct docs *docs = self;
	return docs->db ? docdb_scan(docs->db, space, from, limit, fn, ud) : -ESHUTDOWN;
}

static int32_t copy(void *self, struct sb_doc_copy *order)
{
	struct docs *docs = self;
	char dir[4096];
	int32_t r = 0;

	if (!docs->db)
		return -ESHUTDOWN;
	if (!order->to.n || order->to.n >= sizeof(dir)) {
		docs->copy = doccopy_free(docs->copy);
		return order->to.n ? -ENAMETOOLONG : 0;
	}
	if (!docs->copy) {
		memcpy(dir, order->to.p, order->to.n);
		dir[order->to.n] = '\0';
		r = doccopy_new(&docs->copy, docdb_handle(docs->db), dir);
	}
	if (r == 0)
		r = doccopy_step(docs->copy, order);
	if (r <= 0)
		docs->copy = doccopy_free(docs->copy);
	return r < 0 ? plug_fail(&docs->plug, r, "cannot copy registry.db to %.*s: %s",
	                         (int)order->to.n, order->to.p, sb_strerror(r))
	             : r;
}

static int32_t check(void *self, uint64_t *documents)
{
	struct docs *docs = self;
	return docs->db ? docdb_check(docs->db, documents) : -ESHUTDOWN;
}

static const struct sb_docstore docstore = {
	.size = sizeof(docstore),
	.get = get,
	.put = put,
	.scan = scan,
	.copy = copy,
	.check = check,
};

static const void *ext(void *self, const char *id)
{
	(void)self;
	return strcmp(id, "sb.docstore/1") == 0 ? &docstore : NULL;
}

const struct sb_ops docs_ops = {
	.size = sizeof(docs_ops),
	.create = create,
	.configure = configure,
	.start = start,
	.drain = drain,
	.stop = stop,
	.destroy = destroy,
	.ext = ext,
};
