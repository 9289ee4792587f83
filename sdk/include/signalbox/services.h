/* signalbox/services.h: what the host does for plugins. Tables are found by id through
 * sb_core.service(); every table begins with `size` and only grows at its end, so look before you
 * use: SB_HAS(table, slot).
 *
 * Thread tags: [main] the host's control thread; [inst] the thread of this instance, whose calls
 * never overlap; [any] every thread. Nothing here blocks unless it says so. */
#ifndef SIGNALBOX_SERVICES_H
#define SIGNALBOX_SERVICES_H
#include <signalbox/error.h>
#include <signalbox/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sb_host; /* the host's handle for ONE plugin instance */

/* Has the other side's table this slot, and is it filled? */
#define SB_HAS(table, slot)                                                               \
	((table) &&                                                                       \
	 (table)->size >= offsetof(__typeof__(*(table)), slot) + sizeof((table)->slot) && \
	 (table)->slot)

/* ---- "sb.core/1": always there, handed to sb_entry.init */
enum { SB_LOG_TRACE, SB_LOG_DEBUG, SB_LOG_INFO, SB_LOG_WARN, SB_LOG_ERROR };
enum { SB_HEALTH_OK, SB_HEALTH_DEGRADED, SB_HEALTH_DOWN };
enum { SB_CLOCK_UTC, SB_CLOCK_MONOTONIC };

struct sb_core {
	uint32_t size;
	uint16_t abi_major, abi_minor;
	const char *host_name, *host_version; /* 0-terminated, live as long as the process */
	/* [any] The table behind a service id, or NULL if the host has none. */
	const void *(*service)(struct sb_host *, const char *id);
	/* [any] One line; control characters are escaped, floods are folded. kv may be NULL. */
	void (*log)(struct sb_host *, int32_t level, struct sb_str msg, const struct sb_kv *kv,
	            uint32_t n);
	/* [any] 1 if a line of this level would be written. */
	int32_t (*log_enabled)(struct sb_host *, int32_t level);
	/* [any] Remembers why the current call fails and returns r unchanged. */
	int32_t (*fail)(struct sb_host *, int32_t r, struct sb_str why);
	/* [any] What the console shows beside the instance. */
	void (*health)(struct sb_host *, int32_t health, struct sb_str why);
	/* [any] Ask for stop, destroy, create, start of this instance. */
	void (*request_restart)(struct sb_host *, struct sb_str why);
	/* [any] Time in ns by SB_CLOCK_*. */
	int64_t (*now_ns)(int32_t clock);
};

/* A line without key/values, not even formatted when nobody listens. */
static inline void sb_say(const struct sb_core *core, struct sb_host *host, int32_t level,
                          struct sb_str msg)
{
	if (core->log_enabled(host, level))
		core->log(host, level, msg, NULL, 0);
}

/* ---- "sb.loop/1": the instance's event loop */
enum { SB_READ = 1, SB_WRITE = 2, SB_HANGUP = 4 };
typedef void (*sb_fd_fn)(void *ud, int32_t fd, uint32_t events);
typedef void (*sb_task_fn)(void *ud);

struct sb_loop {
	uint32_t size, pad_;
	/* [inst] Watch a non-blocking descriptor for SB_READ|SB_WRITE; events 0 ends the watch,
	 * which must happen before close(). -EEXIST if another function watches it. */
	int32_t (*watch_fd)(struct sb_host *, int32_t fd, uint32_t events, sb_fd_fn, void *ud);
	/* [inst] First after delay_ns, then every period_ns (0: once). Resolution 10 ms. */
	int32_t (*timer)(struct sb_host *, int64_t delay_ns, int64_t period_ns, sb_task_fn,
	                 void *ud, sb_timer *out);
	/* [inst] Cancel; a timer that has fired or is unknown is ignored. */
	void (*timer_cancel)(struct sb_host *, sb_timer);
	/* [any] Run fn on [inst], in the order of the posts of one thread. SB_AGAIN if the mailbox
	 * is full; -ESHUTDOWN after stop. */
	int32_t (*post)(struct sb_host *, sb_task_fn, void *ud);
	/* [any] For threads the plugin started: name them, so that a crash or stall is attributed.
	 */
	int32_t (*thread_enter)(struct sb_host *, const char *name);
	void (*thread_leave)(struct sb_host *);
	/* [any] Long work on a thread of its own is alive. */
	void (*heartbeat)(struct sb_host *);
};

/* ---- "sb.stream/1": listeners and connections, owned by the host: TLS, buffers, limits */
enum {                       /* why a connection ended */
       SB_CLOSE_PEER = 0,    /* the peer closed */
       SB_CLOSE_LOCAL = 1,   /* close() of the plugin */
       SB_CLOSE_ERROR = 2,   /* reset, TLS failure */
       SB_CLOSE_TIMEOUT = 3, /* no progress: handshake, write */
       SB_CLOSE_LIMIT = 4,   /* an input or output limit was passed */
       SB_CLOSE_STOP = 5     /* the listener or the host stops */
};

enum { SB_LISTEN_OPEN = 1 }; /* an answer of listen() */

enum {                           /* with TLS */
       SB_TLS_CERT_OPTIONAL = 1, /* a certificate is asked for */
       SB_TLS_CERT_REQUIRED = 2, /* nobody comes in without one; whose it is is another matter */
       SB_TLS_PSK = 4            /* pre-shared keys of the devices */
};

struct sb_listen {
	uint32_t size;
	uint32_t max_conns;     /* 0: the host's limit */
	uint32_t max_in_bytes;  /* longest input the plugin may leave unconsumed; 0: 256 KiB */
	uint32_t max_out_bytes; /* unsent output beyond which write() says SB_AGAIN; 0: 64 KiB */
	struct sb_str address;  /* "127.0.0.1:1883", "[::]:8883"; port 0 takes a free one */
	struct sb_str name;     /* shown in the ready line and in metrics, "mqtt" */
	uint32_t tls, pad_;     /* 1: TLS with the host's certificate */
	/* All callbacks [inst]. */
	/* A connection is ready for data (after the TLS handshake). *conn_ud is yours from here on.
	 * Negative refuses it: close() is not called. */
	int32_t (*open)(void *ud, sb_conn, struct sb_str peer, void **conn_ud);
	/* Bytes not consumed before, and new ones. Returns how many were consumed; the rest comes
	 * again, in front of the next bytes. Negative closes. bytes are writable scratch memory of
	 * the host until the call returns. */
	int64_t (*data)(void *conn_ud, sb_conn, struct sb_bytes);
	/* After SB_AGAIN from write(): half of the output limit is free again. */
	void (*writable)(void *conn_ud, sb_conn);
	/* The end, once, for every connection whose open() returned 0. SB_CLOSE_*. */
	void (*close)(void *conn_ud, sb_conn, int32_t why);
	void *ud;
	/* Speak WebSocket (RFC 6455), this subprotocol and no other; empty: plain bytes. data() and
	 * write() see the bytes inside binary frames, wherever frames begin and end; pages of
	 * foreign origins are refused. The address "http" is the platform's own HTTP port, at the
	 * path /<subprotocol>: tls is the port's affair then, and *port becomes 0. */
	struct sb_str websocket;
	/* SB_TLS_*: what clients may prove themselves with, see peer_cert() and peer_psk(). */
	uint32_t tls_clients, pad2_;
};

struct sb_stream {
	uint32_t size, pad_;
	/* [inst] Bind and accept on this instance's loop. *port gets the bound port. The listener
	 * lives until stop(); its connections are closed with SB_CLOSE_STOP. SB_LISTEN_OPEN: as 0,
	 * for the address "http" when other machines reach that port. */
	int32_t (*listen)(struct sb_host *, const struct sb_listen *, uint32_t *port);
	/* [inst] Queue bytes; all output of a loop turn leaves in one system call at its end. Takes
	 * all bytes or none: SB_AGAIN above the output limit (writable() follows), SB_E_STALE. */
	int32_t (*write)(struct sb_host *, sb_conn, struct sb_bytes);
	/* [inst] Stop or resume reading. */
	int32_t (*pause)(struct sb_host *, sb_conn);
	int32_t (*resume)(struct sb_host *, sb_conn);
	/* [inst] Send what is queued (10 s at most), then close; close() follows later in this or a
	 * following turn, never inside the call. */
	int32_t (*close)(struct sb_host *, sb_conn);
	/* [inst] Unsent bytes of a connection. */
	uint32_t (*unsent)(struct sb_host *, sb_conn);
	/* [inst] Copies the certificate of the client, in DER, and returns its length; *trusted is
	 * 1 if it leads to the host's certificate authority, 0 if it is known by its fingerprint
	 * at most. The client has its key. SB_E_NOT_FOUND: none; -ERANGE: longer than cap. */
	int32_t (*peer_cert)(struct sb_host *, sb_conn, uint8_t *buf, uint32_t cap,
	                     uint32_t *trusted);
	/* [inst] The same for the identity of a client that has its pre-shared key. */
	int32_t (*peer_psk)(struct sb_host *, sb_conn, char *buf, uint32_t cap);
};

/* ---- "sb.telemetry/1": batches of points, and what they are about */

/* Memory of the host; the writer sets what is marked w, within the capacities. */
struct sb_batch {
	uint32_t size;
	uint32_t count; /* w */
	uint32_t cap;
	uint32_t blob_len; /* w */
	uint32_t blob_cap;
	uint32_t ack;            /* w: SB_ACK_* */
	struct sb_point *points; /* w: [cap] */
	uint8_t *blob;           /* w: [blob_cap] */
	sb_token token;          /* w: echoed in the completion */
	sb_device device;        /* w: the device all points belong to */
	int64_t rx_ns;           /* w: UTC of arrival; 0: the host stamps at commit */
	uint64_t host_private[4];
};

/* Ask for a completion? STORED: when it is on disk. */
enum { SB_ACK_NONE = 0, SB_ACK_STORED = 2 };

/* What the values of a series are: it decides what can be asked of them. */
enum {
	SB_KIND_UNKNOWN = 0,  /* judged by its values: numbers gauge, bool state, the rest text */
	SB_KIND_GAUGE = 1,    /* measured now: a temperature */
	SB_KIND_COUNTER = 2,  /* counted since it began, at 0: a meter's reading */
	SB_KIND_ABSOLUTE = 3, /* an amount since the value before: litres of this minute */
	SB_KIND_STATE = 4,    /* holds until the next value: on, off, fault */
	SB_KIND_TEXT = 5,
	SB_KIND_EVENT = 6 /* something happened */
};

struct sb_series_key {
	uint32_t size;
	uint32_t type; /* SB_T_* the points will have; it may differ later */
	sb_device device;
	struct sb_str name; /* "temp.supply": 1-128 bytes of UTF-8 without control characters */
	struct sb_str unit; /* UCUM, "Cel"; empty: unknown */
	uint32_t kind;      /* SB_KIND_*: remembered if nobody said another before */
	uint32_t pad_;
};

struct sb_telemetry {
	uint32_t size, pad_;
	/* [inst] A batch with room for so many points and bytes; NULL is back-pressure: stop
	 * reading, source->writable() follows. */
	struct sb_batch *(*acquire)(struct sb_host *, uint32_t points, uint32_t blob_bytes);
	/* [inst] Hand it over; the host owns it from here on, whatever is returned. SB_PENDING if a
	 * completion follows, 0 if not. */
	int32_t (*commit)(struct sb_host *, struct sb_batch *);
	/* [inst] Give an uncommitted one back. */
	void (*abandon)(struct sb_host *, struct sb_batch *);
	/* [any] Find or create a series; keep the handle. SB_E_QUOTA (the device has too many),
	 * SB_E_NAME, SB_E_STALE; the refusal is counted on the device. */
	int32_t (*resolve)(struct sb_host *, const struct sb_series_key *, sb_series *out);
};

/* ---- "sb.payload/1": for transports that do not know what the bytes mean. The host picks the
 * codec, which decodes before submit returns. */
struct sb_payload_in {
	uint32_t size;
	uint32_t ack; /* SB_ACK_* */
	sb_device device;
	struct sb_str subject;      /* what the payload is: "telemetry" */
	struct sb_str content_type; /* MIME type if the protocol has one, else empty */
	struct sb_bytes payload;
	int64_t rx_ns;  /* UTC of arrival; 0: now */
	sb_token token; /* echoed in the completion */
	uint32_t flags; /* SB_P_REPLAYED, SB_P_RETAINED */
	uint32_t pad_;
};

struct sb_payload {
	uint32_t size, pad_;
	/* [inst] SB_PENDING: a completion follows, in the order of the submits of this instance.
	 * 0: stored without one (SB_ACK_NONE). SB_AGAIN: nothing taken, source->writable() follows.
	 * Faults are final for this payload and counted on the device, with the reason: the payload
	 * was understood by nobody (SB_E_MALFORMED, SB_E_TYPE, SB_E_RANGE) or is not allowed
	 * (SB_E_SUSPENDED, SB_E_STALE, SB_E_QUOTA). *why, if given, gets a text that lives until
	 * the next submit. */
	int32_t (*submit)(struct sb_host *, const struct sb_payload_in *, struct sb_str *why);
};

/* ---- "sb.devices/1": identity, sessions, fates */
enum { SB_DOWN_CLEAN, SB_DOWN_TIMEOUT, SB_DOWN_ERROR, SB_DOWN_KICKED };

enum { /* who was authenticated */
       SB_PRINCIPAL_NONE = 0,
       SB_PRINCIPAL_DEVICE = 1, /* may act as sb_principal.device only */
       /* may act as any device without a credential, because the configuration says so */
       SB_PRINCIPAL_ANONYMOUS = 2,
       SB_PRINCIPAL_USER = 3 /* a person or integration, see role */
};
enum { SB_ROLE_NONE, SB_ROLE_VIEWER, SB_ROLE_OPERATOR, SB_ROLE_ADMIN };

struct sb_credentials {
	uint32_t size;
	uint32_t anonymous_allowed; /* 1: this listener's configuration lets nameless peers in */
	struct sb_str client_id, username, peer;
	struct sb_bytes password, cert_der;
	struct sb_str psk_identity; /* TLS proved that the peer has the key of this identity */
	/* w, may be NULL, must live until the answer: UTC at which this log-in ends, because a
	 * certificate or token does; 0: it does not. */
	int64_t *until_ns;
	uint32_t cert_trusted, pad_; /* 1: cert_der leads to the host's certificate authority */
};

struct sb_principal { /* frozen */
	int32_t kind, role;
	sb_device device;
	uint64_t id; /* the same principal has the same id, after a restart too; never 0 */
};

enum {                   /* what somebody may do with a topic */
       SB_MAY_PUBLISH,   /* publish to this topic */
       SB_MAY_SUBSCRIBE, /* subscribe to this topic filter */
       SB_MAY_READ       /* be sent a message of this topic */
};
/* Of SB_MAY_SUBSCRIBE: part of what the filter matches; ask for each message. */
#define SB_MAY_PART 1

/* The answer to authenticate(): 0, -EACCES, or another fault. [inst] */
typedef void (*sb_auth_fn)(void *ud, sb_token, int32_t r, const struct sb_principal *);

enum {                      /* fates an adapter counts itself; the host counts the others */
       SB_FATE_REFUSED = 0, /* not understood as telemetry at all: topic, size, right */
       SB_FATE_THROTTLED = 1,
       SB_FATE_DROPPED = 2 /* QoS 0 under pressure, full subscriber queue */
};

/* [inst] What was granted for this device before is over. */
typedef void (*sb_device_fn)(void *ud, sb_device);
/* [inst] The same for the user whose sb_principal.id this is. */
typedef void (*sb_user_fn)(void *ud, uint64_t id);

struct sb_devices {
	uint32_t size, pad_;
	/* [inst] Check credentials. Never blocks: password hashing runs elsewhere and fn is called
	 * later, or at once from inside the call. */
	int32_t (*authenticate)(struct sb_host *, const struct sb_credentials *, sb_auth_fn,
	                        void *ud, sb_token);
	/* [any] The device with this id; made on first contact where provisioning allows it
	 * (SB_E_UNKNOWN_DEVICE otherwise, SB_E_NAME for an id that is not allowed, SB_E_QUOTA). */
	int32_t (*resolve)(struct sb_host *, struct sb_str id, sb_device *out);
	/* [any] A session of this device began or ended (SB_DOWN_*). */
	int32_t (*session_up)(struct sb_host *, sb_device, const struct sb_kv *attrs, uint32_t n);
	int32_t (*session_down)(struct sb_host *, sb_device, int32_t why, struct sb_str detail);
	/* [any] The device answered: reachability. Cheap, call it per message. */
	void (*seen)(struct sb_host *, sb_device);
	/* [any] Count SB_FATE_* with its reason ("unknown topic devices/a/x"). */
	void (*fate)(struct sb_host *, sb_device, int32_t fate, struct sb_str reason);
	/* [any] Copies the device's id, 0-terminated; -ERANGE if cap is too small. */
	int32_t (*id_of)(struct sb_host *, sb_device, char *buf, uint32_t cap);
	/* [any] May who act as the device with this id now? 0, also for an id nobody has yet;
	 * -EACCES: it has a credential, or who is another device; SB_E_SUSPENDED; SB_E_NAME. */
	int32_t (*may_act)(struct sb_host *, const struct sb_principal *who, struct sb_str id);
	/* [inst] From now on until stop, fn for every device that is suspended or retired, or gets
	 * another credential: end the sessions that speak for it and forget what may_act() said. */
	int32_t (*watch)(struct sb_host *, sb_device_fn, void *ud);
	/* [any] May who do this (SB_MAY_*) with this MQTT topic or filter now? 0; SB_MAY_PART;
	 * -EACCES; SB_E_SUSPENDED. Topics under devices/{id}/ belong to their device. */
	int32_t (*may)(struct sb_host *, const struct sb_principal *who, int32_t action,
	               struct sb_str topic);
	/* [any] Changes whenever an answer of may(), may_act() or renew() may have. Cheap. */
	uint64_t (*rights)(struct sb_host *);
	/* [any] Brings who up to date, its role and its handle: for principals that were kept, also
	 * across a restart. 0; -EACCES: it is gone or disabled; SB_E_SUSPENDED. A role is never
	 * raised. */
	int32_t (*renew)(struct sb_host *, struct sb_principal *who);
	/* [any] 1 if there is a device with this id, else 0. */
	int32_t (*known)(struct sb_host *, struct sb_str id);
	/* [any] The device with this id, which the configuration of the instance names, or which is
	 * the instance itself: whoever wrote that has let it in, so it is active whatever
	 * provisioning allows, unless people suspended or retired it. Never for ids that came from
	 * outside. SB_E_NAME, SB_E_QUOTA. */
	int32_t (*configured)(struct sb_host *, struct sb_str id, sb_device *out);
	/* [inst] From now on until stop, fn with the id of every user who has another password: end
	 * the sessions that came in with the old one. Who is gone or disabled, renew() says. */
	int32_t (*watch_users)(struct sb_host *, sb_user_fn, void *ud);
};

/* ---- "sb.docs/1": small documents of the instance, in a space of its own, durable */
/* r 0 and the document, SB_E_NOT_FOUND, SB_E_CONFLICT, or a fault. [inst] */
typedef void (*sb_doc_fn)(void *ud, int32_t r, struct sb_str key, struct sb_bytes doc,
                          uint64_t rev);

struct sb_docs {
	uint32_t size, pad_;
	/* [inst] fn is called once, when the answer is there. */
	int32_t (*get)(struct sb_host *, struct sb_str key, sb_doc_fn, void *ud);
	/* [inst] fn is called once, when it is on disk. if_rev: UINT64_MAX any, 0 must be new. An
	 * empty doc removes the key. */
	int32_t (*put)(struct sb_host *, struct sb_str key, struct sb_bytes doc, uint64_t if_rev,
	               sb_doc_fn, void *ud);
	/* [inst] fn once per document in key order from `from` on, then once with SB_E_NOT_FOUND.
	 */
	int32_t (*scan)(struct sb_host *, struct sb_str from, sb_doc_fn, void *ud);
};

/* ---- "sb.journal/1": records of the instance, opaque to the host, durable in one stream with what
 * the instance commits and submits: one fdatasync for all, completions in one order. They are kept
 * until the instance says that they are not needed any more; at the next start they are there
 * again. For state that changes too often for documents. */
enum { SB_JOURNAL_RECORD_MAX = 65536 }; /* bytes of one record */

/* One record. A negative answer ends the replay and is what it returns. [inst] */
typedef int32_t (*sb_record_fn)(void *ud, uint64_t position, struct sb_bytes record);
/* Records up to this position keep the journal from being used again: write anew what of them still
 * counts, then checkpoint(). [inst] */
typedef void (*sb_snapshot_fn)(void *ud, uint64_t position);

struct sb_journal {
	uint32_t size, pad_;
	/* [inst] Adds a record. *position: consecutive, growing over restarts; may be NULL.
	 * SB_PENDING: a completion follows, with `token`, in the order of all commits, submits and
	 * appends of this instance; if it is negative the record is not on disk and will not be.
	 * 0: the instance takes no completions. SB_AGAIN: nothing taken, source->writable()
	 * follows. SB_E_RANGE: too long. */
	int32_t (*append)(struct sb_host *, struct sb_bytes record, sb_token token,
	                  uint64_t *position);
	/* [inst] Inside start() only, before the first append: fn for every record behind `after`
	 * (0: all there are), oldest first. Positions go on behind the last one, and behind
	 * `after`. Records before a checkpoint may come again. Reads the disk. */
	int32_t (*replay)(struct sb_host *, uint64_t after, sb_record_fn, void *ud);
	/* [inst] As soon as everything appended so far is on disk, what is up to this position is
	 * not needed any more. */
	int32_t (*checkpoint)(struct sb_host *, uint64_t position);
	/* [inst] From now on fn is called when the oldest record that is needed lies far behind.
	 * An instance that then does not checkpoint loses its oldest records, loudly. */
	int32_t (*watch)(struct sb_host *, sb_snapshot_fn, void *ud);
};

/* ---- "sb.metrics/1": cells are host memory with one writer thread each, valid until destroy.
 * Names are [a-z0-9_], without the product prefix: "publish_received" becomes
 * signalbox_publish_received_total{instance="mqtt"}. The same name twice gives the same cell. */
struct sb_metrics {
	uint32_t size, pad_;
	/* [main|inst] NULL for a bad name or without memory. */
	uint64_t *(*counter)(struct sb_host *, const char *name, const char *help);
	int64_t *(*gauge)(struct sb_host *, const char *name, const char *help);
};

/* ---- configuration: checked against the schema, defaults filled in. Members are named by JSON
 * pointer ("/listen/0/port"). 0, SB_E_NOT_FOUND, SB_E_TYPE. i64 of a text whose format is
 * "duration" gives nanoseconds, of "size" bytes. Valid during configure(). [main] */
struct sb_config {
	uint32_t size, pad_;
	const void *impl;
	struct sb_str json; /* the same document as text */
	int32_t (*i64)(const struct sb_config *, const char *pointer, int64_t *out);
	int32_t (*f64)(const struct sb_config *, const char *pointer, double *out);
	int32_t (*boolean)(const struct sb_config *, const char *pointer, int32_t *out);
	int32_t (*str)(const struct sb_config *, const char *pointer, struct sb_str *out);
	int32_t (*length)(const struct sb_config *, const char *pointer, uint32_t *out);
};

#ifdef __cplusplus
}
#endif
#endif
