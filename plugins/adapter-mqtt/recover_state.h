/* What the records say, while they are read: sessions and messages by their numbers. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

#include "recover_table.h"
#include "session.h"

struct cursor;
struct message;

struct recover_body {
	uint64_t no, position;
	struct message *msg; /* NULL: what tells of it came first, or is gone */
	uint32_t refs;
	bool again; /* written anew: entries that tell of it may still follow */
};

struct recover_entry {
	uint64_t at, body; /* position in the queue; number, 0: PUBREC has come */
	uint32_t share, n_ids;
	uint32_t *ids;
	uint8_t qos;
	bool retain, released, done;
};

struct recover_sub {
	char *text; /* group, filter */
	uint32_t group_n, filter_n, identifier;
	uint8_t options;
};

struct recover_session {
	uint64_t no, position;
	bool known; /* there was a record that tells all of it */
	char *id, *device;
	uint32_t id_n, device_n;
	struct sb_principal who;
	uint32_t expiry_s, will_delay_s;
	int64_t gone_s; /* 0: it was connected */
	int64_t will_expiry_s;
	struct message *will;
	struct recover_sub *subs;
	uint32_t n_subs, cap_subs;
	struct id_set received;
	struct recover_entry *entries; /* [first, n) ascending by position */
	uint32_t first, n, cap;
	uint64_t sent;
};

struct recover {
	struct server *srv;
	struct recover_table sessions, bodies;
	uint64_t last_no, position;
	uint8_t *step; /* of which not all parts have been seen */
	size_t step_n, step_cap;
	uint64_t step_position;
	bool in_step;
	uint32_t bad;
};

/* One step: 0, SB_E_CORRUPT, -ENOMEM. */
int recover_state_take(struct recover *re, uint64_t position, struct sb_bytes changes);
struct recover_body *recover_state_body(const struct recover *re, uint64_t no);
void recover_state_fini(struct recover *re);
