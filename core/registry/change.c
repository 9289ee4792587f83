#define LOG_MODULE "registry"
#include "registry/change.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "base/wire.h"
#include "registry/credential.h"
#include "registry/device.h"
#include "registry/inner.h"
#include "registry/password.h"
#include "registry/record.h"
#include "registry/rights.h"
#include "registry/writer.h"

/* The texts of a change, in one table. */
struct text_field {
	const char *name;
	size_t offset; /* in struct device_change and struct record */
	size_t at;
	size_t max;
};
#define FIELD(member, bytes)                                                                      \
	{                                                                                         \
#member, offsetof(struct device_change, member), offsetof(struct record, member), \
			bytes                                                                     \
	}
static const struct text_field fields[] = {
	FIELD(name, 128),
	FIELD(model, 64),
	FIELD(site, 64),
	FIELD(tags, 255),
};

static const struct sb_str *wished(const struct device_change *wish, const struct text_field *f)
{
	return (const struct sb_str *)(const void *)((const char *)wish + f->offset);
}

static struct sb_str *recorded(struct record *rec, const struct text_field *f)
{
	return (struct sb_str *)(void *)((char *)rec + f->at);
}

static int check(const struct device_change *wish)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct sb_str *text = wished(wish, &fields[i]);
		if (text->n && !text_is_name(*text, fields[i].max))
			return SB_E_NAME;
	}
	if (wish->password.n > PASSWORD_MAX ||
	    !!wish->password.p + !!wish->certificate.p + !!wish->psk.p + wish->promote > 1)
		return SB_E_RANGE;
	if (wish->admin < -1 || wish->admin > DEVICE_RETIRED)
		return SB_E_RANGE;
	return 0;
}

/* ---- credentials */

static bool has_secret(const struct device_change *wish)
{
	return wish->password.p || wish->certificate.p || wish->psk.p;
}

/* The text to store; NULL where the credential is to go. */
static int credential_make(const struct device_change *wish, char **out)
{
	*out = NULL;
	if (wish->certificate.n)
		return credential_of_certificate(wish->certificate, out);
	if (wish->psk.n)
		return credential_of_psk(wish->psk, out);
	if (!wish->password.n)
		return 0;
	*out = malloc(PASSWORD_HASH_BYTES);
	return *out ? password_hash(wish->password, *out) : -ENOMEM;
}

/* What can be told at once: a certificate or key nobody can read, or of another device. */
static int credential_check(struct registry *reg, const struct device *dev,
                            const struct device_change *wish)
{
	const struct device *owner = NULL;
	char *text;
	int r;

	if (!wish->certificate.n && !wish->psk.n)
		return 0;
	r = credential_make(wish, &text);
	if (r < 0)
		return r == -EINVAL ? SB_E_MALFORMED : r;
	if (wish->certificate.n)
		owner = credential_find(reg, strchr(text, ':') + 1);
	sodium_memzero(text, strlen(text));
	free(text);
	return owner && owner != dev ? SB_E_EXISTS : 0;
}

/* Is this one of the credentials of the record? */
static bool stays(const struct record *rec, const char *credential)
{
	struct sb_str text = sb_str_of(credential, credential ? strlen(credential) : 0);

	return !text.n || text_equal(text, rec->credential) ||
	       text_equal(text, rec->next_credential);
}

/* ---- asking */

static struct sb_str keep(char **to, struct sb_str s)
{
	struct sb_str kept = { s.p ? *to : NULL, s.n };

	if (s.p)
		memcpy(*to, s.p, s.n);
	*to += s.n;
	return kept;
}

static void change_free(struct change *c)
{
	sodium_memzero(c->texts, c->wish.password.n + c->wish.psk.n);
	if (c->credential)
		sodium_memzero(c->credential, strlen(c->credential));
	buffer_fini(&c->doc);
	audit_fini(&c->audit);
	free(c->credential);
	free(c->texts);
	free(c);
}

static int change_new(struct change **out, const struct device_change *wish)
{
	struct change *c = calloc(1, sizeof(*c));
	size_t who = strlen(wish->who ? wish->who : "") + 1;
	char *to;

	if (!c)
		return -ENOMEM;
	c->wish = *wish;
	to = c->texts = malloc(wish->password.n + wish->psk.n + wish->certificate.n + wish->name.n +
	                       wish->model.n + wish->site.n + wish->tags.n + who);
	if (!to) {
		c->wish.password.n = c->wish.psk.n = 0;
		change_free(c);
		return -ENOMEM;
	}
	c->wish.password = keep(&to, wish->password); /* first: change_free() wipes them */
	c->wish.psk = keep(&to, wish->psk);
	c->wish.certificate = keep(&to, wish->certificate);
	c->wish.name = keep(&to, wish->name);
	c->wish.model = keep(&to, wish->model);
	c->wish.site = keep(&to, wish->site);
	c->wish.tags = keep(&to, wish->tags);
	memcpy(to, wish->who ? wish->who : "", who);
	c->wish.who = to;
	*out = c;
	return 0;
}

static int submit(struct registry *reg, struct device *dev, struct change *c, registry_done_fn done,
                  void *ud)
{
	int r;

	c->reg = reg;
	c->dev = dev;
	c->done = done;
	c->ud = ud;
	r = writer_change(reg->writer, c);
	if (r < 0) {
		change_free(c);
		return r;
	}
	return SB_PENDING;
}

int registry_change(struct registry *reg, struct sb_str id, const struct device_change *change,
                    registry_done_fn done, void *ud)
{
	struct change *c;
	struct device *dev;
	uint64_t rev;
	int r = registry_find(reg, id, &dev);

	if (r == 0)
		r = check(change);
	if (r == 0)
		r = credential_check(reg, dev, change);
	if (r < 0)
		return r;
	registry_lock(reg);
	rev = dev->rev;
	if (change->promote && !dev->next_credential)
		r = SB_E_NOT_FOUND;
	registry_unlock(reg);
	if (r < 0)
		return r;
	if (change->if_rev != UINT64_MAX && change->if_rev != rev)
		return SB_E_CONFLICT;
	if (change->dry_run)
		return 0;
	r = change_new(&c, change);
	return r < 0 ? r : submit(reg, dev, c, done, ud);
}

int registry_create(struct registry *reg, struct sb_str id, const struct device_change *change,
                    registry_done_fn done, void *ud)
{
	struct change *c;
	struct device *dev;
	int r = registry_find(reg, id, &dev);

	if (r == 0)
		return SB_E_EXISTS;
	if (r == SB_E_UNKNOWN_DEVICE)
		r = check(change);
	if (r == 0)
		r = credential_check(reg, NULL, change);
	if (r == 0 && registry_count(reg) >= registry_max_devices(reg))
		r = SB_E_QUOTA;
	if (r < 0 || change->dry_run)
		return r;
	r = change_new(&c, change);
	if (r < 0)
		return r;
	r = registry_make(reg, id, DEVICE_EXPECTED, &dev);
	if (r < 0) {
		change_free(c);
		return r;
	}
	c->creates = true;
	c->wish.if_rev = UINT64_MAX;
	return submit(reg, dev, c, done, ud);
}

/* ---- writer thread */

static void merge(const struct change *c, struct record *rec)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		const struct sb_str *text = wished(&c->wish, &fields[i]);
		if (text->p)
			*recorded(rec, &fields[i]) = *text;
	}
	if (c->wish.admin >= 0)
		rec->admin = (enum device_admin)c->wish.admin;
	if (c->wish.promote && rec->next_credential.n) {
		rec->credential = rec->next_credential;
		rec->next_credential = sb_str_of(NULL, 0);
	}
	if (has_secret(&c->wish)) {
		struct sb_str text = sb_str_of(c->credential,
		                               c->credential ? strlen(c->credential) : 0);
		bool next = c->wish.as_next && rec->credential.n;
		rec->next_credential = next ? text : sb_str_of(NULL, 0);
		if (!next)
			rec->credential = text;
	}
	rec->rev++;
}

static void show_credential(struct wire *w, const char *key, struct sb_str text)
{
	const char *prefix = text.n > 4 ? text.p : NULL; /* texts of a record may lack their end */
	enum credential_kind kind = !prefix                      ? CREDENTIAL_NONE
	                            : !memcmp(prefix, "x509", 4) ? CREDENTIAL_CERTIFICATE
	                            : !memcmp(prefix, "psk:", 4) ? CREDENTIAL_PSK
	                                                         : CREDENTIAL_PASSWORD;

	wire_key_text(w, key, credential_names[kind]);
}

/* Only what the change names; a credential is never shown, only what kind it is. */
static void show(const struct change *c, struct record *rec, struct buffer *out)
{
	struct wire w = wire_on(out, WIRE_JSON);

	wire_map(&w);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!wished(&c->wish, &fields[i])->p)
			continue;
		wire_key(&w, fields[i].name);
		wire_str(&w, *recorded(rec, &fields[i]));
	}
	if (c->wish.admin >= 0) {
		wire_key(&w, "state");
		wire_text(&w, device_admin_names[rec->admin]);
	}
	if (has_secret(&c->wish) || c->wish.promote) {
		show_credential(&w, "credential", rec->credential);
		show_credential(&w, "next_credential", rec->next_credential);
	}
	wire_map_end(&w);
}

static int encode(struct change *c)
{
	struct record before = record_of(c->dev);
	struct record after = before;
	struct buffer was = { 0 };
	struct buffer is = { 0 };
	int r;

	merge(c, &after);
	record_give(&c->doc, &after);
	show(c, &before, &was);
	show(c, &after, &is);
	r = c->doc.bad || was.bad || is.bad ? -ENOMEM : 0;
	if (r == 0)
		r = audit_init(&c->audit,
		               &(struct audit_facts){
				       .who = c->wish.who,
				       .what = c->creates ? "device.create" : "device.change",
				       .subject = device_id(c->dev),
				       .before = { was.p, c->creates ? 0 : was.n },
				       .after = { is.p, is.n },
			       });
	buffer_fini(&was);
	buffer_fini(&is);
	return r;
}

int change_prepare(struct change *c)
{
	int r = credential_make(&c->wish, &c->credential);

	if (r < 0)
		return r;
	registry_lock(c->reg);
	r = c->wish.if_rev != UINT64_MAX && c->wish.if_rev != c->dev->rev ? SB_E_CONFLICT
	                                                                  : encode(c);
	registry_unlock(c->reg);
	return r;
}

uint32_t change_puts(const struct change *c, struct sb_doc_put *out)
{
	out[0] = (struct sb_doc_put){
		.space = SB_STR("device"),
		.key = device_id(c->dev),
		.doc = { c->doc.p, c->doc.n },
		.if_rev = UINT64_MAX,
	};
	out[1] = audit_put(&c->audit);
	return CHANGE_PUTS;
}

/* A device that was expected may have shown up meanwhile: only what was wished is taken over. */
static int apply(struct change *c)
{
	struct record rec = { 0 };
	struct record now;
	int r = record_take((struct sb_bytes){ c->doc.p, c->doc.n }, &rec);

	if (r < 0)
		return r;
	registry_lock(c->reg);
	now = record_of(c->dev);
	if (c->wish.admin < 0)
		rec.admin = now.admin;
	c->withdraws = !stays(&rec, c->dev->credential) || !stays(&rec, c->dev->next_credential) ||
	               (rec.credential.n && !c->dev->credential);
	credential_forget(c->reg, c->dev, c->dev->credential);
	credential_forget(c->reg, c->dev, c->dev->next_credential);
	r = record_apply(&rec, c->dev);
	if (credential_learn(c->reg, c->dev, c->dev->credential) < 0 ||
	    credential_learn(c->reg, c->dev, c->dev->next_credential) < 0)
		r = -ENOMEM;
	registry_unlock(c->reg);
	return r;
}

void change_finish(struct change *c, int r)
{
	if (r == 0) {
		r = apply(c);
		if (r < 0)
			log_error(
				r,
				"device %s: the change is stored, but takes effect at the next start only",
				c->dev->id);
		registry_changed(c->reg, c->dev, DEVICE_CHANGED_RECORD);
		if (c->wish.admin >= 0)
			atomic_fetch_add_explicit(&c->reg->rights, 1, memory_order_release);
		if (c->withdraws || c->wish.admin == DEVICE_SUSPENDED ||
		    c->wish.admin == DEVICE_RETIRED)
			rights_withdraw(c->reg, c->dev);
	}
	if (c->done)
		c->done(c->ud, r);
	change_free(c);
}
