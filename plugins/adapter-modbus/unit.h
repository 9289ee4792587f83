/* One device on the bus: its plan, what was last sent of each value, and whether it answers. All
 * calls on the instance's thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <signalbox/services.h>

struct link;
struct plan;
struct profile;
struct services;

struct sent { /* the last point of a value */
	sb_series series;
	union sb_value v;
	int64_t at_ns; /* monotonic; 0: none yet */
	uint8_t quality;
	bool has_value;
};

struct unit {
	const struct services *services;
	char id[129];
	int address; /* 1..247, 255; TCP also 0 */
	struct profile *profile;
	struct plan *plan;
	struct sent *sent; /* by value of the profile */
	sb_device device;
	bool is_up;
	bool owes_no_comm;            /* the points that say so could not be handed over yet */
	uint32_t failures;            /* in a row */
	int64_t retry_ns, backoff_ns; /* while it is down */
};

/* "ID unit=1 profile=NAME [interval=10s]"; NAME is a path or a file in profile_dir without ".json".
 */
int unit_init(struct unit *u, const char *text, const char *profile_dir, char *why, size_t cap);
void unit_fini(struct unit *u);
/* The request to do next and when. */
uint32_t unit_next(const struct unit *u, int64_t *due_ns);
/* Asks the device, as link_read(). */
int unit_read(const struct unit *u, uint32_t request, struct link *link, void *out);
/* Data came: bits or registers of the request. Takes the batch. */
void unit_take(struct unit *u, uint32_t request, struct sb_batch *batch, const void *data);
/* The device refused; the batch is taken. code is Modbus's exception code. */
void unit_refused(struct unit *u, uint32_t request, struct sb_batch *batch, int code);
/* No answer. After three it is down. */
void unit_silent(struct unit *u, uint32_t request, const char *why);
/* It cannot be reached at all. */
void unit_down(struct unit *u, int32_t why, const char *detail);
/* Sends the points that say "no communication", if they are owed. */
void unit_pay(struct unit *u);
/* Points and bytes a batch for this request needs. */
void unit_room(const struct unit *u, uint32_t request, uint32_t *points, uint32_t *bytes);
