#define LOG_MODULE "auth"
#include "registry/auth.h"

#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/credential.h"
#include "registry/device.h"
#include "registry/guesses.h"
#include "registry/hasher.h"
#include "registry/inner.h"
#include "registry/known.h"
#include "registry/password.h"
#include "registry/proof.h"
#include "registry/users.h"

#define NAME_MAX_ 128
#define TOKEN_MAX 2048
#define HASHES    2 /* of a device: the accepted password, and the next one */

/* One check that takes a while: it may have to be done by a thread of the hasher. */
struct job {
	struct hasher_job on_hasher; /* first */
	struct auth *auth;
	sb_auth_fn fn;
	void *ud;
	sb_token token;
	int64_t *until_ns;             /* the caller's; may be NULL */
	struct sb_principal principal; /* if it is right */
	int suspended;                 /* SB_E_SUSPENDED: right, but may not */
	int64_t until;
	int64_t since; /* from when the user's password is */
	uint64_t address, name_hash;
	struct known_key keys[HASHES];
	char hashes[HASHES][PASSWORD_HASH_BYTES]; /* of a device; none: ask the users */
	uint32_t n_hashes, right;                 /* right: which of them it was */
	int r;
	bool is_token;
	size_t name_n, password_n;
	char name[NAME_MAX_ + 1];
	char password[];
};

struct auth {
	struct registry *reg;
	struct known *known;
	struct guesses *guesses;
	struct hasher *hasher;
	char nobody[PASSWORD_HASH_BYTES];
	struct {
		_Atomic uint64_t hashed, known, limited, busy;
	} counts;
};

static void job_free(struct job *job)
{
	sodium_memzero(job, sizeof(*job) + job->password_n);
	free(job);
}

static void drop(struct hasher_job *h)
{
	job_free((struct job *)(void *)h);
}

/* ---- principals: the kind in the top byte keeps their ids apart */

static struct sb_principal of_user(struct sb_str name, int role, bool is_token)
{
	return (struct sb_principal){
		.kind = SB_PRINCIPAL_USER,
		.role = role,
		.id = users_id(name, is_token),
	};
}

static const struct sb_principal anonymous = {
	.kind = SB_PRINCIPAL_ANONYMOUS,
	.id = (uint64_t)SB_PRINCIPAL_ANONYMOUS << 56 | 1,
};
static const struct sb_principal nobody;

/* ---- checking; [hasher] unless it is known already */

static bool is_hash(const char *credential, const char *hash)
{
	return credential && strcmp(credential, hash) == 0;
}

static int still_user(const struct job *job)
{
	int64_t since = 0;
	int role = users_role(job->auth->reg->config.users, sb_str_of(job->name, job->name_n),
	                      &since);

	return role != SB_ROLE_NONE && since == job->since ? 0 : -EACCES;
}

/* A password may have been changed while it was being checked. */
static int still(const struct job *job)
{
	struct registry *reg = job->auth->reg;
	const struct device *dev = registry_get(reg, job->principal.device);
	const char *hash = job->hashes[job->right];
	int r = -EACCES;

	if (!dev)
		return r;
	registry_lock(reg);
	if (is_hash(dev->credential, hash) || is_hash(dev->next_credential, hash))
		r = device_suspended(dev);
	registry_unlock(reg);
	return r;
}

static void answer(struct hasher_job *h)
{
	struct job *job = (struct job *)(void *)h;

	if (job->r == 0 && job->principal.kind == SB_PRINCIPAL_DEVICE)
		job->r = still(job);
	else if (job->r == 0 && !job->is_token)
		job->r = still_user(job);
	if (job->until_ns)
		*job->until_ns = job->until;
	job->fn(job->ud, job->token, job->r, job->r == 0 ? &job->principal : &nobody);
	job_free(job);
}

static int check_token(struct job *job)
{
	struct registry *reg = job->auth->reg;
	struct registry_token token = { 0 };
	int r = reg->config.token(reg->config.ud, sb_str_of(job->password, job->password_n),
	                          &token);

	if (r < 0)
		return r;
	job->principal = of_user(sb_str_of(token.subject, strlen(token.subject)), token.role,
	                         token.is_local);
	job->until = token.until_ns;
	return 0;
}

static int check_user(struct job *job)
{
	bool must_change = false;
	int role = SB_ROLE_NONE;
	int r = users_check(job->auth->reg->config.users, sb_str_of(job->name, job->name_n),
	                    sb_str_of(job->password, job->password_n), &role, &must_change);

	/* A one-time password is for logging in and choosing one's own, nothing else. */
	if (r == 0 && must_change)
		r = -EACCES;
	job->principal.role = role;
	return r;
}

static void remember(struct job *job, uint32_t which, int r)
{
	if (r == 0 || r == -EACCES)
		known_put(job->auth->known, &job->keys[which], r == 0, clock_mono());
}

static int check_slowly(struct job *job)
{
	struct auth *auth = job->auth;
	int r = -EACCES;

	if (job->is_token)
		return check_token(job);
	for (uint32_t i = 0; i < job->n_hashes && r == -EACCES; i++) {
		atomic_fetch_add_explicit(&auth->counts.hashed, 1, memory_order_relaxed);
		r = password_verify(sb_str_of(job->password, job->password_n), job->hashes[i]);
		remember(job, i, r);
		job->right = i;
	}
	if (job->n_hashes)
		return r;
	atomic_fetch_add_explicit(&auth->counts.hashed, 1, memory_order_relaxed);
	r = check_user(job);
	remember(job, 0, r);
	return r;
}

static void work(struct hasher_job *h)
{
	struct job *job = (struct job *)(void *)h;

	job->r = check_slowly(job);
	if (job->r == -EACCES)
		guesses_wrong(job->auth->guesses, job->address, job->name_hash, clock_mono());
	if (job->r == 0)
		job->r = job->suspended;
}

/* ---- passwords */

static void add_hash(struct job *job, const char *credential)
{
	if (credential_kind_of(credential) == CREDENTIAL_PASSWORD &&
	    strlen(credential) < PASSWORD_HASH_BYTES)
		memcpy(job->hashes[job->n_hashes++], credential, strlen(credential) + 1);
}

/* Fills what the job is about: a user, a device, or nobody, who costs as much to refuse. */
static void identify(struct auth *auth, struct sb_str name, struct job *job)
{
	struct users *users = auth->reg->config.users;
	struct sb_str password = sb_str_of(job->password, job->password_n);
	struct device *dev = NULL;
	int64_t since = 0;
	int role = users ? users_role(users, name, &since) : SB_ROLE_NONE;

	if (role != SB_ROLE_NONE) {
		job->principal = of_user(name, role, false);
		job->since = since;
		/* The time from which its tokens count changes with the password. */
		job->keys[0] = known_key(auth->known, 'u', name,
		                         sb_str_of((const char *)&since, sizeof(since)), password);
		return;
	}
	if (registry_find(auth->reg, name, &dev) == 0) {
		registry_lock(auth->reg);
		add_hash(job, dev->credential);
		add_hash(job, dev->next_credential);
		registry_unlock(auth->reg);
		job->principal = device_principal(dev);
		job->suspended = device_suspended(dev);
	}
	if (!job->n_hashes)
		add_hash(job, auth->nobody);
	for (uint32_t i = 0; i < job->n_hashes; i++)
		job->keys[i] = known_key(auth->known, 'd', name,
		                         sb_str_of(job->hashes[i], strlen(job->hashes[i])),
		                         password);
}

/* 1 right, 0 wrong, -1 somebody has to find out. */
static int recall(struct auth *auth, struct job *job)
{
	uint32_t n = job->n_hashes ? job->n_hashes : 1;
	int all = 0;

	for (uint32_t i = 0; i < n; i++) {
		int known = known_find(auth->known, &job->keys[i], clock_mono());
		if (known > 0) {
			job->right = i;
			return 1;
		}
		if (known < 0)
			all = -1;
	}
	return all;
}

static int push(struct auth *auth, struct job *job)
{
	if (!guesses_allow(auth->guesses, job->address, job->name_hash, clock_mono())) {
		atomic_fetch_add_explicit(&auth->counts.limited, 1, memory_order_relaxed);
		job_free(job);
		return SB_E_OVERLOAD;
	}
	int r = hasher_push(auth->hasher, &job->on_hasher);
	if (r == SB_E_OVERLOAD)
		atomic_fetch_add_explicit(&auth->counts.busy, 1, memory_order_relaxed);
	return r;
}

static int check_password(struct auth *auth, struct job *job, struct sb_str name)
{
	int known;

	identify(auth, name, job);
	known = recall(auth, job);
	if (known < 0)
		return push(auth, job);
	atomic_fetch_add_explicit(&auth->counts.known, 1, memory_order_relaxed);
	job->r = known ? job->suspended : -EACCES;
	answer(&job->on_hasher);
	return 0;
}

/* "1.2.3.4:5678", "[2001:db8::1]:5678": without the port, and of IPv6 the network, which is one
 * customer's. */
static uint64_t address_hash(struct sb_str peer)
{
	const char *colon = peer.n ? memrchr(peer.p, ':', peer.n) : NULL;
	size_t n = colon ? (size_t)(colon - peer.p) : peer.n;
	size_t groups = 0;

	for (size_t i = 0; peer.n && *peer.p == '[' && i < n; i++) {
		groups += peer.p[i] == ':';
		if (groups == 4)
			n = i;
	}
	return map_hash(sb_str_of(peer.p, n));
}

static bool has_credential(struct registry *reg, struct sb_str id)
{
	struct device *dev;
	bool has = false;

	if (registry_find(reg, id, &dev) == 0) {
		registry_lock(reg);
		has = dev->credential != NULL;
		registry_unlock(reg);
	}
	return has;
}

static bool looks_like_token(struct sb_bytes password)
{
	size_t dots = 0;

	for (size_t i = 0; i < password.n; i++)
		dots += password.p[i] == '.';
	return dots == 2 && password.n > 3 && memcmp(password.p, "eyJ", 3) == 0;
}

static int begin(struct auth *auth, struct instance *in, const struct sb_credentials *cred,
                 struct job *like)
{
	struct sb_str name = cred->username.n ? cred->username : cred->client_id;
	bool is_token = auth->reg->config.token && looks_like_token(cred->password) &&
	                !has_credential(auth->reg, name);
	size_t most = is_token ? TOKEN_MAX : PASSWORD_MAX;
	struct job *job;

	if (!cred->password.n || cred->password.n > most ||
	    (!is_token && (!name.n || name.n > NAME_MAX_)))
		return -EACCES;
	job = calloc(1, sizeof(*job) + cred->password.n);
	if (!job)
		return -ENOMEM;
	*job = *like;
	job->address = address_hash(cred->peer);
	/* A token is a name of its own: who guesses one must not keep all the others out. */
	job->name_hash = map_hash(
		is_token ? sb_str_of((const char *)cred->password.p, cred->password.n) : name);
	job->on_hasher = (struct hasher_job){ .instance = in,
		                              .work = work,
		                              .answer = answer,
		                              .drop = drop,
		                              .peer = (uint8_t)job->address };
	job->is_token = is_token;
	job->name_n = name.n > NAME_MAX_ ? 0 : name.n;
	job->password_n = cred->password.n;
	if (job->name_n)
		memcpy(job->name, name.p, job->name_n);
	memcpy(job->password, cred->password.p, cred->password.n);
	return is_token ? push(auth, job) : check_password(auth, job, name);
}

/* ---- rules */

int auth_check(struct auth *auth, struct instance *in, const struct sb_credentials *cred,
               sb_auth_fn fn, void *ud, sb_token token)
{
	struct job like = { .auth = auth, .fn = fn, .ud = ud, .token = token };
	int64_t until = 0;
	int r;

	like.until_ns = cred->until_ns;
	r = proof_check(auth->reg, cred, &like.principal, &until);
	if (r == 1 && !cred->username.n && !cred->password.n) {
		bool allowed = cred->anonymous_allowed &&
		               !has_credential(auth->reg, cred->client_id);
		like.principal = allowed ? anonymous : nobody;
		r = allowed ? 0 : -EACCES;
	}
	if (r == 1) {
		r = begin(auth, in, cred, &like);
		if (r != -EACCES)
			return r;
	}
	if (cred->until_ns)
		*cred->until_ns = until;
	fn(ud, token, r, r == 0 ? &like.principal : &nobody);
	return 0;
}

void auth_stats(const struct auth *auth, struct auth_stats *out)
{
	out->hashed = atomic_load_explicit(&auth->counts.hashed, memory_order_relaxed);
	out->known = atomic_load_explicit(&auth->counts.known, memory_order_relaxed);
	out->limited = atomic_load_explicit(&auth->counts.limited, memory_order_relaxed);
	out->busy = atomic_load_explicit(&auth->counts.busy, memory_order_relaxed);
}

int auth_new(struct auth **out, struct registry *reg)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int r;

	if (!auth)
		return -ENOMEM;
	auth->reg = reg;
	r = known_new(&auth->known);
	if (r == 0)
		r = guesses_new(&auth->guesses);
	if (r == 0)
		r = password_nobody(auth->nobody);
	if (r == 0)
		r = hasher_new(&auth->hasher);
	if (r < 0) {
		auth_free(auth);
		return r;
	}
	*out = auth;
	return 0;
}

struct auth *auth_free(struct auth *auth)
{
	if (!auth)
		return NULL;
	hasher_free(auth->hasher);
	guesses_free(auth->guesses);
	known_free(auth->known);
	free(auth);
	return NULL;
}

void auth_forget(struct auth *auth, const struct instance *in)
{
	hasher_forget(auth->hasher, in);
}
