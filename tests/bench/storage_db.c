#include "storage_db.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "host/docs.h"
#include "host/host.h"
#include "journal/journal.h"
#include "model/record.h"
#include "model/row.h"
#include "series/catalog.h"
#include "storage.h"

enum { RECORD_BYTES = 64 * 1024, RING_BYTES = 4 << 20, SERIES_MAX = 1000 };

static int define(void *ud, struct sb_bytes record)
{
	return journal_define(((struct storage_db *)ud)->journal, record);
}

static void committed(void *ud, struct journal_commit *commit)
{
	series_db_commit(((struct storage_db *)ud)->series, commit);
}

static void progress(void *ud)
{
	struct storage_db *db = ud;
	pthread_mutex_lock(&db->lock);
	pthread_cond_signal(&db->moved);
	pthread_mutex_unlock(&db->lock);
}

static int replay(void *ud, uint64_t seq, struct sb_bytes payload)
{
	struct storage_db *db = ud;
	db->replayed++;
	if (payload.n && payload.p[0] == RECORD_SERIES)
		return catalog_apply(db->catalog, payload);
	if (payload.n && payload.p[0] == RECORD_POINTS && seq > db->in_blocks)
		return series_db_replay(db->series, seq, payload);
	return 0;
}

static void must(int r, const char *what)
{
	if (r < 0)
		storage_fail("%s: %d", what, r);
}

static void host_open(struct storage_db *db, const char *dir, const char *plugins)
{
	const char *const dirs[] = { plugins, NULL };
	struct conf *conf;
	char text[4200];
	must(host_new(&db->host, &(struct host_config){ .plugin_dirs = dirs, .io_threads = 1 }),
	     "host");
	must(docs_new(&db->docs, db->host), "docs");
	must(conf_new(&conf), "conf");
	(void)snprintf(text, sizeof(text), "docs.dir=%s", dir);
	must(conf_set(conf, text), "conf");
	(void)snprintf(text, sizeof(text), "store.dir=%s/series", dir);
	must(conf_set(conf, text), "conf");
	must(host_load(db->host), "plugins");
	must(host_configure(db->host, conf), "configuration of plugins");
	conf_free(conf);
	must(host_start(db->host, "sb.docstore/1"), "docstore");
	must(docs_attach(db->docs), "docstore");
}

/* Nobody to wait for: the producer makes the groups. */
static void storage_open(struct storage_db *db, const char *dir, uint64_t head_max)
{
	char journal[4200];
	(void)snprintf(journal, sizeof(journal), "%s/journal", dir);
	(void)mkdir(journal, 0700);
	must(journal_new(&db->journal, &(struct journal_config){ .dir = journal,
	                                                         .segment_bytes = 16 << 20,
	                                                         .spare_segments = 2,
	                                                         .committed = committed,
	                                                         .ud = db }),
	     "journal");
	must(catalog_new(&db->catalog, define, db), "catalogue");
	must(series_db_new(&db->series, &(struct series_config){ .catalog = db->catalog,
	                                                         .journal = db->journal,
	                                                         .docs = db->docs,
	                                                         .host = db->host,
	                                                         .head_max_bytes = head_max,
	                                                         .flush_every_ns = 7200 * NS_PER_S,
	                                                         .retention_class = "raw",
	                                                         .ud = db }),
	     "series");
}

void storage_db_open(struct storage_db *db, const char *dir, const char *plugins, uint64_t head_max)
{
	memset(db, 0, sizeof(*db));
	pthread_mutex_init(&db->lock, NULL);
	pthread_cond_init(&db->moved, NULL);
	log_init(LOG_LEVEL_WARN);
	(void)mkdir(dir, 0700);
	host_open(db, dir, plugins);
	storage_open(db, dir, head_max);
	must(catalog_load(db->catalog, db->docs), "catalogue");
	must(host_start(db->host, "sb.store/1"), "store");
	must(series_db_attach(db->series, &db->in_blocks), "series");
	int64_t begin = clock_mono();
	must(journal_replay(db->journal, 0, replay, db), "replay");
	db->replay_ns = clock_mono() - begin;
	journal_checkpoint(db->journal, db->in_blocks);
	must(series_db_start(db->series), "series");
	must(journal_start(db->journal), "journal");
	must(journal_ring_new(db->journal, RING_BYTES, progress, db, &db->ring), "ring");
}

void storage_db_close(struct storage_db *db)
{
	journal_ring_retire(db->ring);
	journal_stop(db->journal);
	series_db_stop(db->series);
	must(catalog_save(db->catalog, db->docs), "catalogue");
	host_stop(db->host, NULL, clock_mono() + 10 * NS_PER_S);
	journal_free(db->journal);
	host_free(db->host);
	series_db_free(db->series);
	catalog_free(db->catalog);
	docs_free(db->docs);
}

/* ---- series */

struct series *storage_db_series(struct storage_db *db, uint32_t device, uint8_t field)
{
	char name[8];
	struct series *s;
	int n = snprintf(name, sizeof(name), "f%u", field);
	must(series_set_resolve(catalog_set(db->catalog, device), sb_str_of(name, (size_t)n),
	                        SB_STR(""), true, SERIES_MAX, &s),
	     "series");
	return s;
}

uint32_t storage_db_stream(struct storage_db *db, uint32_t device, const uint8_t *types, uint8_t n)
{
	struct series *s[ROW_COLUMNS_MAX] = { 0 };
	for (uint8_t i = 0; i < n; i++)
		s[i] = storage_db_series(db, device, i);
	must(catalog_place(db->catalog, s, types, n), "places");
	for (uint8_t i = 0; i < n; i++)
		if (s[i]->places[types[i]].column != i)
			storage_fail("field %u of device %u lies elsewhere", i, device);
	return s[0]->places[types[0]].stream;
}

/* ---- rows */

static void record_close(struct storage_db *db)
{
	if (db->open.p)
		journal_ring_commit(db->ring, db->open.n);
	db->open = (struct buffer){ 0 };
}

static void record_open(struct storage_db *db, int64_t base_ns)
{
	void *p;
	while (!(p = journal_ring_reserve(db->ring, RECORD_BYTES))) {
		journal_ring_publish(db->ring);
		usleep(100);
	}
	db->open = (struct buffer){ .p = p, .cap = RECORD_BYTES, .max = RECORD_BYTES };
	db->base_ns = base_ns;
	buffer_give_u8(&db->open, RECORD_POINTS);
	buffer_give_u64(&db->open, (uint64_t)base_ns);
}

void storage_db_give(struct storage_db *db, const struct row *row)
{
	if (db->open.p && db->open.cap - db->open.n < 512)
		record_close(db);
	if (!db->open.p)
		record_open(db, row->ts_ns);
	row_give(&db->open, db->base_ns, row);
	if (db->open.bad)
		storage_fail("a row does not fit");
}

void storage_db_commit(struct storage_db *db)
{
	int r = 0;
	record_close(db);
	journal_ring_publish(db->ring);
	uint64_t mine = journal_ring_count(db->ring);
	pthread_mutex_lock(&db->lock);
	while (journal_ring_done(db->ring, &r) < mine)
		pthread_cond_wait(&db->moved, &db->lock);
	pthread_mutex_unlock(&db->lock);
	must(r, "commit");
}

void storage_db_settle(struct storage_db *db)
{
	struct series_stats stats;
	do {
		usleep(1000);
		series_db_stats(db->series, &stats);
	} while (stats.feed_lag);
}
