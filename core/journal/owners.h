/* Records of others in the journal: opaque, each of one owner (a plugin instance, by its name) and
 * numbered by it without gaps while the process lives. An owner's oldest record that is still
 * needed holds back what the journal recycles: it is asked to write anew what lies too far behind,
 * and loses it beyond the end of patience. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct buffer;
struct journal;
struct owner;
struct owners;

#define OWNERS_NAME_MAX 128
#define OWNERS_HEAD_MAX \
	(OWNERS_NAME_MAX + 16) /* bytes of a record in front of what is its owner's */

struct owners_config {
	struct journal *journal;
	uint64_t ask_bytes;  /* an owner this far behind is asked for a snapshot */
	uint64_t drop_bytes; /* and this far behind it loses its records */
};

int owners_new(struct owners **out, const struct owners_config *config);
/* After journal_stop(), or what it held is recycled; before journal_free(). */
struct owners *owners_free(struct owners *all);
/* Main, for every RECORD_PLUGIN of journal_replay(). */
int owners_note(struct owners *all, uint64_t seq, struct sb_bytes payload);
/* Once a second or so, any one thread: drops what nobody asked for too long. */
void owners_look(struct owners *all);
/* The owner of this name, made if there is none; it lives as long as `all`. SB_E_NAME, -ENOMEM.
 * Any thread. */
int owners_claim(struct owners *all, const char *name, struct owner **out);

/* ---- the owner's own thread, but where said */
/* The head of its next record; the number is spent by owner_wrote(). */
void owner_head(const struct owner *o, struct buffer *to);
uint64_t owner_wrote(struct owner *o);
/* Everything of it up to this number may be recycled. */
void owner_checkpoint(struct owner *o, uint64_t number);
/* Up to which number its records should be written anew; 0: it is near enough. Any thread. */
uint64_t owner_behind(struct owner *o);
/* Its records behind `after`, oldest first; blocks for as long as the disk takes. Numbers go on
 * behind the last one seen, and behind `after`. A negative answer of fn ends it and is returned. */
typedef int32_t (*owner_record_fn)(void *ud, uint64_t number, struct sb_bytes record);
int owner_replay(struct owner *o, uint64_t after, owner_record_fn fn, void *ud);
