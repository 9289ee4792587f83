/* Who is it? Rules of authentication, and the threads that do the slow hashing.
 *
 * A pre-shared key: the device it belongs to. A certificate: the device it is registered for, or,
 * if the configuration says so and our certificate authority signed it, the device it names. No
 * name and no password: an anonymous peer, if the listener allows those, unless the client id
 * belongs to a device that has a credential. A name (or else the client id) with a password: a
 * user, or a device with its own password; a token of the API in place of the password: whom it
 * names. Everything else is refused, and refusing takes as long for names that exist as for others.
 */
#pragma once
#include <signalbox/services.h>

struct auth;
struct instance;
struct registry;

int auth_new(struct auth **out, struct registry *reg);
struct auth *auth_free(struct auth *auth);
/* As sb_devices.authenticate: 0, then fn, or fn from inside; SB_E_OVERLOAD, -ENOMEM: no fn. */
int auth_check(struct auth *auth, struct instance *in, const struct sb_credentials *cred,
               sb_auth_fn fn, void *ud, sb_token token);
struct auth_stats {
	uint64_t hashed;  /* slow hashes computed */
	uint64_t known;   /* answered without one */
	uint64_t limited; /* refused for too many wrong passwords of their address or name */
	uint64_t busy;    /* refused because too many waited */
};
void auth_stats(const struct auth *auth, struct auth_stats *out);
/* The instance stops: nothing of it is being worked on when this returns. [inst] */
void auth_forget(struct auth *auth, const struct instance *in);
