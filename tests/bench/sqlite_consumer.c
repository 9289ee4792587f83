/* The other half of the stack that users build: subscribes to a broker and writes every value as a
 * row into SQLite, many messages in one transaction. Made to be quick: C, prepared statements, WAL
 * without a sync for each commit, series by number, clustered by series and time so that a query
 * reads one range. The number of rows committed stands in a file of eight bytes.
 *
 *   sqlite-consumer PORT DATABASE COUNTER */
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#include "client.h"
#include "loop.h"

#define BATCH    1000
#define BATCH_NS 100000000LL
#define SLOTS    65536 /* a power of two, more than there are series */
#define SCHEMA                                                                                 \
	"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"                                  \
	"CREATE TABLE series(id INTEGER PRIMARY KEY, name TEXT);"                              \
	"CREATE TABLE point(series INTEGER, ts INTEGER, value REAL, PRIMARY KEY(series, ts)) " \
	"WITHOUT ROWID;"

static struct {
	sqlite3 *db;
	sqlite3_stmt *point, *series;
	char *names[SLOTS];
	uint64_t rows;
	volatile uint64_t *committed;
	uint32_t messages;
	int64_t since, last;
} all;

static void run_sql(const char *sql)
{
	if (sqlite3_exec(all.db, sql, NULL, NULL, NULL) != SQLITE_OK)
		client_fail("%s: %s", sql, sqlite3_errmsg(all.db));
}

static void step(sqlite3_stmt *s)
{
	if (sqlite3_step(s) != SQLITE_DONE)
		client_fail("insert: %s", sqlite3_errmsg(all.db));
	(void)sqlite3_reset(s);
}

static uint32_t series_of(const char *name)
{
	uint32_t hash = 2166136261U;

	for (const char *p = name; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619U;
	uint32_t at = hash & (SLOTS - 1);
	while (all.names[at] && strcmp(all.names[at], name) != 0)
		at = (at + 1) & (SLOTS - 1);
	if (!all.names[at]) {
		all.names[at] = strdup(name);
		(void)sqlite3_bind_int64(all.series, 1, at);
		(void)sqlite3_bind_text(all.series, 2, name, -1, SQLITE_STATIC);
		step(all.series);
	}
	return at;
}

static void commit(void)
{
	run_sql("COMMIT");
	*all.committed = all.rows;
	all.messages = 0;
}

static int64_t stamp(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	int64_t now = t.tv_sec * 1000000LL + t.tv_nsec / 1000;
	all.last = now > all.last ? now : all.last + 1;
	return all.last;
}

static void store(const struct client_message *m)
{
	json_error_t error;
	json_t *values = json_loadb(m->payload, m->payload_n, 0, &error);
	int64_t ts = stamp();
	const char *key;
	json_t *value;
	char name[160];

	json_object_foreach(values, key, value)
	{
		double v = json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
		(void)snprintf(name, sizeof(name), "%.*s/%s", (int)m->topic_n, m->topic, key);
		(void)sqlite3_bind_int64(all.point, 1, series_of(name));
		(void)sqlite3_bind_int64(all.point, 2, ts);
		(void)sqlite3_bind_double(all.point, 3, v);
		step(all.point);
		all.rows++;
	}
	json_decref(values);
}

static void on_packet(struct client *c, const struct client_packet *p)
{
	if (p->type == CLIENT_SUBACK)
		loop_say("subscribed");
	if (p->type != CLIENT_PUBLISH)
		return;
	struct client_message m = client_message_of(p);
	if (!all.messages++) {
		run_sql("BEGIN");
		all.since = loop_now();
	}
	store(&m);
	client_puback(c, m.id);
	if (all.messages == BATCH)
		commit();
}

static void open_all(const char *database, const char *counter)
{
	int fd = open(counter, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, 8) < 0)
		client_fail("%s: %m", counter);
	all.committed = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (all.committed == MAP_FAILED || sqlite3_open(database, &all.db) != SQLITE_OK)
		client_fail("%s: %m", database);
	run_sql(SCHEMA);
	if (sqlite3_prepare_v2(all.db, "INSERT INTO point VALUES(?,?,?)", -1, &all.point, NULL) ||
	    sqlite3_prepare_v2(all.db, "INSERT INTO series VALUES(?,?)", -1, &all.series, NULL))
		client_fail("prepare: %s", sqlite3_errmsg(all.db));
}

int main(int argc, char **argv)
{
	struct client c = { .kind = "consumer", .on_packet = on_packet };
	struct loop loop = { 0 };

	if (argc != 4)
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	open_all(argv[2], argv[3]);
	loop_init(&loop, (uint16_t)strtoul(argv[1], NULL, 10));
	loop_connect(&loop, &c, 1, true);
	client_subscribe(&c, "devices/+/telemetry", 1);
	client_flush(&c);
	for (;;) {
		loop_turn(&loop, loop_now() + BATCH_NS);
		if (all.messages && loop_now() - all.since > BATCH_NS)
			commit();
	}
}
