/* A codec: lines of "metric,value" or "metric,value,unit" become points.
 *
 *     temp.supply,61.5,Cel
 *     pump.on,true
 *
 * Shows: claims() and decode(), resolving series, refusing with a reason, -ENOBUFS. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/plugin.h>

struct csv {
	struct sb_host *host;
};

struct line {
	struct sb_str metric, value, unit;
};

static const struct sb_core *core;

static int32_t claims(void *self, const struct sb_decode *d)
{
	(void)self;
	return d->content_type.n == 8 && memcmp(d->content_type.p, "text/csv", 8) == 0 ? 2 : 0;
}

/* The text up to `sep` or the end; *rest moves behind it. */
static struct sb_str cut(struct sb_str *rest, char sep)
{
	const char *stop = rest->n ? (const char *)memchr(rest->p, sep, rest->n) : NULL;
	struct sb_str part = sb_str_of(rest->p, stop ? (size_t)(stop - rest->p) : rest->n);
	size_t used = stop ? part.n + 1 : part.n;
	rest->p += used;
	rest->n -= used;
	return part;
}

static int is(struct sb_str s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static int32_t read_value(struct sb_str text, struct sb_point *p)
{
	char digits[64];
	char *end = NULL;
	if (is(text, "true") || is(text, "false")) {
		p->type = SB_T_BOOL;
		p->v.i = text.n == 4;
		return 0;
	}
	if (text.n == 0 || text.n >= sizeof(digits))
		return SB_E_MALFORMED;
	memcpy(digits, text.p, text.n);
	digits[text.n] = 0;
	p->type = SB_T_F64;
	p->v.f = strtod(digits, &end);
	return *end || !isfinite(p->v.f) ? SB_E_MALFORMED : 0;
}

static int32_t add(const struct csv *c, struct sb_decode *d, const struct line *l)
{
	const struct sb_telemetry *telemetry = core->service(c->host, "sb.telemetry/1");
	struct sb_point p = { .ts_ns = SB_TS_UNKNOWN, .flags = d->flags, .msg = d->msg };
	int32_t r = read_value(l->value, &p);
	if (r < 0) {
		snprintf(d->why, sizeof(d->why), "\"%.*s\" is neither a number nor true or false",
		         (int)(l->value.n > 40 ? 40 : l->value.n), l->value.p);
		return r;
	}
	const struct sb_series_key key = { .size = sizeof(key),
		                           .type = p.type,
		                           .device = d->device,
		                           .name = l->metric,
		                           .unit = l->unit };
	if (telemetry->resolve(c->host, &key, &p.series) < 0)
		return 0; /* left out; the host has counted why */
	if (d->out->count == d->out->cap)
		return -ENOBUFS; /* the host comes again with a larger batch */
	d->out->points[d->out->count++] = p;
	return 0;
}

static int32_t decode(void *self, struct sb_decode *d)
{
	struct sb_str rest = sb_str_of((const char *)d->payload.p, d->payload.n);
	while (rest.n) {
		struct sb_str text = cut(&rest, '\n');
		struct line l;
		if (text.n == 0)
			continue;
		l.metric = cut(&text, ',');
		l.value = cut(&text, ',');
		l.unit = text;
		int32_t r = add((const struct csv *)self, d, &l);
		if (r < 0)
			return r;
	}
	return 0;
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *d, void **self)
{
	struct csv *c = calloc(1, sizeof(*c));
	(void)d;
	if (!c)
		return -ENOMEM;
	c->host = host;
	*self = c;
	return 0;
}

static const void *ext(void *self, const char *id)
{
	static const struct sb_codec codec = { .size = sizeof(codec),
		                               .claims = claims,
		                               .decode = decode };
	(void)self;
	return strcmp(id, "sb.codec/1") == 0 ? &codec : NULL;
}

static const struct sb_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = free,
	.ext = ext,
};

static const char *const provides[] = { "sb.codec/1", NULL };
static const char *const needs[] = { "sb.telemetry/1", NULL };

static const struct sb_descriptor descriptor = {
	.size = sizeof(descriptor),
	.flags = SB_RUN_LOOP,
	.id = "codec-csv",
	.name = "CSV",
	.version = "1.0.0",
	.vendor = "Signalbox",
	.license = "0BSD",
	.summary = "Lines of metric, value and unit",
	.section = "csv",
	.provides = provides,
	.needs = needs,
	.ops = &ops,
};

static int32_t init(const struct sb_core *c, const char *path)
{
	(void)path;
	core = c;
	return 0;
}

static const struct sb_descriptor *describe(uint32_t index)
{
	return index == 0 ? &descriptor : NULL;
}

SB_PLUGIN("codec-csv", "1.0.0", 0, init, NULL, describe);
