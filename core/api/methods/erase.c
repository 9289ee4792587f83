/* telemetry.delete: a range of series, for good. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "api/methods/chosen.h"
#include "api/rpc.h"
#include "api/select.h"
#include "api/server.h"
#include "base/clock.h"
#include "base/own.h"
#include "host/docs.h"
#include "methods.gen.h"
#include "registry/audit.h"
#include "series/series.h"

#define SERIES_MAX 16384
#define LONG_NS    (15 * NS_PER_S)

struct erasing {
	struct call *c;
	struct select select;
	struct series **series;
	uint32_t n, cap;
	int64_t from_ns, to_ns;
	uint64_t values;
	int64_t until_ns; /* monotonic; dry run */
};

static bool is_stopped(void *ud)
{
	const struct erasing *e = ud;
	return e->c->cancelled || clock_mono() > e->until_ns;
}

static int point_count(void *ud, const struct series_point *p)
{
	struct erasing *e = ud;

	(void)p;
	return ++e->values % 4096 == 0 && is_stopped(e);
}

/* All that would go, unless it takes too long. */
static int values_count(struct erasing *e)
{
	struct series_view *view = NULL;
	int r = series_view_open(e->c->api->config.series, &view);

	e->until_ns = clock_mono() + LONG_NS;
	for (uint32_t i = 0; i < e->n && r == 0; i++) {
		struct series_query q = { .series = e->series[i],
			                  .from_ns = e->from_ns,
			                  .to_ns = e->to_ns,
			                  .point = point_count,
			                  .stop = is_stopped,
			                  .ud = e };
		r = series_view_query(view, &q);
	}
	series_view_close(view);
	return r == -ECANCELED ? 0 : MIN(r, 0);
}

static int series_take(struct erasing *e)
{
	struct device *dev;
	struct series *s;
	int r;

	while ((r = select_next(&e->select, &dev, &s)) > 0) {
		if (e->n == SERIES_MAX)
			return call_refuse_with(e->c, RPC_TOO_LARGE, "/query", "16384 series",
			                        "choose fewer, several times");
		if (e->n == e->cap) {
			uint32_t cap = e->cap ? 2 * e->cap : 64;
			struct series **series = realloc(e->series, cap * sizeof(struct series *));
			if (!series)
				return -ENOMEM;
			e->series = series;
			e->cap = cap;
		}
		e->series[e->n++] = s;
	}
	return r;
}

static int note(const struct erasing *e)
{
	char *asked = json_dumps(e->c->params, JSON_COMPACT);
	struct sb_str subject = call_str(e->c, "device");
	struct audit audit = { 0 };
	int r = -ENOMEM;

	if (asked)
		r = audit_init(&audit, &(struct audit_facts){
					       .who = e->c->who.subject,
					       .what = "telemetry.delete",
					       .subject = subject.p ? subject : SB_STR("*"),
					       .after = { (const uint8_t *)asked, strlen(asked) },
				       });
	if (r == 0) {
		struct sb_doc_put put = audit_put(&audit);
		r = docs_put_wait(e->c->api->config.docs, &put, 1);
	}
	audit_fini(&audit);
	free(asked);
	return r;
}

/* Who did it is on disk before it is done. */
static int delete_all(struct erasing *e)
{
	int r = note(e);

	if (r == 0)
		r = series_db_delete(e->c->api->config.series, e->series, e->n, e->from_ns,
		                     e->to_ns);
	if (r == SB_E_QUOTA)
		return call_refuse_with(e->c, RPC_TOO_LARGE, NULL, "65536 ranges of streams",
		                        "wait until compaction has come to those before");
	if (r == -ETIMEDOUT)
		return call_refuse(e->c, RPC_UNAVAILABLE, NULL,
		                   "the disk does not take it now; it may still come into effect");
	return r;
}

static int erase_run(struct erasing *e, bool dry_run)
{
	struct wire *w = &e->c->result;
	int r = series_take(e);

	if (r == 0)
		r = dry_run ? values_count(e) : delete_all(e);
	if (r)
		return r;
	wire_map(w);
	wire_key_u64(w, "series", e->n);
	if (dry_run) {
		wire_key_u64(w, "values", e->values);
		wire_key(w, "complete");
		wire_bool(w, clock_mono() <= e->until_ns);
	}
	wire_map_end(w);
	return 0;
}

int telemetry_delete_call(struct call *c)
{
	_own_(freep) struct erasing *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->c = c;
	e->from_ns = chosen_time(c, "from", 0);
	e->to_ns = chosen_time(c, "to", 0);
	int r = chosen_take(c, &e->select, CHOSEN_ALL);

	if (r == 0 && e->from_ns >= e->to_ns)
		r = call_refuse(c, RPC_INVALID_PARAMS, "/to", "later than from");
	if (r == 0)
		r = erase_run(e, call_bool(c, "dry_run"));
	select_fini(&e->select);
	free(e->series);
	return r;
}
