/* A host for the MQTT server, in memory: connections are byte queues, submits wait until the test
 * completes them, time stands until the test moves it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/plugin.h>

struct server;

struct fake_conn {
	struct fake *fake;
	sb_conn handle;
	void *ud;
	struct fake_conn *next;
	uint8_t *in, *out; /* not consumed; written and not read by the test */
	size_t in_n, out_n;
	bool paused, closing, closed, ready, blocked;
};

struct fake_submit {
	sb_token token;
	sb_device device;
	uint32_t ack;
	uint64_t record; /* position of a record; 0: a payload */
	char text[64];
};

struct fake_doc {
	struct fake_doc *next;
	uint8_t *key, *doc;
	size_t key_n, doc_n;
};

struct fake_record;

struct fake_put {
	struct fake_put *next;
	sb_doc_fn fn;
	void *ud;
};

struct fake {
	struct server *srv;
	struct sb_listen listen;
	struct fake_conn *conns;
	struct fake_submit *submits; /* all, [completed, n_submits) not completed */
	uint32_t n_submits, completed;
	int submit_result; /* instead of SB_PENDING, if not 0 */
	bool keeps;        /* the host has "sb.journal/1", see fake_journal.h */
	bool ring_full;    /* it takes nothing */
	struct fake_record *records;
	uint64_t position, checkpoint, checkpoint_wants;
	uint32_t checkpoint_at;
	uint32_t slack; /* so many records before the checkpoint are still there after a kill */
	sb_snapshot_fn snapshot;
	void *snapshot_ud;
	struct fake_doc *docs;
	struct fake_put *puts, **puts_at;
	bool slow_docs; /* puts are answered by fake_put_done() */
	bool slow_auth; /* authenticate is answered by fake_auth() */
	sb_auth_fn auth_fn;
	void *auth_ud;
	struct sb_principal auth_who;
	int32_t auth_r;
	uint32_t out_limit; /* unread bytes beyond which write() says SB_AGAIN */
	int64_t now_ns;
	const char *address; /* of the next connections; NULL: 127.0.0.1:40000 */
	sb_task_fn tick;
	void *tick_ud;
	char devices[16][64];
	uint32_t n_devices;
	int32_t ups, downs;
	/* Rights: what anonymous peers may not read, and whoever is gone; count up `rights`. */
	char secret[64];
	uint64_t gone, rights;
	char fate[200]; /* the newest reason */
	uint32_t n_fates;
	uint64_t cells[128];
	const char *names[128];
	uint32_t n_cells;
	struct {
		const char *name;
		int64_t value;
	} overrides[8];
	char redirect[64];
	struct sb_str *why;
};

struct fake *fake_new(void);
void fake_set(struct fake *f, const char *option, int64_t value); /* before fake_start */
void fake_start(struct fake *f);
/* Stops the server, keeps the documents. */
void fake_stop(struct fake *f);
struct fake *fake_free(struct fake *f);

struct fake_conn *fake_connect(struct fake *f);
void fake_feed(struct fake_conn *c, const void *p, size_t n);
/* The peer goes. */
void fake_hangup(struct fake_conn *c);
/* Offers again what was left, tells of room: what a loop turn does. */
void fake_turn(struct fake *f);
/* Answers the oldest n submits. */
void fake_complete(struct fake *f, uint32_t n, int32_t status);
void fake_put_done(struct fake *f, int32_t r);
void fake_auth(struct fake *f);
void fake_seconds(struct fake *f, uint32_t seconds);
int64_t fake_metric(const struct fake *f, const char *name);
