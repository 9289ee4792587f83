#include "fake_services.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake *of(struct sb_host *host)
{
	return (struct fake *)(void *)host;
}

/* ---- payloads, devices */

static int32_t submit(struct sb_host *h, const struct sb_payload_in *in, struct sb_str *why)
{
	struct fake *f = of(h);
	if (why)
		*why = SB_STR("line 1: not JSON");
	if (f->submit_result)
		return f->submit_result;
	f->submits = realloc(f->submits, (f->n_submits + 1) * sizeof(*f->submits));
	struct fake_submit *s = &f->submits[f->n_submits];
	memset(s, 0, sizeof(*s));
	s->token = in->token;
	s->device = in->device;
	s->ack = in->ack;
	size_t n = in->payload.n < sizeof(s->text) ? in->payload.n : sizeof(s->text) - 1;
	if (n)
		memcpy(s->text, in->payload.p, n);
	f->n_submits++;
	if (in->ack == SB_ACK_STORED)
		return SB_PENDING;
	/* Nobody completes it. */
	if (f->completed == f->n_submits - 1)
		f->completed = f->n_submits;
	return 0;
}

const struct sb_payload fake_services_payload = { .size = sizeof(fake_services_payload),
	                                          .submit = submit };

static int32_t resolve(struct sb_host *h, struct sb_str id, sb_device *out)
{
	struct fake *f = of(h);
	if (id.n >= 64 || memchr(id.p, ' ', id.n))
		return SB_E_NAME;
	for (uint32_t i = 0; i < f->n_devices; i++) {
		if (strlen(f->devices[i]) == id.n && !memcmp(f->devices[i], id.p, id.n)) {
			*out = i + 1;
			return 0;
		}
	}
	if (f->n_devices == 16)
		return SB_E_QUOTA;
	memcpy(f->devices[f->n_devices], id.p, id.n);
	*out = ++f->n_devices;
	return 0;
}

/* "device:ID", "user:NAME" (an operator), "viewer:NAME" with the password "right"; nothing is
 * anonymous, where that is allowed. */
static int32_t principal(struct fake *f, const struct sb_credentials *cr, struct sb_principal *out)
{
	memset(out, 0, sizeof(*out));
	if (!cr->username.n) {
		out->kind = SB_PRINCIPAL_ANONYMOUS;
		out->id = 1;
		return cr->anonymous_allowed ? 0 : -EACCES;
	}
	if (cr->password.n != 5 || memcmp(cr->password.p, "right", 5) != 0)
		return -EACCES;
	const char *colon = memchr(cr->username.p, ':', cr->username.n);
	if (!colon)
		return -EACCES;
	struct sb_str name = { colon + 1, cr->username.n - (size_t)(colon + 1 - cr->username.p) };
	int32_t r = resolve((struct sb_host *)(void *)f, name, &out->device);
	if (r < 0)
		return r;
	out->id = 1000 + out->device;
	out->kind = cr->username.p[0] == 'd' ? SB_PRINCIPAL_DEVICE : SB_PRINCIPAL_USER;
	out->role = cr->username.p[0] == 'v' ? SB_ROLE_VIEWER : SB_ROLE_OPERATOR;
	if (out->kind == SB_PRINCIPAL_USER)
		out->device = 0;
	return 0;
}

static int32_t authenticate(struct sb_host *h, const struct sb_credentials *cr, sb_auth_fn fn,
                            void *ud, sb_token token)
{
	struct fake *f = of(h);
	struct sb_principal who;
	int32_t r = principal(f, cr, &who);
	if (f->slow_auth) {
		f->auth_fn = fn;
		f->auth_ud = ud;
		f->auth_who = who;
		f->auth_r = r;
		return 0;
	}
	fn(ud, token, r, &who);
	return 0;
}

void fake_auth(struct fake *f)
{
	sb_auth_fn fn = f->auth_fn;
	f->auth_fn = NULL;
	fn(f->auth_ud, 0, f->auth_r, &f->auth_who);
}

static int32_t session_up(struct sb_host *h, sb_device d, const struct sb_kv *kv, uint32_t n)
{
	(void)d, (void)kv, (void)n;
	of(h)->ups++;
	return 0;
}

static int32_t session_down(struct sb_host *h, sb_device d, int32_t why, struct sb_str detail)
{
	(void)d, (void)why, (void)detail;
	of(h)->downs++;
	return 0;
}

static void seen(struct sb_host *h, sb_device d)
{
	(void)h, (void)d;
}

static void fate(struct sb_host *h, sb_device d, int32_t what, struct sb_str reason)
{
	struct fake *f = of(h);
	(void)d, (void)what;
	f->n_fates++;
	snprintf(f->fate, sizeof(f->fate), "%.*s", (int)reason.n, reason.p);
}

static int32_t id_of(struct sb_host *h, sb_device d, char *buf, uint32_t cap)
{
	struct fake *f = of(h);
	if (!d || d > f->n_devices)
		return SB_E_STALE;
	return snprintf(buf, cap, "%s", f->devices[d - 1]) < (int)cap ? 0 : -ERANGE;
}

static bool begins(struct sb_str s, const char *with)
{
	return s.n >= strlen(with) && !memcmp(s.p, with, strlen(with));
}

/* A device has its own topics; a viewer reads; an anonymous peer has everything but `secret`. */
static int32_t may(struct sb_host *h, const struct sb_principal *who, int32_t action,
                   struct sb_str topic)
{
	const struct fake *f = of(h);
	char own[80];

	if (who->id == f->gone)
		return -EACCES;
	switch (who->kind) {
	case SB_PRINCIPAL_DEVICE:
		snprintf(own, sizeof(own), "devices/%s/", f->devices[who->device - 1]);
		return begins(topic, own) ? 0 : -EACCES;
	case SB_PRINCIPAL_USER:
		return action != SB_MAY_PUBLISH || who->role >= SB_ROLE_OPERATOR ? 0 : -EACCES;
	default:
		if (!*f->secret)
			return 0;
		if (begins(topic, f->secret))
			return -EACCES;
		return action == SB_MAY_SUBSCRIBE && (begins(topic, "#") || begins(topic, "+"))
		               ? SB_MAY_PART
		               : 0;
	}
}

static uint64_t rights(struct sb_host *h)
{
	return of(h)->rights;
}

static int32_t renew(struct sb_host *h, struct sb_principal *who)
{
	return who->id == of(h)->gone ? -EACCES : 0;
}

static int32_t known(struct sb_host *h, struct sb_str id)
{
	(void)h;
	return id.n >= 5 && memcmp(id.p, "known", 5) == 0;
}

const struct sb_devices fake_services_devices = { .size = sizeof(fake_services_devices),
	                                          .authenticate = authenticate,
	                                          .resolve = resolve,
	                                          .session_up = session_up,
	                                          .session_down = session_down,
	                                          .seen = seen,
	                                          .fate = fate,
	                                          .id_of = id_of,
	                                          .may = may,
	                                          .rights = rights,
	                                          .renew = renew,
	                                          .known = known };

/* ---- documents */

static uint8_t *copy(const void *p, size_t n)
{
	uint8_t *q = malloc(n + 1);
	if (n)
		memcpy(q, p, n);
	return q;
}

static struct fake_doc **doc_at(struct fake *f, struct sb_str key)
{
	struct fake_doc **at = &f->docs;
	while (*at && ((*at)->key_n != key.n || memcmp((*at)->key, key.p, key.n) != 0))
		at = &(*at)->next;
	return at;
}

static int32_t docs_put(struct sb_host *h, struct sb_str key, struct sb_bytes doc, uint64_t if_rev,
                        sb_doc_fn fn, void *ud)
{
	struct fake *f = of(h);
	struct fake_doc **at = doc_at(f, key), *d = *at;
	(void)if_rev;
	if (!d && doc.n) {
		d = *at = calloc(1, sizeof(*d));
		d->key = copy(key.p, key.n);
		d->key_n = key.n;
	}
	if (d) {
		free(d->doc);
		d->doc = copy(doc.p, doc.n);
		d->doc_n = doc.n;
	}
	if (d && !doc.n) {
		*at = d->next;
		free(d->key);
		free(d->doc);
		free(d);
	}
	if (!f->slow_docs) {
		fn(ud, 0, key, doc, 1);
		return 0;
	}
	struct fake_put *p = calloc(1, sizeof(*p));
	p->fn = fn;
	p->ud = ud;
	*f->puts_at = p;
	f->puts_at = &p->next;
	return 0;
}

void fake_put_done(struct fake *f, int32_t r)
{
	struct fake_put *p = f->puts;
	assert(p);
	f->puts = p->next;
	if (!f->puts)
		f->puts_at = &f->puts;
	p->fn(p->ud, r, SB_STR("t"), (struct sb_bytes){ NULL, 0 }, 1);
	free(p);
}

static int32_t docs_scan(struct sb_host *h, struct sb_str from, sb_doc_fn fn, void *ud)
{
	(void)from;
	for (struct fake_doc *d = of(h)->docs; d; d = d->next)
		fn(ud, 0, sb_str_of((const char *)d->key, d->key_n),
		   (struct sb_bytes){ d->doc, d->doc_n }, 1);
	fn(ud, SB_E_NOT_FOUND, SB_STR(""), (struct sb_bytes){ NULL, 0 }, 0);
	return 0;
}

const struct sb_docs fake_services_docs = { .size = sizeof(fake_services_docs),
	                                    .put = docs_put,
	                                    .scan = docs_scan };
