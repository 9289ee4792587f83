#define LOG_MODULE "series"
#include "series/series.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "journal/journal.h"
#include "model/row.h"
#include "series/blocks.h"
#include "series/catalog.h"
#include "series/check.h"
#include "series/checkpoint.h"
#include "series/compact.h"
#include "series/damage.h"
#include "series/erase.h"
#include "series/feed.h"
#include "series/fetched.h"
#include "series/flush.h"
#include "series/generation.h"
#include "series/head.h"
#include "series/keeper.h"
#include "series/latest.h"
#include "series/pass.h"
#include "series/query.h"
#include "series/restore.h"
#include "series/tier.h"
#include "series/tierpass.h"
#include "series/tiers.h"
#include "series/tombs.h"
#include "series/usage.h"

#define HOUR       (3600 * NS_PER_S)
#define HEAD_TIMES 4 /* so often what a flush takes may wait in memory when the store fails */

struct series_db {
	struct series_config config;
	struct blocks blocks;
	struct head head;
	struct latest *latest;
	struct feed feed;
	struct flush flush;
	struct keeper keeper;
	struct tiers tiers;
	struct tombs tombs;
	struct damage damage;
	struct compact compact;
	int64_t restored_ns; /* while latest values are read: all that blocks hold from then on are
	                      */
	_Atomic uint64_t corrupt;
};

void series_db_retime(struct series_db *db, int64_t flush_every_ns,
                      const struct retention *retention, int64_t keep_ns)
{
	__atomic_store_n(&db->config.flush_every_ns, flush_every_ns, __ATOMIC_RELAXED);
	keeper_retain(&db->keeper, retention);
	__atomic_store_n(&db->config.keep_ns, keep_ns, __ATOMIC_RELAXED);
}

static void deleted(void *ud, uint64_t seq, struct sb_bytes record, uint32_t at)
{
	struct series_db *db = ud;
	int r = tombs_add(&db->tombs, seq, record, at, erase_mark, &db->tiers.state);
	if (r < 0)
		(void)log_error(r, "journal record %llu deletes nothing", (unsigned long long)seq);
}

int series_db_new(struct series_db **out, const struct series_config *config)
{
	struct series_db *db = calloc(1, sizeof(*db));
	if (!db)
		return -ENOMEM;
	db->config = *config;
	int r = head_init(&db->head, HEAD_TIMES * config->head_max_bytes);
	tombs_init(&db->tombs);
	damage_init(&db->damage);
	db->blocks.damage = &db->damage;
	db->head.deleted = deleted;
	db->head.deleted_ud = db;
	db->blocks.tombs = &db->tombs;
	db->flush.tombs = &db->tombs;
	if (r >= 0)
		r = latest_new(&db->latest, config->catalog);
	feed_init(&db->feed, config->journal, db->latest);
	flush_init(&db->flush, &db->config, &db->head, &db->blocks);
	keeper_init(&db->keeper, &db->config, &db->blocks, &db->flush);
	if (r >= 0)
		r = tiers_init(&db->tiers, &db->config, &db->blocks, &db->keeper, &db->corrupt);
	compact_init(&db->compact, &db->config, &db->blocks, &db->keeper, &db->flush);
	db->flush.keeper = &db->keeper;
	db->flush.tiers = &db->tiers.state;
	if (config->tier_every_ns)
		db->keeper.tiers = &db->tiers;
	db->flush.consumed = &db->feed.seq_out;
	if (r < 0) {
		series_db_free(db);
		return r;
	}
	*out = db;
	return 0;
}

struct series_db *series_db_free(struct series_db *db)
{
	if (!db)
		return NULL;
	series_db_stop(db);
	tiers_fini(&db->tiers);
	compact_fini(&db->compact);
	keeper_fini(&db->keeper);
	flush_fini(&db->flush);
	feed_fini(&db->feed);
	head_fini(&db->head);
	tombs_fini(&db->tombs);
	damage_fini(&db->damage);
	latest_free(db->latest);
	free(db);
	return NULL;
}

/* ---- life */

int series_db_attach(struct series_db *db, uint64_t *seq_durable)
{
	int r = blocks_attach(&db->blocks, db->config.host);
	if (r < 0)
		return log_error(r, "no plugin stores series");
	r = checkpoint_load(db->config.docs, seq_durable);
	if (r >= 0)
		r = tiers_load(&db->tiers, *seq_durable);
	if (r >= 0)
		r = tombs_load(&db->tombs, db->config.docs);
	if (r >= 0)
		erase_mark_all(&db->tombs, &db->tiers.state);
	return r;
}

static void replayed(void *ud, const struct row *row, uint64_t seq)
{
	const struct series_config *c = &((struct series_db *)ud)->config;
	if (c->replayed)
		c->replayed(c->ud, catalog_stream_device(c->catalog, row->stream), row, seq);
}

int series_db_replay(struct series_db *db, uint64_t seq, struct sb_bytes points)
{
	head_begin(&db->head);
	head_record(&db->head, seq, points);
	head_end(&db->head);
	feed_replay(&db->feed, seq, points, replayed, db);
	return 0;
}

/* What was newest when we ended must be there at once; what is older may come a little later. */
static void restore_recent(struct series_db *db)
{
	struct sb_store_stats stats;
	int64_t sure = INT64_MIN; /* blocks end there */
	int64_t newest = clock_utc();
	if (blocks_stats(&db->blocks, &stats) >= 0 && stats.blocks) {
		newest = MIN(newest, stats.t_max_ns);
		sure = stats.t_max_ns;
	}
	db->restored_ns = newest - HOUR;
	int r = restore_latest(&db->blocks, db->config.catalog, db->latest, db->restored_ns, sure,
	                       false);
	if (r < 0)
		(void)log_warn(r, "cannot read the latest values of the last hour");
}

static void restore_rest(void *ud)
{
	struct series_db *db = ud;
	int64_t now = clock_utc();
	uint64_t seq = erase_newest(&db->tombs);
	const int64_t from[] = { now - 24 * HOUR, now - 720 * HOUR, INT64_MIN };
	int r = 0;
	for (size_t i = 0; i < ARRAY_LEN(from) && r >= 0; i++) {
		r = restore_latest(&db->blocks, db->config.catalog, db->latest, from[i],
		                   db->restored_ns, from[i] == INT64_MIN);
		db->restored_ns = MIN(db->restored_ns, from[i]);
	}
	erase_forget_since(db, &db->tombs, db->config.catalog, db->latest, seq);
	if (r < 0)
		(void)log_warn(r, "cannot read old latest values");
}

int series_db_start(struct series_db *db)
{
	erase_find_all(db, &db->tombs, db->config.catalog);
	restore_recent(db);
	db->flush.first = restore_rest;
	db->flush.first_ud = db;
	int r = feed_start(&db->feed);
	if (r == 0)
		r = flush_start(&db->flush);
	if (r == 0)
		r = keeper_start(&db->keeper);
	if (r == 0 && db->config.tier_every_ns)
		r = tiers_start(&db->tiers);
	return r < 0 ? r : compact_start(&db->compact);
}

void series_db_stop(struct series_db *db)
{
	tiers_stop(&db->tiers);
	compact_stop(&db->compact);
	keeper_stop(&db->keeper);
	flush_stop(&db->flush);
	feed_stop(&db->feed);
}

void series_db_commit(struct series_db *db, struct journal_commit *commit)
{
	size_t at = 0;
	uint64_t seq;
	struct sb_bytes payload;
	head_begin(&db->head);
	while (journal_commit_next(commit, &at, &seq, &payload))
		head_record(&db->head, seq, payload);
	head_end(&db->head);
	feed_commit(&db->feed, commit);
}

int series_db_flush(struct series_db *db)
{
	return flush_now(&db->flush);
}

int series_db_digest(struct series_db *db)
{
	return tiers_pass(&db->tiers);
}

int series_db_raw_goes(struct series_db *db, struct sb_str class_, int64_t before_ns)
{
	return tiers_raise(&db->tiers, class_, before_ns);
}

void series_db_latest(struct series_db *db, const struct series *s, struct series_latest *out)
{
	latest_get(db->latest, s, out);
}

void series_db_offer(struct series_db *db, const struct row *row)
{
	latest_offer(db->latest, row);
}

int series_db_delete(struct series_db *db, struct series *const *series, uint32_t n,
                     int64_t from_ns, int64_t to_ns)
{
	uint64_t seq;
	if (from_ns >= to_ns)
		return 0;
	int r = erase_define(&db->tombs, db->config.journal, series, n, from_ns,
	                     to_ns == INT64_MAX ? to_ns : to_ns - 1, &seq);
	/* Latest values follow the feed. */
	for (int i = 0; i < 2000 && r >= 0 && db->feed.seq_out < seq; i++)
		(void)usleep(5000);
	for (uint32_t i = 0; i < n && r >= 0; i++)
		r = erase_find_latest(db, series[i]);
	return r;
}

uint64_t series_db_deleted(struct series_db *db)
{
	return tombs_count(&db->tombs);
}

void series_db_listen(struct series_db *db, struct series_listener *l)
{
	feed_listen(&db->feed, l);
}

/* ---- queries */

/* Between which times anything lies, so that nobody searches for ever. */
static void bounds(struct series_db *db, struct generation *const *g, uint32_t n, int64_t *first,
                   int64_t *last)
{
	struct sb_store_stats stats;
	*first = INT64_MAX;
	*last = INT64_MIN;
	for (uint32_t i = 0; i < n; i++) {
		*first = MIN(*first, g[i]->t_min);
		*last = MAX(*last, g[i]->t_max);
	}
	if (blocks_stats(&db->blocks, &stats) < 0) {
		*first = INT64_MIN;
		*last = INT64_MAX;
	} else if (stats.blocks) {
		*first = MIN(*first, stats.t_min_ns);
		*last = MAX(*last, stats.t_max_ns);
	}
}

struct series_view {
	struct generation *generations[HEAD_GENERATIONS];
	struct pass_from from;
	struct fetched fetched;
	struct tombs_view *tombs;
	struct tierpass tiers;
	int64_t first_ns, last_ns;
};

/* Before which times values of each kind may be gone: raw ones, then those of the tiers. */
static void floors(struct series_db *db, struct tierpass *tp)
{
	const char *raw = db->config.retention_class;
	tp->tiers = &db->tiers.state;
	tp->gone_ns[0] = tierstate_floor(tp->tiers, sb_str_of(raw, strlen(raw)));
	for (int t = 0; t < TIERS; t++) {
		const char *class_ = tier_class((enum tier)t);
		tp->gone_ns[1 + t] = tierstate_floor(tp->tiers, sb_str_of(class_, strlen(class_)));
	}
}

static void view_take(struct series_db *db, struct series_view *view)
{
	/* The head first: what is flushed meanwhile is then seen twice, which merging mends. */
	uint32_t n = head_take(&db->head, view->generations);
	view->from = (struct pass_from){ .blocks = &db->blocks,
		                         .generations = view->generations,
		                         .n = n,
		                         .corrupt = &db->corrupt,
		                         .fetched = &view->fetched,
		                         .tiers = &view->tiers };
	view->tombs = tombs_view(&db->tombs);
	view->from.tombs = view->tombs;
	floors(db, &view->tiers);
	bounds(db, view->generations, n, &view->first_ns, &view->last_ns);
}

static void view_drop(struct series_view *view)
{
	fetched_fini(&view->fetched);
	view->tombs = tombs_view_drop(view->tombs);
	for (uint32_t i = 0; i < view->from.n; i++)
		generation_unref(view->generations[i]);
}

int series_view_open(struct series_db *db, struct series_view **out)
{
	struct series_view *view = calloc(1, sizeof(*view));
	if (!view)
		return -ENOMEM;
	view_take(db, view);
	*out = view;
	return 0;
}

struct series_view *series_view_close(struct series_view *view)
{
	if (view)
		view_drop(view);
	free(view);
	return NULL;
}

int series_view_query(struct series_view *view, const struct series_query *q)
{
	view->from.stop = q->stop;
	view->from.stop_ud = q->ud;
	return query_run(&view->from, q, view->first_ns, view->last_ns);
}

void series_view_fetch(struct series_view *view, struct series *const *series, uint32_t n,
                       int64_t from_ns, int64_t to_ns, bool (*stop)(void *ud), void *ud)
{
	view->fetched.stop = stop;
	view->fetched.stop_ud = ud;
	fetched_fill(&view->fetched, view->from.blocks, series, n, from_ns, to_ns - 1);
}

int64_t series_view_raw_from(const struct series_view *view)
{
	return view->tiers.gone_ns[0];
}

void series_view_bounds(const struct series_view *view, int64_t *first_ns, int64_t *last_ns)
{
	*first_ns = view->first_ns;
	*last_ns = view->last_ns;
}

int series_db_query(struct series_db *db, const struct series_query *q)
{
	struct series_view view = { 0 };
	view_take(db, &view);
	int r = series_view_query(&view, q);
	view_drop(&view);
	return r;
}

bool series_db_is_crowded(struct series_db *db)
{
	struct generation *g[HEAD_GENERATIONS];
	uint64_t bytes = 0;
	uint32_t n = head_take(&db->head, g);
	for (uint32_t i = 0; i < n; i++) {
		bytes += g[i]->bytes;
		generation_unref(g[i]);
	}
	return bytes > 2 * db->config.head_max_bytes;
}

void series_db_stats(struct series_db *db, struct series_stats *out)
{
	struct generation *g[HEAD_GENERATIONS];
	*out = (struct series_stats){
		.rows_total = db->head.rows,
		.points_total = db->head.points,
		.flushes = db->flush.flushes,
		.flush_failures = db->flush.failures,
		.corrupt_chunks = db->corrupt,
		.feed_dropped = db->feed.dropped,
		.records_unseen = db->head.left_out,
	};
	uint64_t done = db->feed.seq_out;
	uint64_t in = db->feed.seq_in;
	out->feed_lag = in > done ? in - done : 0;
	uint32_t n = head_take(&db->head, g);
	for (uint32_t i = 0; i < n; i++) {
		out->head_bytes += g[i]->bytes;
		out->head_rows += g[i]->rows;
		generation_unref(g[i]);
	}
}

void series_db_space(const struct series_db *db, struct series_space *out)
{
	keeper_stats(&db->keeper, out);
}

void series_db_compaction(const struct series_db *db, struct series_compaction *out)
{
	compact_stats(&db->compact, out);
}

void series_db_compact_at(struct series_db *db, uint32_t blocks)
{
	__atomic_store_n(&db->config.compact_blocks, blocks, __ATOMIC_RELAXED);
}

void series_db_damage(struct series_db *db, int64_t from_ns, int64_t to_ns, struct series_gap *gaps,
                      uint32_t room, struct series_damage *out)
{
	damage_report(&db->damage, &db->blocks, db->config.catalog,
	              &(struct damage_want){ from_ns, to_ns, gaps, room }, out);
}

int series_db_usage(struct series_db *db, int64_t since_ns, struct series_usage *out)
{
	return usage_classes(&db->blocks, since_ns, out);
}

int series_db_usage_devices(struct series_db *db, const struct series_usage_reader *reader)
{
	return usage_devices(&db->blocks, db->config.catalog, reader);
}

bool series_db_make_room(struct series_db *db)
{
	return keeper_make_room(&db->keeper, true);
}

int series_db_copy(struct series_db *db, const struct sb_copy *copy)
{
	return blocks_copy(&db->blocks, copy);
}

int series_db_check(struct series_db *db, struct series_check *check)
{
	return check_run(&db->blocks, check);
}

int series_db_sums(struct series_db *db, struct series_check *check)
{
	struct sb_store_stats stats;
	int r = blocks_stats(&db->blocks, &stats);
	if (r < 0)
		return r;
	check->blocks = stats.blocks;
	check->chunks = stats.chunks;
	check->bytes = stats.bytes;
	return 0;
}
