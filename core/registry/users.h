/* People and integrations: names, roles, argon2id hashes; documents of space "user". There is no
 * default password: the first admin is made with a random one-time password. Any thread; hashing
 * blocks for tens of milliseconds, so check passwords on a query thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

struct account;
struct docs;
struct users;
struct wire;

int users_new(struct users **out, struct docs *docs);
struct users *users_free(struct users *users);
int users_load(struct users *users);

/* If there is no user yet: makes "admin" with a random password, copied to password. 0 made, 1 not.
 */
int users_first(struct users *users, char password[static 33]);
/* 0 and the role, or -EACCES; as slow for an unknown name as for a known one. Blocks. */
int users_check(struct users *users, struct sb_str name, struct sb_str password, int *role,
                bool *must_change);
struct user_change {
	struct sb_str password; /* p == NULL: stays */
	int role;               /* SB_ROLE_*, or -1 */
	int disabled;           /* 0, 1, or -1 */
	bool integration;       /* becomes a program's: what an admin sets is its password */
	/* Topic filters, a line each, 1,024 bytes in all; p == NULL: stays. */
	struct sb_str publish, subscribe;
	bool publish_by_role, subscribe_by_role; /* no list any more */
};
/* 0, SB_E_EXISTS, SB_E_NAME, SB_E_RANGE (password shorter than 10 or longer than 256 bytes; no such
 * role), SB_E_MALFORMED (a filter), SB_E_QUOTA (lists too long). Blocks until durable. */
int users_create(struct users *users, struct sb_str name, struct sb_str password, int role,
                 const char *who);
int users_add(struct users *users, struct sb_str name, const struct user_change *first,
              const char *who); /* the same with everything */
int users_change(struct users *users, struct sb_str name, const struct user_change *change,
                 const char *who); /* SB_E_NOT_FOUND, -EPERM for the last admin */
int users_remove(struct users *users, struct sb_str name, const char *who);
/* The role now, SB_ROLE_NONE if unknown or disabled; and since when its tokens are valid. */
int users_role(struct users *users, struct sb_str name, int64_t *tokens_since_ns);
/* Calls fn, unless nobody has this id, with the account locked: it must be quick. */
void users_see(struct users *users, uint64_t id,
               void (*fn)(void *ud, const struct account *account), void *ud);
/* fn from now on for every user who gets another password, with the id of its principal; from
 * within the change. NULL: no more. */
void users_tell(struct users *users, void (*fn)(void *ud, uint64_t id, const char *name), void *ud);
/* Counts changes. */
uint64_t users_generation(const struct users *users);
/* The id of a user's principal, or, without one behind it, of a token: the same for ever. */
uint64_t users_id(struct sb_str name, bool is_token);
bool users_id_is_token(uint64_t id);
void users_list(struct users *users, struct wire *out);
