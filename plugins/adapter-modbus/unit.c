#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "plan.h"
#include "profile.h"
#include "services.h"
#include "value.h"

#define FAILURES_DOWN  3
#define BACKOFF_FIRST  1000000000LL
#define BACKOFF_LAST   60000000000LL
#define REFRESH_NS     900000000000LL /* a value within its deadband is sent again after this */
#define REFUSED_FACTOR 10             /* what the device does not have is asked for seldom */
#define NO_COMM_POINTS 256

/* ---- making */

struct words {
	char *unit, *profile, *interval;
};

/* Cuts " key=value" words off the end; what is left is the id, which may contain spaces. */
static int cut_words(char *text, struct words *w, char *why, size_t cap)
{
	for (char *at = strrchr(text, ' '); at; at = strrchr(text, ' ')) {
		char *word = at + 1;
		char *value = strchr(word, '=');
		if (value && strncmp(word, "unit=", 5) == 0)
			w->unit = value + 1;
		else if (value && strncmp(word, "profile=", 8) == 0)
			w->profile = value + 1;
		else if (value && strncmp(word, "interval=", 9) == 0)
			w->interval = value + 1;
		else if (*word)
			break;
		*at = 0;
	}
	if (*text && strlen(text) <= 128 && w->profile && *w->profile)
		return 0;
	snprintf(why, cap, "device: \"%.60s\" lacks something; ID unit=1 profile=NAME is meant",
	         text);
	return -EINVAL;
}

static int load(struct unit *u, const struct words *w, const char *dir, char *why, size_t cap)
{
	char path[4096];
	int64_t interval_ns = 0;
	if (w->interval && profile_interval(w->interval, &interval_ns) < 0) {
		snprintf(why, cap, "device: interval=%.20s is no time from 10ms to 24h",
		         w->interval);
		return -EINVAL;
	}
	bool is_path = strchr(w->profile, '/') != NULL;
	int n = snprintf(path, sizeof(path), "%s%s%s%s", is_path ? "" : dir, is_path ? "" : "/",
	                 w->profile, is_path ? "" : ".json");
	if (n >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int r = profile_new(&u->profile, path, why, cap);
	if (r == 0)
		r = plan_new(&u->plan, u->profile, interval_ns);
	if (r < 0)
		return r;
	u->sent = calloc(u->profile->n_values, sizeof(*u->sent));
	return u->sent ? 0 : -ENOMEM;
}

int unit_init(struct unit *u, const char *text, const char *profile_dir, char *why, size_t cap)
{
	char copy[4096];
	struct words w = { 0 };
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return -ENAMETOOLONG;
	int r = cut_words(copy, &w, why, cap);
	if (r < 0)
		return r;
	snprintf(u->id, sizeof(u->id), "%s", copy);
	char *end = NULL;
	long address = w.unit ? strtol(w.unit, &end, 10) : 1;
	if (address < 0 || (address > 247 && address != 255) || (end && (*end || end == w.unit))) {
		snprintf(why, cap, "device: unit=%.20s is not from 0 to 247, or 255", w.unit);
		return -EINVAL;
	}
	u->address = (int)address;
	return load(u, &w, profile_dir, why, cap);
}

void unit_fini(struct unit *u)
{
	plan_free(u->plan);
	profile_free(u->profile);
	free(u->sent);
	*u = (struct unit){ 0 };
}

/* ---- what is next */

uint32_t unit_next(const struct unit *u, int64_t *due_ns)
{
	uint32_t best = 0;
	for (uint32_t i = 1; i < u->plan->n; i++) {
		if (u->plan->requests[i].due_ns < u->plan->requests[best].due_ns)
			best = i;
	}
	*due_ns = u->is_up ? u->plan->requests[best].due_ns : u->retry_ns;
	return best;
}

void unit_room(const struct unit *u, uint32_t request, uint32_t *points, uint32_t *bytes)
{
	const struct request *q = &u->plan->requests[request];
	*points = q->n;
	*bytes = 0;
	for (uint32_t i = q->first; i < q->first + q->n; i++) {
		const struct value_spec *v = plan_value(u->plan, i);
		*bytes += v->form == VALUE_STRING ? 2u * v->size : 0;
	}
}

static int64_t now_mono(const struct unit *u)
{
	return u->services->core->now_ns(SB_CLOCK_MONOTONIC);
}

static void schedule(struct unit *u, struct request *q)
{
	int64_t now = now_mono(u);
	int64_t interval = q->interval_ns * (q->is_refused ? REFUSED_FACTOR : 1);
	q->due_ns += interval;
	if (q->due_ns > now)
		return;
	if (q->due_ns > interval) /* not the first time */
		++*u->services->overruns;
	q->due_ns = now + interval;
}

int unit_read(const struct unit *u, uint32_t request, struct link *link, void *out)
{
	const struct request *q = &u->plan->requests[request];
	return link_read(link, u->address, plan_value(u->plan, q->first)->kind, q->address,
	                 q->count, out);
}

/* ---- points */

static bool resolve_device(struct unit *u)
{
	const struct services *s = u->services;
	if (u->device)
		return true;
	struct sb_str id = sb_str_of(u->id, strlen(u->id));
	/* It stands in the configuration; hosts of 1.0 have it approved all the same. */
	int r = SB_HAS(s->devices, configured) ? s->devices->configured(s->host, id, &u->device)
	                                       : s->devices->resolve(s->host, id, &u->device);
	if (r >= 0)
		return true;
	u->device = 0;
	services_say(s, SB_LOG_WARN, "device %s is not accepted: %s", u->id, sb_strerror(r));
	return false;
}

static bool resolve_series(struct unit *u, uint32_t index)
{
	const struct services *s = u->services;
	const struct value_spec *v = &u->profile->values[index];
	struct sb_series_key key = {
		.size = sizeof(key),
		.type = value_type(v),
		.device = u->device,
		.name = sb_str_of(v->name, strlen(v->name)),
		.unit = sb_str_of(v->unit, strlen(v->unit)),
		.kind = v->series,
	};
	if (!u->sent[index].series &&
	    s->telemetry->resolve(s->host, &key, &u->sent[index].series) < 0)
		u->sent[index].series = 0; /* the host has counted why */
	return u->sent[index].series != 0;
}

/* One point behind those in the batch. */
static void append(struct unit *u, struct sb_batch *b, uint32_t index, const struct value *v,
                   int64_t ts_ns)
{
	if (b->count >= b->cap || !resolve_series(u, index))
		return;
	struct sb_point p = {
		.series = u->sent[index].series,
		.ts_ns = ts_ns,
		.v = v->v,
		.type = v->type,
		.quality = v->quality,
	};
	if (v->type == SB_T_STR) {
		if (b->blob_len + v->text_n > b->blob_cap)
			return;
		memcpy(b->blob + b->blob_len, v->text, v->text_n);
		p.v.blob.off = b->blob_len;
		p.v.blob.len = v->text_n;
		b->blob_len += v->text_n;
	}
	b->points[b->count++] = p;
	++*u->services->points;
}

/* A reading as a point, unless it says nothing new. A bad one carries the last good value. */
static void report(struct unit *u, struct sb_batch *b, uint32_t index, struct value *v,
                   int64_t ts_ns)
{
	struct sent *last = &u->sent[index];
	int64_t now = now_mono(u);
	if (v->quality != SB_Q_GOOD) {
		if (!last->has_value || last->quality == v->quality)
			return;
		v->v = last->v;
	} else if (v->type != SB_T_STR) {
		if (last->has_value && last->quality == SB_Q_GOOD &&
		    now - last->at_ns < REFRESH_NS &&
		    !value_differs(&u->profile->values[index], last->v, v->v))
			return;
		last->v = v->v;
		last->has_value = true;
	}
	last->quality = v->quality;
	last->at_ns = now;
	append(u, b, index, v, ts_ns);
}

static void hand_over(struct unit *u, struct sb_batch *b)
{
	const struct services *s = u->services;
	if (b->count == 0) {
		s->telemetry->abandon(s->host, b);
		return;
	}
	b->device = u->device;
	b->ack = SB_ACK_NONE;
	if (s->telemetry->commit(s->host, b) >= 0)
		return;
	/* A handle is stale, perhaps: look everything up again. */
	u->device = 0;
	for (uint32_t i = 0; i < u->profile->n_values; i++)
		u->sent[i].series = 0;
}

/* ---- answers */

static bool come_up(struct unit *u)
{
	const struct services *s = u->services;
	char text[12];
	u->failures = 0;
	if (!resolve_device(u)) {
		u->retry_ns = now_mono(u) + BACKOFF_LAST;
		u->is_up = false;
		return false;
	}
	s->devices->seen(s->host, u->device);
	if (u->is_up)
		return true;
	int n = snprintf(text, sizeof(text), "%d", u->address);
	struct sb_kv attrs[] = {
		{ SB_STR("protocol"), SB_STR("modbus") },
		{ SB_STR("unit"), sb_str_of(text, (size_t)n) },
	};
	u->is_up = true;
	u->owes_no_comm = false;
	u->backoff_ns = 0;
	s->devices->session_up(s->host, u->device, attrs, 2);
	return true;
}

void unit_take(struct unit *u, uint32_t request, struct sb_batch *b, const void *data)
{
	const struct services *s = u->services;
	struct request *q = &u->plan->requests[request];
	int64_t ts_ns = s->core->now_ns(SB_CLOCK_UTC);
	++*s->polls;
	if (!come_up(u)) {
		s->telemetry->abandon(s->host, b);
		return;
	}
	q->is_refused = false;
	for (uint32_t i = q->first; i < q->first + q->n; i++) {
		const struct value_spec *spec = plan_value(u->plan, i);
		struct value v;
		uint32_t at = (uint32_t)spec->address - q->address;
		if (value_is_bit(spec->kind))
			value_of_bit(((const uint8_t *)data)[at], &v);
		else
			value_of_registers(spec, (const uint16_t *)data + at, &v);
		report(u, b, u->plan->order[i], &v, ts_ns);
	}
	schedule(u, q);
	hand_over(u, b);
}

static const char *exception_text(int code)
{
	static const char *const texts[] = {
		"exception",          "illegal function",     "illegal data address",
		"illegal data value", "device failure",       "acknowledge",
		"device busy",        "negative acknowledge", "memory parity error"
	};
	return code > 0 && code < (int)(sizeof(texts) / sizeof(texts[0])) ? texts[code] : texts[0];
}

/* Every value of the request gets this quality, once. */
static void mark(struct unit *u, const struct request *q, struct sb_batch *b, uint8_t quality)
{
	int64_t ts_ns = u->services->core->now_ns(SB_CLOCK_UTC);
	for (uint32_t i = q->first; i < q->first + q->n; i++) {
		const struct value_spec *spec = plan_value(u->plan, i);
		struct value v = { .type = value_type(spec), .quality = quality };
		report(u, b, u->plan->order[i], &v, ts_ns);
	}
}

void unit_refused(struct unit *u, uint32_t request, struct sb_batch *b, int code)
{
	const struct services *s = u->services;
	struct request *q = &u->plan->requests[request];
	bool is_wrong_request = code >= 1 && code <= 3, is_fault = code == 4 || code == 8;
	++*s->exceptions;
	if (!come_up(u)) {
		s->telemetry->abandon(s->host, b);
		return;
	}
	if (is_wrong_request && q->n > 1 && plan_split(u->plan, request) == 0) {
		s->telemetry->abandon(s->host, b); /* both halves are due at once */
		return;
	}
	if (is_wrong_request && !q->is_refused) {
		char text[160];
		const struct value_spec *v = plan_value(u->plan, q->first);
		int n = snprintf(text, sizeof(text), "%s: %s %u of %.64s", exception_text(code),
		                 value_kind_text(v->kind), q->address, v->name);
		q->is_refused = true;
		services_say(s, SB_LOG_WARN, "%s: %s", u->id, text);
		s->devices->fate(s->host, u->device, SB_FATE_REFUSED, sb_str_of(text, (size_t)n));
	}
	if (is_wrong_request || is_fault)
		mark(u, q, b, is_fault ? SB_Q_BAD : SB_Q_CONFIG);
	schedule(u, q);
	hand_over(u, b);
}

static void back_off(struct unit *u)
{
	int64_t b = u->backoff_ns > 0 ? u->backoff_ns * 2 : BACKOFF_FIRST;
	u->backoff_ns = b < BACKOFF_LAST ? b : BACKOFF_LAST;
	u->retry_ns = now_mono(u) + u->backoff_ns;
}

void unit_silent(struct unit *u, uint32_t request, const char *why)
{
	++*u->services->silences;
	if (!u->is_up) {
		back_off(u);
		return;
	}
	if (++u->failures >= FAILURES_DOWN)
		unit_down(u, SB_DOWN_TIMEOUT, why);
	else
		schedule(u, &u->plan->requests[request]);
}

void unit_down(struct unit *u, int32_t why, const char *detail)
{
	const struct services *s = u->services;
	back_off(u);
	if (!u->is_up)
		return;
	u->is_up = false;
	u->failures = 0;
	u->owes_no_comm = true;
	s->devices->session_down(s->host, u->device, why, sb_str_of(detail, strlen(detail)));
	services_say(s, SB_LOG_WARN, "%s does not answer: %s", u->id, detail);
	/* Everything is due when it comes back. */
	for (uint32_t i = 0; i < u->plan->n; i++)
		u->plan->requests[i].due_ns = 0;
	unit_pay(u);
}

void unit_pay(struct unit *u)
{
	const struct services *s = u->services;
	uint32_t at = 0;
	uint32_t n = u->profile->n_values;
	int64_t ts_ns = s->core->now_ns(SB_CLOCK_UTC);
	while (u->owes_no_comm) {
		struct sb_batch *b = s->telemetry->acquire(s->host, NO_COMM_POINTS, 0);
		if (!b)
			return;
		for (; at < n && b->count < b->cap && b->count < NO_COMM_POINTS; at++) {
			struct value v = { .type = value_type(&u->profile->values[at]),
				           .quality = SB_Q_NO_COMM };
			if (v.type != SB_T_STR)
				report(u, b, at, &v, ts_ns);
		}
		u->owes_no_comm = at < n;
		hand_over(u, b);
	}
}
