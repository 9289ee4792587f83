#include "api/describe.h"

#include <math.h>
#include <string.h>

#include "api/server.h"
#include "api/token.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/text.h"
#include "registry/credential.h"
#include "registry/registry.h"
#include "series/catalog.h"
#include "series/kind.h"
#include "series/series.h"

#define SERIES_SHOWN 2048

static const char *const type_names[] = { "none", "bool", "i64", "u64", "f64", "text", "bytes" };

static const struct {
	uint16_t bit;
	const char *name;
} flag_names[] = {
	{ SB_P_REPLAYED, "replayed" }, { SB_P_HOST_STAMPED, "host_stamped" },
	{ SB_P_DERIVED, "derived" },   { SB_P_RETAINED, "retained" },
	{ SB_P_REVISED, "revised" },   { SB_P_LATE, "late" },
};

void describe_ns(struct wire *w, int64_t ns)
{
	int64_t us = ns / NS_PER_US;

	if (us % 1000 == 0)
		wire_i64(w, us / 1000);
	else
		wire_f64(w, (double)us / 1000.0);
}

void describe_time(struct wire *w, const char *key, int64_t ns)
{
	wire_key(w, key);
	describe_ns(w, ns);
}

int64_t describe_ms_to_ns(double ms)
{
	if (ms >= 9.2e12)
		return INT64_MAX;
	if (ms <= -9.2e12)
		return INT64_MIN;
	return llround(ms * 1000.0) * NS_PER_US;
}

/* ---- values */

void describe_point_value(struct wire *w, const struct series_point *p)
{
	switch (p->type) {
	case SB_T_BOOL:
		wire_bool(w, p->v.i != 0);
		return;
	case SB_T_I64:
		wire_i64(w, p->v.i);
		return;
	case SB_T_U64:
		wire_u64(w, p->v.u);
		return;
	case SB_T_F64:
		wire_f64(w, p->v.f);
		return;
	case SB_T_STR:
		wire_str(w, sb_str_of((const char *)p->v.blob.p, p->v.blob.n));
		return;
	case SB_T_BYTES:
		wire_bytes(w, p->v.blob);
		return;
	default:
		wire_null(w);
	}
}

/* Text that was cut must not end in half a character. */
static struct sb_bytes latest_blob(const struct series_latest *l)
{
	struct sb_bytes b = { (const uint8_t *)l->text, l->text_len };

	if (l->type == SB_T_STR && l->text_total > l->text_len)
		for (int i = 0; i < 4 && b.n && !text_is_utf8(sb_str_of(l->text, b.n)); i++)
			b.n--;
	return b;
}

static struct series_point point_of(const struct series_latest *l)
{
	struct series_point p = { .ts_ns = l->ts_ns, .rx_ns = l->rx_ns, .type = l->type };

	switch (l->type) {
	case SB_T_STR:
	case SB_T_BYTES:
		p.v.blob = latest_blob(l);
		break;
	case SB_T_U64:
		p.v.u = l->v.u;
		break;
	case SB_T_F64:
		p.v.f = l->v.f;
		break;
	default:
		p.v.i = l->v.i;
	}
	return p;
}

static void latest_give(struct wire *w, const struct series_latest *l)
{
	struct series_point p = point_of(l);

	wire_map(w);
	describe_time(w, "ts", l->ts_ns);
	describe_time(w, "rx", l->rx_ns);
	wire_key(w, "value");
	describe_point_value(w, &p);
	wire_key_u64(w, "quality", l->quality);
	if (l->flags) {
		wire_key(w, "flags");
		wire_array(w);
		for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
			if (l->flags & flag_names[i].bit)
				wire_text(w, flag_names[i].name);
		wire_array_end(w);
	}
	wire_map_end(w);
}

/* A series whose values changed their type has a column for each. */
static void types_give(struct wire *w, const struct series *s)
{
	int n = 0;
	for (int t = 0; t < SERIES_TYPES; t++)
		n += s->places[t].stream != 0;
	if (n < 2)
		return;
	wire_key(w, "types");
	wire_array(w);
	for (int t = 0; t < SERIES_TYPES; t++)
		if (s->places[t].stream)
			wire_text(w, type_names[t]);
	wire_array_end(w);
}

void describe_series(struct wire *w, struct api *api, const struct series *s)
{
	struct series_latest latest = { 0 };

	series_db_latest(api->config.series, s, &latest);
	wire_map(w);
	wire_key(w, "name");
	wire_str(w, s->name);
	wire_key(w, "unit");
	wire_str(w, s->unit);
	wire_key_text(w, "type",
	              latest.type < ARRAY_LEN(type_names) ? type_names[latest.type] : "none");
	types_give(w, s);
	wire_key_text(w, "kind", kind_name(kind_of(s)));
	wire_key(w, "kind_said");
	wire_bool(w, s->kind != SB_KIND_UNKNOWN);
	if (latest.type != SB_T_NULL) {
		wire_key(w, "latest");
		latest_give(w, &latest);
	}
	wire_map_end(w);
}

void describe_latest_point(struct wire *w, struct api *api, const struct device *dev,
                           const struct series *s)
{
	struct series_latest latest = { 0 };

	series_db_latest(api->config.series, s, &latest);
	if (latest.type == SB_T_NULL)
		return;
	struct series_point p = point_of(&latest);

	wire_map(w);
	wire_key_text(w, "device", dev->id);
	wire_key(w, "series");
	wire_str(w, s->name);
	describe_time(w, "ts", latest.ts_ns);
	wire_key(w, "value");
	describe_point_value(w, &p);
	if (latest.quality)
		wire_key_u64(w, "quality", latest.quality);
	if (s->unit.n) {
		wire_key(w, "unit");
		wire_str(w, s->unit);
	}
	wire_map_end(w);
}

/* ---- devices */

static void fates_give(struct wire *w, const struct device *dev)
{
	wire_map(w);
	for (size_t i = 0; i < FATE_COUNT; i++) {
		const struct device_reason *why = &dev->reasons[i];

		wire_key(w, device_fate_names[i]);
		wire_map(w);
		wire_key_u64(w, "count", dev->fates[i]);
		if (why->at_ns) {
			wire_key_text(w, "reason", why->text);
			describe_time(w, "at", why->at_ns);
		}
		wire_map_end(w);
	}
	wire_map_end(w);
}

static void tags_give(struct wire *w, const char *tags)
{
	wire_array(w);
	while (*tags) {
		size_t n = strcspn(tags, " ");

		if (n)
			wire_str(w, sb_str_of(tags, n));
		tags += n + (tags[n] == ' ');
	}
	wire_array_end(w);
}

/* Under registry_lock(). */
static void device_give(struct wire *w, struct device *dev)
{
	int64_t session_ns = dev->session_since_ns;
	int64_t seen_ns = dev->seen_ns;
	int64_t data_ns = dev->data_ns;
	int64_t interval_ns = dev->interval_ns;
	int fresh = device_fresh(dev, clock_utc());

	wire_map(w);
	wire_key_text(w, "id", dev->id);
	wire_key_u64(w, "no", dev->no);
	wire_key_u64(w, "rev", dev->rev);
	wire_key_text(w, "state", device_admin_names[dev->admin]);
	wire_key_text(w, "name", dev->name);
	wire_key_text(w, "model", dev->model);
	wire_key_text(w, "site", dev->site);
	wire_key(w, "tags");
	tags_give(w, dev->tags);
	describe_time(w, "created", dev->created_ns);
	if (session_ns)
		describe_time(w, "session_since", session_ns);
	if (seen_ns)
		describe_time(w, "seen", seen_ns);
	if (data_ns)
		describe_time(w, "data", data_ns);
	if (interval_ns)
		describe_time(w, "interval", interval_ns);
	if (fresh >= 0) {
		wire_key(w, "fresh");
		wire_bool(w, fresh > 0);
	}
	wire_key_u64(w, "series", dev->series ? series_set_count(dev->series) : 0);
	wire_key(w, "fates");
	fates_give(w, dev);
	wire_map_end(w);
}

void describe_device(struct wire *w, struct api *api, struct device *dev)
{
	registry_lock(api->config.registry);
	device_give(w, dev);
	registry_unlock(api->config.registry);
}

/* Newest first; under registry_lock(). */
static void quarantine_give(struct wire *w, const struct device *dev)
{
	char head[4 * sizeof(dev->quarantine->head) + 4];

	wire_array(w);
	for (uint32_t i = 1; i <= DEVICE_QUARANTINE_KEPT; i++) {
		uint32_t at = (dev->quarantine_at + DEVICE_QUARANTINE_KEPT - i) %
		              DEVICE_QUARANTINE_KEPT;
		const struct device_quarantine *q = &dev->quarantine[at];

		if (!q->at_ns)
			continue;
		wire_map(w);
		describe_time(w, "at", q->at_ns);
		wire_key_text(w, "subject", q->subject);
		wire_key_text(w, "why", q->why);
		wire_key_text(w, "head",
		              text_show(head, sizeof(head),
		                        sb_str_of((const char *)q->head, q->head_len)));
		wire_key_u64(w, "bytes", q->total);
		wire_map_end(w);
	}
	wire_array_end(w);
}

static void series_give(struct wire *w, struct api *api, const struct device *dev)
{
	const struct series *s = dev->series ? series_set_first(dev->series) : NULL;

	wire_array(w);
	for (int n = 0; s && n < SERIES_SHOWN; s = s->next_of_device, n++)
		describe_series(w, api, s);
	wire_array_end(w);
}

void describe_detail(struct wire *w, struct api *api, struct device *dev)
{
	pthread_mutex_lock(&dev->hot.lock);
	int64_t offset_ns = dev->hot.clock_offset_ns;
	bool known = dev->hot.clock_known;

	pthread_mutex_unlock(&dev->hot.lock);
	wire_map(w);
	wire_key(w, "device");
	describe_device(w, api, dev);
	wire_key(w, "series");
	series_give(w, api, dev);
	registry_lock(api->config.registry);
	wire_key(w, "quarantine");
	quarantine_give(w, dev);
	wire_key(w, "credential");
	wire_bool(w, dev->credential != NULL);
	wire_key_text(w, "credential_kind", credential_names[credential_kind_of(dev->credential)]);
	wire_key_text(w, "next_credential",
	              credential_names[credential_kind_of(dev->next_credential)]);
	registry_unlock(api->config.registry);
	if (known)
		describe_time(w, "clock_offset", offset_ns);
	wire_map_end(w);
}

void describe_claims(struct wire *w, const struct token_claims *who, const char *token)
{
	wire_map(w);
	wire_key(w, "user");
	wire_text(w, who->subject);
	wire_key(w, "role");
	wire_text(w, token_role_name(who->role));
	describe_time(w, "expires", who->expires_ns);
	wire_key(w, "must_change");
	wire_bool(w, who->must_change);
	if (token) {
		wire_key(w, "token");
		wire_text(w, token);
	}
	wire_map_end(w);
}
