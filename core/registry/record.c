#include "registry/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/text.h"
#include "model/record.h"

#define DOCUMENT_VERSION   2 /* 1 had no next credential */
#define DEFINITION_VERSION 1
#define CREDENTIAL_MAX     256

static struct sb_str str(const char *text)
{
	return sb_str_of(text, text ? strlen(text) : 0);
}

struct record record_of(const struct device *dev)
{
	return (struct record){
		.no = dev->no,
		.admin = dev->admin,
		.rev = dev->rev,
		.created_ns = dev->created_ns,
		.id = str(dev->id),
		.name = str(dev->name),
		.model = str(dev->model),
		.site = str(dev->site),
		.tags = str(dev->tags),
		.credential = str(dev->credential),
		.next_credential = str(dev->next_credential),
	};
}

void record_give(struct buffer *out, const struct record *rec)
{
	buffer_give_u8(out, DOCUMENT_VERSION);
	buffer_give_varint(out, rec->no);
	buffer_give_varint(out, rec->rev);
	buffer_give_u8(out, (uint8_t)rec->admin);
	buffer_give_zz(out, rec->created_ns);
	buffer_give_str(out, rec->id);
	buffer_give_str(out, rec->name);
	buffer_give_str(out, rec->model);
	buffer_give_str(out, rec->site);
	buffer_give_str(out, rec->tags);
	buffer_give_str(out, rec->credential);
	buffer_give_str(out, rec->next_credential);
}

static int check(const struct cursor *c, uint64_t no, uint8_t admin, const struct record *rec)
{
	struct device *dev;

	if (c->bad || !no || no > UINT32_MAX || admin > DEVICE_RETIRED)
		return SB_E_CORRUPT;
	if (!text_is_device_id(rec->id) || rec->name.n >= sizeof(dev->name) ||
	    rec->model.n >= sizeof(dev->model) || rec->site.n >= sizeof(dev->site) ||
	    rec->tags.n >= sizeof(dev->tags) || rec->credential.n > CREDENTIAL_MAX ||
	    rec->next_credential.n > CREDENTIAL_MAX)
		return SB_E_CORRUPT;
	return 0;
}

int record_take(struct sb_bytes doc, struct record *out)
{
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	uint64_t no;

	if (version > DOCUMENT_VERSION)
		return SB_E_ABI;
	no = cursor_take_varint(&c);
	*out = (struct record){ .no = (uint32_t)no };
	out->rev = cursor_take_varint(&c);
	uint8_t admin = cursor_take_u8(&c);
	out->admin = (enum device_admin)admin;
	out->created_ns = cursor_take_zz(&c);
	out->id = cursor_take_str(&c);
	out->name = cursor_take_str(&c);
	out->model = cursor_take_str(&c);
	out->site = cursor_take_str(&c);
	out->tags = cursor_take_str(&c);
	out->credential = cursor_take_str(&c);
	if (version >= 2)
		out->next_credential = cursor_take_str(&c);
	return version ? check(&c, no, admin, out) : SB_E_CORRUPT;
}

static void copy(char *to, size_t cap, struct sb_str from)
{
	size_t n = from.n < cap ? from.n : cap - 1;

	if (n)
		memcpy(to, from.p, n);
	memset(to + n, 0, cap - n);
}

static int copy_credential(char **to, struct sb_str from)
{
	*to = from.n ? strndup(from.p, from.n) : NULL;
	return from.n && !*to ? -ENOMEM : 0;
}

int record_apply(const struct record *rec, struct device *dev)
{
	char *credential = NULL;
	char *next = NULL;

	if (copy_credential(&credential, rec->credential) < 0 ||
	    copy_credential(&next, rec->next_credential) < 0) {
		free(credential);
		return -ENOMEM;
	}
	free(dev->credential);
	free(dev->next_credential);
	dev->credential = credential;
	dev->next_credential = next;
	dev->admin = rec->admin;
	dev->rev = rec->rev;
	dev->created_ns = rec->created_ns;
	copy(dev->name, sizeof(dev->name), rec->name);
	copy(dev->model, sizeof(dev->model), rec->model);
	copy(dev->site, sizeof(dev->site), rec->site);
	copy(dev->tags, sizeof(dev->tags), rec->tags);
	return 0;
}

void record_give_definition(struct buffer *out, const struct device *dev)
{
	buffer_give_u8(out, RECORD_DEVICE);
	buffer_give_u8(out, DEFINITION_VERSION);
	buffer_give_varint(out, dev->no);
	buffer_give_u8(out, (uint8_t)dev->admin);
	buffer_give_zz(out, dev->created_ns);
	buffer_give_str(out, str(dev->id));
}

int record_take_definition(struct sb_bytes payload, struct record *out)
{
	struct cursor c = cursor_of(payload.p, payload.n);
	uint8_t type = cursor_take_u8(&c);
	uint8_t version = cursor_take_u8(&c);
	uint64_t no = cursor_take_varint(&c);
	uint8_t admin = cursor_take_u8(&c);

	if (type == RECORD_DEVICE && version > DEFINITION_VERSION)
		return SB_E_ABI;
	*out = (struct record){ .no = (uint32_t)no, .admin = (enum device_admin)admin, .rev = 1 };
	out->created_ns = cursor_take_zz(&c);
	out->id = cursor_take_str(&c);
	if (type != RECORD_DEVICE || version != DEFINITION_VERSION)
		return SB_E_CORRUPT;
	return check(&c, no, admin, out);
}
