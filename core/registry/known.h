/* Credentials that were checked before, so that a storm of log-ins costs one slow hash
 * per device and not one per connection. Remembered is a keyed hash under a key of this process,
 * never the password; the stored hash goes into it, so that a changed password is unknown at once.
 * Any thread. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct known;

struct known_key {
	uint8_t bytes[16];
};

int known_new(struct known **out);
struct known *known_free(struct known *known);
/* scope keeps devices ("d") and users ("u") apart; proof is the stored hash or what stands for it.
 */
struct known_key known_key(const struct known *known, char scope, struct sb_str name,
                           struct sb_str proof, struct sb_str password);
/* 1: right, 0: wrong, -1: not known. */
int known_find(struct known *known, const struct known_key *key, int64_t now_ns);
void known_put(struct known *known, const struct known_key *key, int is_right, int64_t now_ns);
