#define LOG_MODULE "users"
#include "registry/users.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/own.h"
#include "base/text.h"
#include "base/wire.h"
#include "host/docs.h"
#include "registry/account.h"
#include "registry/audit.h"
#include "registry/password.h"

#define USERS_MAX        10000
#define PASSWORD_LEAST   10
#define PASSWORD_MOST    256
#define FIRST_NAME       "admin"
#define FIRST_CHARACTERS "abcdefghijkmnpqrstuvwxyz23456789" /* 32 that are not mixed up */

/* Changes hold `changing` from reading to the answer of the disk; `lock` guards memory only, so
 * that looking up a role never waits for a disk. */
struct users {
	struct docs *docs;
	pthread_mutex_t changing;
	pthread_mutex_t lock;
	struct map *by_name, *by_id; /* by_id: of principals */
	_Atomic uint64_t generation;
	void (*tell)(void *ud, uint64_t id, const char *name); /* under `changing` */
	void *tell_ud;
	char nobody[PASSWORD_HASH_BYTES];
};

int users_new(struct users **out, struct docs *docs)
{
	struct users *users = calloc(1, sizeof(*users));
	int r;

	if (!users)
		return -ENOMEM;
	users->docs = docs;
	pthread_mutex_init(&users->changing, NULL);
	pthread_mutex_init(&users->lock, NULL);
	r = map_new(&users->by_name);
	if (r == 0)
		r = map_new(&users->by_id);
	if (r == 0)
		r = password_nobody(users->nobody);
	if (r < 0) {
		users_free(users);
		return r;
	}
	*out = users;
	return 0;
}

struct users *users_free(struct users *users)
{
	struct account *account;
	size_t at = 0;

	if (!users)
		return NULL;
	while (users->by_name && (account = map_each(users->by_name, &at)))
		free(account);
	map_free(users->by_name);
	map_free(users->by_id);
	pthread_mutex_destroy(&users->lock);
	pthread_mutex_destroy(&users->changing);
	free(users);
	return NULL;
}

/* Makes a copy visible, or with NULL removes what has this name. */
static int show(struct users *users, struct sb_str name, const struct account *account)
{
	struct account *old;
	struct account *copy = NULL;
	uint64_t id = users_id(name, false);
	int r = 0;

	if (account) {
		copy = malloc(sizeof(*copy));
		if (!copy)
			return -ENOMEM;
		*copy = *account;
	}
	pthread_mutex_lock(&users->lock);
	old = map_find(users->by_name, name);
	if (copy) {
		r = map_put_u64(users->by_id, id, copy);
		if (r == 0)
			r = map_put(users->by_name, name, copy);
		if (r < 0 && old) /* its entry is there: this takes no memory */
			(void)map_put_u64(users->by_id, id, old);
		else if (r < 0)
			(void)map_remove_u64(users->by_id, id);
	} else {
		(void)map_remove(users->by_name, name);
		(void)map_remove_u64(users->by_id, id);
	}
	pthread_mutex_unlock(&users->lock);
	atomic_fetch_add_explicit(&users->generation, 1, memory_order_release);
	free(r < 0 ? copy : old);
	return r;
}

/* A copy of the account; false if there is none. */
static bool look_up(struct users *users, struct sb_str name, struct account *out)
{
	const struct account *found;

	pthread_mutex_lock(&users->lock);
	found = map_find(users->by_name, name);
	if (found)
		*out = *found;
	pthread_mutex_unlock(&users->lock);
	return found;
}

static int load(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	struct users *users = ud;
	struct account account;
	char shown[80];
	int r = account_take(doc, &account);

	(void)rev;
	if (r == 0 && !text_is(key, account.name))
		r = SB_E_CORRUPT;
	if (r == 0)
		r = show(users, key, &account);
	return r < 0 ? log_error(r, "cannot read user %s", text_show(shown, sizeof(shown), key))
	             : 0;
}

int users_load(struct users *users)
{
	if (!users->docs)
		return 0;
	return docs_scan_wait(users->docs, SB_STR("user"), load, users);
}

/* ---- looking */

int users_check(struct users *users, struct sb_str name, struct sb_str password, int *role,
                bool *must_change)
{
	struct account account = { .disabled = true };
	bool known = look_up(users, name, &account);
	int r;

	if (!known)
		memcpy(account.hash, users->nobody, sizeof(account.hash));
	r = password.n > PASSWORD_MOST ? -EACCES : password_verify(password, account.hash);
	if (r == 0 && account.disabled)
		r = -EACCES;
	*role = r == 0 ? account.role : SB_ROLE_NONE;
	*must_change = account.must_change;
	sodium_memzero(account.hash, sizeof(account.hash));
	return r;
}

int users_role(struct users *users, struct sb_str name, int64_t *tokens_since_ns)
{
	struct account account;

	if (!look_up(users, name, &account) || account.disabled)
		return SB_ROLE_NONE;
	*tokens_since_ns = account.tokens_since_ns;
	return account.role;
}

/* Kind in the top byte, a bit for tokens, and 55 bits that tell names apart. */
uint64_t users_id(struct sb_str name, bool is_token)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	uint64_t id;

	(void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)name.p, name.n, NULL,
	                         0);
	memcpy(&id, hash, sizeof(id));
	return (uint64_t)SB_PRINCIPAL_USER << 56 | (uint64_t)is_token << 55 | id >> 9;
}

bool users_id_is_token(uint64_t id)
{
	return id >> 55 & 1;
}

void users_see(struct users *users, uint64_t id,
               void (*fn)(void *ud, const struct account *account), void *ud)
{
	const struct account *account;

	pthread_mutex_lock(&users->lock);
	account = map_find_u64(users->by_id, id);
	if (account)
		fn(ud, account);
	pthread_mutex_unlock(&users->lock);
}

void users_tell(struct users *users, void (*fn)(void *ud, uint64_t id, const char *name), void *ud)
{
	pthread_mutex_lock(&users->changing);
	users->tell = fn;
	users->tell_ud = ud;
	pthread_mutex_unlock(&users->changing);
}

uint64_t users_generation(const struct users *users)
{
	return atomic_load_explicit(&users->generation, memory_order_acquire);
}

static int by_name(const void *a, const void *b)
{
	const struct account *const *x = a;
	const struct account *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void users_list(struct users *users, struct wire *out)
{
	struct account *account;
	struct account **sorted;
	size_t n = 0;

	pthread_mutex_lock(&users->lock);
	sorted = malloc((map_count(users->by_name) + 1) * sizeof(struct account *));
	for (size_t at = 0; sorted && (account = map_each(users->by_name, &at));)
		sorted[n++] = account;
	if (sorted)
		qsort(sorted, n, sizeof(struct account *), by_name);
	wire_array(out);
	for (size_t i = 0; i < n; i++)
		account_show(sorted[i], out);
	wire_array_end(out);
	pthread_mutex_unlock(&users->lock);
	free(sorted);
}

/* ---- changing: document and audit entry in one commit, then memory. Under `changing`. */

/* was or is may be NULL: made, removed. */
static int describe(struct audit *audit, const struct account *was, const struct account *is,
                    const char *who)
{
	struct buffer before = { 0 };
	struct buffer after = { 0 };
	struct wire w = wire_on(&before, WIRE_JSON);
	const char *name = is ? is->name : was->name;
	int r;

	if (was)
		account_show(was, &w);
	w = wire_on(&after, WIRE_JSON);
	if (is)
		account_show(is, &w);
	r = before.bad || after.bad ? -ENOMEM : 0;
	if (r == 0)
		r = audit_init(audit, &(struct audit_facts){
					      .who = who,
					      .what = !was ? "user.create"
		                                      : is ? "user.change"
		                                           : "user.remove",
					      .subject = sb_str_of(name, strlen(name)),
					      .before = { before.p, before.n },
					      .after = { after.p, after.n },
				      });
	buffer_fini(&before);
	buffer_fini(&after);
	return r;
}

static int store(struct users *users, const struct account *was, const struct account *is,
                 const char *who)
{
	struct sb_str name = sb_str_of(is ? is->name : was->name,
	                               strlen(is ? is->name : was->name));
	struct audit audit = { 0 };
	struct buffer doc = { 0 };
	struct sb_doc_put puts[2];
	int r;

	if (is)
		account_give(&doc, is);
	r = doc.bad ? -ENOMEM : describe(&audit, was, is, who);
	puts[0] = (struct sb_doc_put){ SB_STR("user"), name, { doc.p, doc.n }, UINT64_MAX };
	puts[1] = audit_put(&audit);
	if (r == 0 && users->docs)
		r = docs_put_wait(users->docs, puts, ARRAY_LEN(puts));
	if (r == 0)
		r = show(users, name, is);
	if (r < 0)
		log_error(r, "cannot store user %s", is ? is->name : was->name);
	audit_fini(&audit);
	buffer_fini(&doc);
	return r;
}

static int set_password(struct account *account, struct sb_str password)
{
	if (password.n < PASSWORD_LEAST || password.n > PASSWORD_MOST)
		return SB_E_RANGE;
	account->tokens_since_ns = clock_utc();
	return password_hash(password, account->hash);
}

static int set_lists(const struct user_change *change, struct account *account)
{
	int r = 0;

	if (change->publish.p || change->publish_by_role) {
		account->has_publish = !change->publish_by_role;
		r = account_set_list(account->publish, change->publish);
	}
	if (r == 0 && (change->subscribe.p || change->subscribe_by_role)) {
		account->has_subscribe = !change->subscribe_by_role;
		r = account_set_list(account->subscribe, change->subscribe);
	}
	return r;
}

static int make(struct users *users, struct account *account, struct sb_str password,
                const char *who)
{
	int r = set_password(account, password);

	if (r < 0)
		return r;
	account->created_ns = account->tokens_since_ns;
	return store(users, NULL, account, who);
}

int users_first(struct users *users, char password[static 33])
{
	struct account account = { .name = FIRST_NAME, .role = SB_ROLE_ADMIN, .must_change = true };
	unsigned char random[23];
	size_t n = 0;
	int r;

	pthread_mutex_lock(&users->changing);
	if (map_count(users->by_name)) {
		pthread_mutex_unlock(&users->changing);
		return 1;
	}
	if (sodium_init() < 0) {
		pthread_mutex_unlock(&users->changing);
		return -EIO;
	}
	randombytes_buf(random, sizeof(random));
	for (; n < sizeof(random); n++) /* 20 characters of 5 bits, in groups that can be typed */
		password[n] = n % 6 == 5 ? '-' : FIRST_CHARACTERS[random[n] % 32];
	password[n] = '\0';
	sodium_memzero(random, sizeof(random));
	r = make(users, &account, sb_str_of(password, n), "first start");
	pthread_mutex_unlock(&users->changing);
	return r;
}

int users_add(struct users *users, struct sb_str name, const struct user_change *first,
              const char *who)
{
	struct account account = { .role = first->role,
		                   .integration = first->integration,
		                   .must_change = !first->integration };
	struct account other;
	int r;

	if (!account_is_name(name))
		return SB_E_NAME;
	if (first->role < SB_ROLE_VIEWER || first->role > SB_ROLE_ADMIN)
		return SB_E_RANGE;
	r = set_lists(first, &account);
	if (r < 0)
		return r;
	memcpy(account.name, name.p, name.n);
	pthread_mutex_lock(&users->changing);
	if (look_up(users, name, &other))
		r = SB_E_EXISTS;
	else if (map_count(users->by_name) >= USERS_MAX)
		r = SB_E_QUOTA;
	if (r == 0)
		r = make(users, &account, first->password, who);
	pthread_mutex_unlock(&users->changing);
	return r;
}

int users_create(struct users *users, struct sb_str name, struct sb_str password, int role,
                 const char *who)
{
	const struct user_change first = { .password = password, .role = role, .disabled = -1 };

	return users_add(users, name, &first, who);
}

/* Somebody has to be able to let people in. */
static bool is_last_admin(struct users *users, const struct account *account)
{
	const struct account *other;
	bool last = account->role == SB_ROLE_ADMIN && !account->disabled;

	pthread_mutex_lock(&users->lock);
	for (size_t at = 0; last && (other = map_each(users->by_name, &at));)
		last = other->role != SB_ROLE_ADMIN || other->disabled ||
		       strcmp(other->name, account->name) == 0;
	pthread_mutex_unlock(&users->lock);
	return last;
}

static int apply(const struct user_change *change, const char *who, struct account *account)
{
	if (change->role != -1) {
		if (change->role < SB_ROLE_VIEWER || change->role > SB_ROLE_ADMIN)
			return SB_E_RANGE;
		account->role = change->role;
	}
	if (change->disabled >= 0) {
		if (change->disabled && !account->disabled)
			account->tokens_since_ns = clock_utc();
		account->disabled = change->disabled;
	}
	int r = set_lists(change, account);
	if (r < 0)
		return r;
	account->integration |= change->integration;
	if (account->integration)
		account->must_change = false;
	if (!change->password.p)
		return 0;
	/* A password somebody else knows is a first password again, unless a program has it. */
	account->must_change = !account->integration && strcmp(who, account->name) != 0;
	return set_password(account, change->password);
}

int users_change(struct users *users, struct sb_str name, const struct user_change *change,
                 const char *who)
{
	struct account was;
	struct account is;
	int r = 0;

	pthread_mutex_lock(&users->changing);
	if (!look_up(users, name, &was))
		r = SB_E_NOT_FOUND;
	if (r == 0) {
		is = was;
		r = apply(change, who, &is);
	}
	if (r == 0 && (is.role != SB_ROLE_ADMIN || is.disabled) && is_last_admin(users, &was))
		r = -EPERM;
	if (r == 0)
		r = store(users, &was, &is, who);
	if (r == 0 && users->tell && is.tokens_since_ns != was.tokens_since_ns)
		users->tell(users->tell_ud, users_id(name, false), is.name);
	pthread_mutex_unlock(&users->changing);
	return r;
}

int users_remove(struct users *users, struct sb_str name, const char *who)
{
	struct account was;
	int r;

	pthread_mutex_lock(&users->changing);
	if (!look_up(users, name, &was))
		r = SB_E_NOT_FOUND;
	else if (is_last_admin(users, &was))
		r = -EPERM;
	else
		r = store(users, &was, NULL, who);
	pthread_mutex_unlock(&users->changing);
	return r;
}
