#define LOG_MODULE "auth"
#include "registry/auth.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/own.h"
#include "base/text.h"
#include "host/instance.h"
#include "registry/inner.h"
#include "registry/known.h"
#include "registry/password.h"
#include "registry/users.h"

#define WORKERS_MAX 4
#define WAITING_MAX 4096
#define PEER_MAX    (WAITING_MAX / 4) /* of one address: others get their turn */
#define PEERS       256
#define NAME_MAX_   128
#define NICE        5 /* a storm of log-ins must not take the processor from those who are in */

/* One check that needs a slow hash. */
struct job {
	struct job *next;
	struct auth *auth;
	struct instance *instance;
	sb_auth_fn fn;
	void *ud;
	sb_token token;
	struct sb_principal principal; /* if it is right */
	int suspended;                 /* SB_E_SUSPENDED: right, but may not */
	struct known_key key;
	int r;
	char hash[PASSWORD_HASH_BYTES]; /* of a device; empty: ask the users */
	char name[NAME_MAX_ + 1];
	char password[PASSWORD_MAX];
	size_t name_n, password_n;
	uint8_t peer; /* slot of its address */
};

struct worker {
	struct auth *auth;
	pthread_t thread;
	struct instance *instance; /* being worked for, under lock */
};

struct auth {
	struct registry *reg;
	struct known *known;
	char nobody[PASSWORD_HASH_BYTES];
	pthread_mutex_t lock;
	pthread_cond_t wake, idle;
	struct job *first, **last;
	uint32_t waiting;
	uint16_t by_peer[PEERS]; /* of those waiting */
	struct worker workers[WORKERS_MAX];
	uint32_t n_workers;
	bool stop;
};

static void job_free(struct job *job)
{
	sodium_memzero(job, sizeof(*job));
	free(job);
}

/* ---- principals: the kind in the top byte keeps their ids apart */

static uint64_t principal_id(int32_t kind, uint64_t of)
{
	return (uint64_t)kind << 56 | (of & 0xffffffffffffff);
}

static struct sb_principal of_device(const struct device *dev)
{
	return (struct sb_principal){
		.kind = SB_PRINCIPAL_DEVICE,
		.device = registry_handle(dev),
		.id = principal_id(SB_PRINCIPAL_DEVICE, dev->no),
	};
}

/* The same after a restart: what a user left behind is found again by it. */
static uint64_t user_number(struct sb_str name)
{
	unsigned char hash[crypto_generichash_BYTES_MIN];
	uint64_t number;

	(void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)name.p, name.n, NULL,
	                         0);
	memcpy(&number, hash, sizeof(number));
	return number;
}

static struct sb_principal of_user(struct sb_str name, int role)
{
	return (struct sb_principal){
		.kind = SB_PRINCIPAL_USER,
		.role = role,
		.id = principal_id(SB_PRINCIPAL_USER, user_number(name)),
	};
}

static const struct sb_principal anonymous = {
	.kind = SB_PRINCIPAL_ANONYMOUS,
	.id = (uint64_t)SB_PRINCIPAL_ANONYMOUS << 56 | 1,
};
static const struct sb_principal nobody;

/* ---- workers */

/* A password may have been changed while it was being checked. */
static int still(struct job *job)
{
	struct registry *reg = job->auth->reg;
	const struct device *dev = registry_get(reg, job->principal.device);
	int r = -EACCES;

	if (!dev)
		return r;
	registry_lock(reg);
	if (dev->credential && strcmp(dev->credential, job->hash) == 0)
		r = dev->admin == DEVICE_SUSPENDED || dev->admin == DEVICE_RETIRED ? SB_E_SUSPENDED
		                                                                   : 0;
	registry_unlock(reg);
	return r;
}

static void answer(void *ud)
{
	struct job *job = ud;

	if (job->r == 0 && job->principal.kind == SB_PRINCIPAL_DEVICE)
		job->r = still(job);
	job->fn(job->ud, job->token, job->r, job->r == 0 ? &job->principal : &nobody);
	job_free(job);
}

static int check_slowly(struct job *job)
{
	struct sb_str password = sb_str_of(job->password, job->password_n);
	bool must_change = false;
	int role = SB_ROLE_NONE;
	int r;

	if (*job->hash)
		return password_verify(password, job->hash);
	r = users_check(job->auth->reg->config.users, sb_str_of(job->name, job->name_n), password,
	                &role, &must_change);
	/* A one-time password is for logging in and choosing one's own, nothing else. */
	if (r == 0 && must_change)
		r = -EACCES;
	job->principal.role = role;
	return r;
}

/* The mailbox of a loop is 65,536 long, sixteen times what can wait here: full means that the loop
 * is stuck, and then waiting is all there is to do. */
static void post(struct job *job)
{
	const struct timespec pause = { 0, 5 * NS_PER_MS };
	int r;

	while ((r = instance_post(job->instance, answer, job)) == SB_AGAIN) {
		bool stop;
		pthread_mutex_lock(&job->auth->lock);
		stop = job->auth->stop;
		pthread_mutex_unlock(&job->auth->lock);
		if (stop)
			break;
		(void)nanosleep(&pause, NULL);
	}
	if (r != 0)
		job_free(job);
}

static void work(struct job *job)
{
	job->r = check_slowly(job);
	if (job->r == 0 || job->r == -EACCES)
		known_put(job->auth->known, &job->key, job->r == 0, clock_mono());
	if (job->r == 0)
		job->r = job->suspended;
	post(job);
}

static struct job *take(struct auth *auth)
{
	struct job *job = auth->first;

	auth->first = job->next;
	if (!auth->first)
		auth->last = &auth->first;
	auth->waiting--;
	auth->by_peer[job->peer]--;
	return job;
}

static void *run(void *ud)
{
	struct worker *worker = ud;
	struct auth *auth = worker->auth;

	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	pthread_mutex_lock(&auth->lock);
	while (!auth->stop) {
		struct job *job;
		if (!auth->first) {
			pthread_cond_wait(&auth->wake, &auth->lock);
			continue;
		}
		job = take(auth);
		worker->instance = job->instance;
		pthread_mutex_unlock(&auth->lock);
		work(job);
		pthread_mutex_lock(&auth->lock);
		worker->instance = NULL;
		pthread_cond_broadcast(&auth->idle);
	}
	pthread_mutex_unlock(&auth->lock);
	return NULL;
}

static int start_workers(struct auth *auth)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t n = cores > 2 ? (uint32_t)MIN(cores / 2, WORKERS_MAX) : 1;

	for (uint32_t i = 0; i < n; i++) {
		struct worker *worker = &auth->workers[i];
		worker->auth = auth;
		int r = -pthread_create(&worker->thread, NULL, run, worker);
		if (r < 0)
			return log_error(r, "cannot start a thread for passwords");
		pthread_setname_np(worker->thread, "auth");
		auth->n_workers++;
	}
	return 0;
}

int auth_new(struct auth **out, struct registry *reg)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int r;

	if (!auth)
		return -ENOMEM;
	auth->reg = reg;
	auth->last = &auth->first;
	pthread_mutex_init(&auth->lock, NULL);
	pthread_cond_init(&auth->wake, NULL);
	pthread_cond_init(&auth->idle, NULL);
	r = known_new(&auth->known);
	if (r == 0)
		r = password_nobody(auth->nobody);
	if (r == 0)
		r = start_workers(auth);
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
	pthread_mutex_lock(&auth->lock);
	auth->stop = true;
	pthread_cond_broadcast(&auth->wake);
	pthread_mutex_unlock(&auth->lock);
	for (uint32_t i = 0; i < auth->n_workers; i++)
		pthread_join(auth->workers[i].thread, NULL);
	while (auth->first)
		job_free(take(auth));
	known_free(auth->known);
	pthread_cond_destroy(&auth->wake);
	pthread_cond_destroy(&auth->idle);
	pthread_mutex_destroy(&auth->lock);
	free(auth);
	return NULL;
}

static bool is_worked_for(const struct auth *auth, const struct instance *in)
{
	for (uint32_t i = 0; i < auth->n_workers; i++) {
		if (auth->workers[i].instance == in)
			return true;
	}
	return false;
}

void auth_forget(struct auth *auth, const struct instance *in)
{
	pthread_mutex_lock(&auth->lock);
	for (struct job **at = &auth->first; *at;) {
		struct job *job = *at;
		if (job->instance != in) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		auth->waiting--;
		auth->by_peer[job->peer]--;
		job_free(job);
	}
	auth->last = &auth->first;
	while (*auth->last)
		auth->last = &(*auth->last)->next;
	while (is_worked_for(auth, in))
		pthread_cond_wait(&auth->idle, &auth->lock);
	pthread_mutex_unlock(&auth->lock);
}

/* ---- rules */

static int push(struct auth *auth, struct job *job)
{
	int r = 0;

	pthread_mutex_lock(&auth->lock);
	if (auth->stop) {
		r = -ESHUTDOWN;
	} else if (auth->waiting >= WAITING_MAX || auth->by_peer[job->peer] >= PEER_MAX) {
		r = SB_E_OVERLOAD;
	} else {
		*auth->last = job;
		auth->last = &job->next;
		auth->waiting++;
		auth->by_peer[job->peer]++;
		pthread_cond_signal(&auth->wake);
	}
	pthread_mutex_unlock(&auth->lock);
	if (r < 0)
		job_free(job);
	return r;
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
		job->principal = of_user(name, role);
		/* The time from which its tokens count changes with the password. */
		job->key = known_key(auth->known, 'u', name,
		                     sb_str_of((const char *)&since, sizeof(since)), password);
		return;
	}
	memcpy(job->hash, auth->nobody, sizeof(job->hash));
	registry_lock(auth->reg);
	if (registry_find(auth->reg, name, &dev) == 0 && dev->credential &&
	    strlen(dev->credential) < sizeof(job->hash))
		memcpy(job->hash, dev->credential, strlen(dev->credential) + 1);
	registry_unlock(auth->reg);
	if (dev) {
		enum device_admin admin = dev->admin;
		job->principal = of_device(dev);
		job->suspended = admin == DEVICE_SUSPENDED || admin == DEVICE_RETIRED
		                         ? SB_E_SUSPENDED
		                         : 0;
	}
	job->key = known_key(auth->known, 'd', name, sb_str_of(job->hash, strlen(job->hash)),
	                     password);
}

/* "1.2.3.4:5678", "[::1]:5678": without the port. */
static uint8_t peer_slot(struct sb_str peer)
{
	const char *colon = peer.n ? memrchr(peer.p, ':', peer.n) : NULL;

	return (uint8_t)(map_hash(sb_str_of(peer.p, colon ? (size_t)(colon - peer.p) : peer.n)) %
	                 PEERS);
}

static bool has_password(struct registry *reg, struct sb_str id)
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

static int check_password(struct auth *auth, struct job *job, struct sb_str name)
{
	int known;

	identify(auth, name, job);
	known = known_find(auth->known, &job->key, clock_mono());
	if (known < 0)
		return push(auth, job);
	job->r = known ? job->suspended : -EACCES;
	answer(job);
	return 0;
}

int auth_check(struct auth *auth, struct instance *in, const struct sb_credentials *cred,
               sb_auth_fn fn, void *ud, sb_token token)
{
	struct sb_str name = cred->username.n ? cred->username : cred->client_id;
	struct job *job;

	if (!cred->username.n && !cred->password.n && cred->anonymous_allowed &&
	    !has_password(auth->reg, cred->client_id)) {
		fn(ud, token, 0, &anonymous);
		return 0;
	}
	if (!name.n || name.n > NAME_MAX_ || !cred->password.n || cred->password.n > PASSWORD_MAX) {
		fn(ud, token, -EACCES, &nobody);
		return 0;
	}
	job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	job->auth = auth;
	job->instance = in;
	job->fn = fn;
	job->ud = ud;
	job->token = token;
	job->peer = peer_slot(cred->peer);
	job->name_n = name.n;
	job->password_n = cred->password.n;
	memcpy(job->name, name.p, name.n);
	memcpy(job->password, cred->password.p, cred->password.n);
	return check_password(auth, job, name);
}
