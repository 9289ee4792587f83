/* Who is there: devices, their states, sessions and fates. In memory, in full; written behind to
 * documents, and defined in the journal before anything refers to them, so that the hot path never
 * waits for a database. Device objects live as long as the registry; handles are checked.
 *
 * Locks: members marked L under registry_lock(); atomics without; `hot` by ingest under its own
 * lock. Any thread, unless said. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/services.h>

struct auth_stats; /* registry/auth.h */
struct catalog;
struct docs;
struct host;
struct registry;
struct row;
struct series_count;
struct users;
struct series_set;
struct wire;

enum device_admin {
	DEVICE_EXPECTED,
	DEVICE_PENDING,
	DEVICE_ACTIVE,
	DEVICE_SUSPENDED,
	DEVICE_RETIRED
};
extern const char *const device_admin_names[]; /* "expected" ... NULL-ended */

/* Whom a certificate of our certificate authority speaks for: the device that is registered with
 * it; else the known device its common name names; else a new one of this name too. */
enum certificates { CERTIFICATES_REGISTERED, CERTIFICATES_NAMED, CERTIFICATES_PROVISION };

enum provisioning { PROVISION_OFF, PROVISION_PENDING, PROVISION_ACTIVE };

#define DEVICE_FATES(X)                                                   \
	X(accepted, "points stored")                                      \
	X(duplicate, "points that were there already, dropped")           \
	X(late, "points older than their device's newest, stored")        \
	X(quarantined, "payloads nobody could read, kept for inspection") \
	X(throttled, "times the device was told to wait")                 \
	X(refused, "messages not allowed or over a limit")                \
	X(dropped, "messages without acknowledgement lost under pressure")

enum device_fate {
#define DEVICE_FATE_ENUM(name, help) FATE_##name,
	DEVICE_FATES(DEVICE_FATE_ENUM)
#undef DEVICE_FATE_ENUM
		FATE_COUNT
};
extern const char *const device_fate_names[FATE_COUNT];

struct device_reason { /* the last time a fate had one */
	int64_t at_ns; /* 0: never */
	char text[160];
};

struct device_quarantine { /* the newest unreadable payloads */
	int64_t at_ns;
	char subject[32], why[160];
	uint8_t head[128];
	uint32_t head_len, total;
};
#define DEVICE_QUARANTINE_KEPT 4

/* Only the registry writes devices. reasons and quarantine are never NULL; they are shared zeros
 * until something went wrong, so that a healthy device costs little. */
struct device {
	uint32_t no; /* > 0, never used twice */
	char id[129];
	_Atomic enum device_admin admin; /* changed under L */
	/* L */
	char name[129], model[65], site[65];
	char tags[256]; /* space-separated */
	uint64_t rev;   /* counts changes by people, for if_rev */
	int64_t created_ns;
	char *credential;                           /* see registry/credential.h; NULL: none */
	char *next_credential;                      /* while it is rotated; NULL: none */
	const struct device_reason *reasons;        /* [FATE_COUNT] */
	const struct device_quarantine *quarantine; /* [DEVICE_QUARANTINE_KEPT], a ring */
	uint32_t quarantine_at;                     /* where the next one goes */
	uint32_t sessions;                          /* open now */
	struct device *next_dirty;                  /* the writer's: its document is behind */
	bool dirty;
	/* atomics: three separate facts of connectivity */
	_Atomic int64_t session_since_ns; /* 0: no session */
	_Atomic int64_t seen_ns;          /* answered lately */
	_Atomic int64_t data_ns;          /* newest data taken */
	_Atomic int64_t interval_ns;      /* learned time between messages; 0: not yet */
	_Atomic int64_t told_ns;          /* listeners heard of accepted points, monotonic */
	_Atomic uint64_t fates[FATE_COUNT];
	struct { /* the counters': points in blocks, and those of the journal that were counted */
		uint64_t points, late;
		uint32_t known, known_late;
	} stored;
	bool noted;                /* L: reasons or quarantine are not on disk yet */
	struct series_set *series; /* set once, before the device is visible */
	struct {                   /* ingest */
		pthread_mutex_t lock;
		int64_t newest_ts_ns;
		int64_t clock_offset_ns; /* device minus host, estimated */
		bool clock_known;
		int64_t tokens_at_ns;
		double tokens;
	} hot;
};

struct registry_token { /* what a token of the API says */
	char subject[129];
	int role;
	bool is_local; /* no user stands behind it */
	int64_t until_ns;
};

struct registry_config {
	struct catalog *catalog;
	struct docs *docs;
	struct host *host;
	enum provisioning provisioning;
	uint32_t max_devices;
	/* Defines a RECORD_DEVICE in the journal. */
	int (*define)(void *ud, struct sb_bytes record);
	/* Whose token is this? 0, or -EACCES; takes a fraction of a millisecond. Any thread; NULL:
	 * tokens are not taken. */
	int (*token)(void *ud, struct sb_str token, struct registry_token *out);
	void *ud;
	enum certificates certificates;
	struct users *users; /* NULL: only devices and anonymous peers are let in */
};

int registry_new(struct registry **out,
                 const struct registry_config *config); /* provides "sb.devices/1" */
struct registry *registry_free(struct registry *reg);
/* Main, at start: documents of space "device", then RECORD_DEVICE of the journal. Idempotent. */
int registry_load(struct registry *reg);
int registry_apply(struct registry *reg, struct sb_bytes record);
/* Main, at start, after registry_load(): a row of the journal that is not in blocks; counts. */
void registry_replayed(struct registry *reg, uint32_t device_no, const struct row *row,
                       uint64_t seq);
/* So many points, up to this record of the journal, are in blocks: from here on the counters that
 * are stored hold them. Flush thread; registry_save() follows. */
void registry_flushed(struct registry *reg, const struct series_count *counts, size_t n,
                      uint64_t seq);
int registry_save(struct registry *reg); /* changed devices, counters, notes to docs, and wait */

void registry_lock(struct registry *reg);
void registry_unlock(struct registry *reg);
struct device *registry_get(const struct registry *reg, sb_device handle); /* NULL: stale */
struct device *registry_at(const struct registry *reg, uint32_t no);
sb_device registry_handle(const struct device *dev);
/* Is data on time against the learned interval? 1 yes, 0 no, -1 cannot be told yet. */
int device_fresh(const struct device *dev, int64_t now_ns);
/* 0, SB_E_UNKNOWN_DEVICE, SB_E_NAME. */
int registry_find(struct registry *reg, struct sb_str id, struct device **out);
/* As find; a first contact makes the device where provisioning allows it (SB_E_QUOTA, -ENOMEM), and
 * lets an expected one take part. */
int registry_meet(struct registry *reg, struct sb_str id, struct device **out);
int registry_meet_as(struct registry *reg, struct sb_str id, enum provisioning how,
                     struct device **out);
/* The key of a device (identity: its id) for TLS, or of "ID#next" its next one; 0 bytes: none. */
uint32_t registry_psk(struct registry *reg, struct sb_str identity, uint8_t key[static 64]);
/* A device the configuration names: made, or let in, whatever provisioning allows. */
int registry_configured(struct registry *reg, struct sb_str id, struct device **out);
void registry_auth_stats(const struct registry *reg, struct auth_stats *out);
uint32_t registry_count(const struct registry *reg);
/* What the configuration says now about devices nobody registered, and how many there may be. Those
 * that are there stay. */
void registry_admit(struct registry *reg, enum provisioning how, uint32_t max_devices);
/* The same for whom certificates speak. */
void registry_believe(struct registry *reg, enum certificates whom);
uint32_t registry_max_devices(const struct registry *reg);
/* In order of number, the first with no > *no; NULL after the last; retired ones included. */
struct device *registry_next(const struct registry *reg, uint32_t *no);

/* ---- changes by people; durable when done is called (registry's writer thread), audited */
struct device_change { /* members with p == NULL stay as they are */
	struct sb_str name, model, site, tags;
	/* A credential: at most one of these. Empty removes the credential and the next one. */
	struct sb_str password;    /* 256 bytes at most, hashed */
	struct sb_str certificate; /* PEM, or its fingerprint */
	struct sb_str psk;         /* 16 to 64 bytes in hex */
	bool as_next;              /* it is the next one: the one there is stays accepted */
	bool promote;              /* the next one takes the place of the accepted one */
	int admin;                 /* enum device_admin, or -1 */
	uint64_t if_rev;           /* UINT64_MAX: any */
	const char *who;           /* for the audit */
	bool dry_run;
};
typedef void (*registry_done_fn)(void *ud, int r);
/* SB_E_UNKNOWN_DEVICE, SB_E_CONFLICT, SB_E_NAME, SB_E_OVERLOAD at once; else SB_PENDING, then done
 * with 0, SB_E_CONFLICT (someone was faster) or a fault, never from inside the call. dry_run: 0
 * instead of SB_PENDING, done is not called. */
int registry_change(struct registry *reg, struct sb_str id, const struct device_change *change,
                    registry_done_fn done, void *ud);
int registry_create(struct registry *reg, struct sb_str id, const struct device_change *change,
                    registry_done_fn done, void *ud); /* SB_E_EXISTS */

/* ---- live: called from whichever thread changed something; must not block, may be repeated */
enum {
	DEVICE_CHANGED_RECORD = 1,
	DEVICE_CHANGED_SESSION = 2,
	DEVICE_CHANGED_FATE = 4,
	DEVICE_CHANGED_SERIES = 8
};
struct registry_listener {
	void (*changed)(void *ud, struct device *dev, uint32_t what);
	void *ud;
	struct registry_listener *next;
};
void registry_listen(struct registry *reg, struct registry_listener *l); /* before start */
void registry_changed(struct registry *reg, struct device *dev, uint32_t what);

/* ---- facts */
void registry_fate(struct registry *reg, struct device *dev, enum device_fate fate, uint64_t n,
                   const char *reason); /* reason may be NULL */
void registry_quarantine(struct registry *reg, struct device *dev, struct sb_str subject,
                         struct sb_bytes payload, const char *why);
