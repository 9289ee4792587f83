#include "api/dump_form.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <signalbox/services.h>

#include "base/base64url.h"
#include "base/clock.h"
#include "base/text.h"
#include "base/wire.h"
#include "series/catalog.h"
#include "series/series.h"

#define NAN_PLAIN 0x7ff8000000000000u

const char *const dump_type_names[7] = { "none", "bool", "i64", "u64", "f64", "text", "bytes" };

const char *dump_form_media(const struct dump_form *f)
{
	static const char *const media[] = { "text/csv; charset=utf-8; header=present",
		                             "application/x-ndjson", "application/cbor-seq" };

	return media[f->kind];
}

/* ---- numbers */

static char *put_digits(char *p, uint64_t v, int least)
{
	char digits[20];
	int n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0 || n < least);
	while (n)
		*p++ = digits[--n];
	return p;
}

static char *put_i64(char *p, int64_t v)
{
	if (v < 0)
		*p++ = '-';
	return put_digits(p, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 1);
}

/* Days since 1970 to a date: the Gregorian calendar in eras of 400 years that begin in March. */
static char *put_date(char *p, int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	p = put_digits(p, (uint64_t)(yoe + era * 400 + (month <= 2)), 4);
	*p++ = '-';
	p = put_digits(p, (uint64_t)month, 2);
	*p++ = '-';
	return put_digits(p, (uint64_t)(doy - (153 * mp + 2) / 5 + 1), 2);
}

size_t dump_form_time(char text[static DUMP_TIME], int64_t ns)
{
	int64_t s = ns / NS_PER_S - (ns % NS_PER_S < 0);
	int64_t fraction = ns % NS_PER_S + (ns % NS_PER_S < 0 ? NS_PER_S : 0);
	int64_t day = s / 86400 - (s % 86400 < 0);
	uint64_t of_day = (uint64_t)(s - day * 86400);
	char *p = put_date(text, day);
	int digits = 9;

	*p++ = 'T';
	p = put_digits(p, of_day / 3600, 2);
	*p++ = ':';
	p = put_digits(p, of_day / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, of_day % 60, 2);
	for (; fraction && fraction % 1000 == 0; digits -= 3)
		fraction /= 1000;
	if (fraction) {
		*p++ = '.';
		p = put_digits(p, (uint64_t)fraction, digits);
	}
	*p++ = 'Z';
	return (size_t)(p - text);
}

size_t dump_form_f64(char text[static DUMP_NUMBER], double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	if (isinf(v)) {
		memcpy(text, "-Infinity", 9);
		if (v > 0)
			memcpy(text, "Infinity", 8);
		return v > 0 ? 8 : 9;
	}
	if (isnan(v) && bits == NAN_PLAIN) {
		memcpy(text, "NaN", 3);
		return 3;
	}
	if (isnan(v))
		return (size_t)snprintf(text, DUMP_NUMBER, "NaN:%016llx", (unsigned long long)bits);
	if (v == 0 && signbit(v)) {
		memcpy(text, "-0.0", 4);
		return 4;
	}
	return text_f64(text, v);
}

/* ---- CSV */

static void csv_text(struct buffer *out, struct sb_str s)
{
	bool quote = s.n == 0 || s.p[0] == ' ' || s.p[s.n - 1] == ' ';

	for (size_t i = 0; i < s.n && !quote; i++)
		quote = s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r';
	if (!quote) {
		buffer_give(out, s.p, s.n);
		return;
	}
	buffer_give_u8(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			buffer_give_u8(out, '"');
		buffer_give_u8(out, (uint8_t)s.p[i]);
	}
	buffer_give_u8(out, '"');
}

static void give_bytes_text(struct buffer *out, struct sb_bytes b)
{
	uint8_t *p = buffer_room(out, BASE64URL_LEN(b.n));

	if (p)
		out->n += base64url_put((char *)p, b);
}

static void csv_value(struct buffer *out, const struct series_point *p)
{
	char text[DUMP_NUMBER];
	char *end = text;

	switch (p->type) {
	case SB_T_BOOL:
		buffer_give(out, p->v.i ? "true" : "false", p->v.i ? 4 : 5);
		return;
	case SB_T_I64:
		end = put_i64(text, p->v.i);
		break;
	case SB_T_U64:
		end = put_digits(text, p->v.u, 1);
		break;
	case SB_T_F64:
		end = text + dump_form_f64(text, p->v.f);
		break;
	case SB_T_STR:
		csv_text(out, sb_str_of((const char *)p->v.blob.p, p->v.blob.n));
		return;
	default:
		give_bytes_text(out, p->v.blob);
		return;
	}
	buffer_give(out, text, (size_t)(end - text));
}

static void csv_time(const struct dump_form *f, struct buffer *out, int64_t ns)
{
	char text[DUMP_TIME];
	size_t n = f->ns ? (size_t)(put_i64(text, ns) - text) : dump_form_time(text, ns);

	buffer_give(out, text, n);
}

static void csv_point(const struct dump_form *f, struct buffer *out, const char *device,
                      const struct series *s, const struct series_point *p)
{
	char text[32];
	char *end = text;

	csv_text(out, sb_str_of(device, strlen(device)));
	buffer_give_u8(out, ',');
	csv_text(out, s->name);
	buffer_give_u8(out, ',');
	if (series_unit(s).n)
		csv_text(out, series_unit(s));
	buffer_give_u8(out, ',');
	csv_time(f, out, p->ts_ns);
	buffer_give_u8(out, ',');
	buffer_give(out, dump_type_names[p->type], strlen(dump_type_names[p->type]));
	buffer_give_u8(out, ',');
	csv_value(out, p);
	*end++ = ',';
	end = put_digits(end, p->quality, 1);
	*end++ = ',';
	end = put_digits(end, p->flags, 1);
	buffer_give(out, text, (size_t)(end - text));
	if (f->rx) {
		buffer_give_u8(out, ',');
		csv_time(f, out, p->rx_ns);
	}
	buffer_give_u8(out, '\n');
}

/* ---- JSON lines and CBOR: one map a point */

static void map_time(const struct dump_form *f, struct wire *w, const char *key, const char *key_ns,
                     int64_t ns)
{
	char text[DUMP_TIME];

	if (f->ns || f->kind == DUMP_CBOR) {
		wire_key(w, key_ns);
		wire_i64(w, ns);
		return;
	}
	wire_key(w, key);
	wire_str(w, sb_str_of(text, dump_form_time(text, ns)));
}

static void map_f64(struct wire *w, double v)
{
	char text[DUMP_NUMBER];

	if (w->form == WIRE_JSON && !isfinite(v))
		wire_str(w, sb_str_of(text, dump_form_f64(text, v)));
	else
		wire_f64(w, v);
}

static void map_value(struct wire *w, const struct series_point *p)
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
		map_f64(w, p->v.f);
		return;
	case SB_T_STR:
		wire_str(w, sb_str_of((const char *)p->v.blob.p, p->v.blob.n));
		return;
	default:
		wire_bytes(w, p->v.blob);
	}
}

static void map_point(const struct dump_form *f, struct buffer *out, const char *device,
                      const struct series *s, const struct series_point *p)
{
	struct wire w = wire_on(out, f->kind == DUMP_CBOR ? WIRE_CBOR : WIRE_JSON);

	wire_map(&w);
	wire_key_text(&w, "device", device);
	wire_key(&w, "series");
	wire_str(&w, s->name);
	if (series_unit(s).n) {
		wire_key(&w, "unit");
		wire_str(&w, series_unit(s));
	}
	map_time(f, &w, "time", "time_ns", p->ts_ns);
	wire_key_text(&w, "type", dump_type_names[p->type]);
	wire_key(&w, "value");
	map_value(&w, p);
	if (p->quality)
		wire_key_u64(&w, "quality", p->quality);
	wire_key_u64(&w, "flags", p->flags);
	if (f->rx)
		map_time(f, &w, "rx", "rx_ns", p->rx_ns);
	wire_map_end(&w);
	if (f->kind == DUMP_JSONL)
		buffer_give_u8(out, '\n');
}

/* ---- all */

void dump_form_head(const struct dump_form *f, struct buffer *out)
{
	char text[100];

	if (f->kind != DUMP_CSV)
		return;
	int n = snprintf(text, sizeof(text), "device,series,unit,%s,type,value,quality,flags%s\n",
	                 f->ns ? "time_ns" : "time",
	                 !f->rx  ? ""
	                 : f->ns ? ",rx_ns"
	                         : ",rx");

	buffer_give(out, text, (size_t)n);
}

void dump_form_point(const struct dump_form *f, struct buffer *out, const char *device,
                     const struct series *s, const struct series_point *p)
{
	if (p->type >= sizeof(dump_type_names) / sizeof(dump_type_names[0]))
		return;
	if (f->kind == DUMP_CSV)
		csv_point(f, out, device, s, p);
	else
		map_point(f, out, device, s, p);
}
