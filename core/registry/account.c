#include "registry/account.h"

#include <string.h>

#include <signalbox/services.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/own.h"
#include "base/wire.h"
#include "registry/filter.h"

#define VERSION 2 /* 1 had no lists */

bool account_is_name(struct sb_str name)
{
	if (!name.n || name.n >= sizeof(((struct account *)0)->name))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_' &&
		    c != '-')
			return false;
	}
	return true;
}

int account_set_list(char out[static ACCOUNT_LIST_BYTES], struct sb_str list)
{
	struct sb_str rest = list;

	if (list.n >= ACCOUNT_LIST_BYTES)
		return SB_E_QUOTA;
	while (rest.n) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;
		if (!filter_is_ok(sb_str_of(rest.p, n)))
			return SB_E_MALFORMED;
		n += end != NULL;
		rest = sb_str_of(rest.p + n, rest.n - n);
	}
	memset(out, 0, ACCOUNT_LIST_BYTES);
	if (list.n)
		memcpy(out, list.p, list.n);
	return 0;
}

void account_give(struct buffer *out, const struct account *account)
{
	buffer_give_u8(out, VERSION);
	buffer_give_str(out, sb_str_of(account->name, strlen(account->name)));
	buffer_give_u8(out, (uint8_t)account->role);
	buffer_give_u8(out, account->disabled);
	buffer_give_u8(out, account->must_change);
	buffer_give_zz(out, account->created_ns);
	buffer_give_zz(out, account->tokens_since_ns);
	buffer_give_str(out, sb_str_of(account->hash, strlen(account->hash)));
	buffer_give_u8(out, (uint8_t)(account->integration | account->has_publish << 1 |
	                              account->has_subscribe << 2));
	buffer_give_str(out, sb_str_of(account->publish, strlen(account->publish)));
	buffer_give_str(out, sb_str_of(account->subscribe, strlen(account->subscribe)));
}

static bool take_list(struct cursor *c, char out[static ACCOUNT_LIST_BYTES])
{
	struct sb_str list = cursor_take_str(c);

	if (c->bad || list.n >= ACCOUNT_LIST_BYTES || memchr(list.p, '\0', list.n))
		return false;
	memcpy(out, list.p, list.n);
	return true;
}

static bool take_rights(struct cursor *c, struct account *out)
{
	uint8_t flags = cursor_take_u8(c);

	out->integration = flags & 1;
	out->has_publish = flags & 2;
	out->has_subscribe = flags & 4;
	return take_list(c, out->publish) && take_list(c, out->subscribe);
}

int account_take(struct sb_bytes doc, struct account *out)
{
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	struct sb_str name;
	struct sb_str hash;

	if (version > VERSION)
		return SB_E_ABI;
	*out = (struct account){ 0 };
	name = cursor_take_str(&c);
	out->role = cursor_take_u8(&c);
	out->disabled = cursor_take_u8(&c) != 0;
	out->must_change = cursor_take_u8(&c) != 0;
	out->created_ns = cursor_take_zz(&c);
	out->tokens_since_ns = cursor_take_zz(&c);
	hash = cursor_take_str(&c);
	if (c.bad || !version || !account_is_name(name) || !hash.n || hash.n >= sizeof(out->hash) ||
	    out->role < SB_ROLE_VIEWER || out->role > SB_ROLE_ADMIN)
		return SB_E_CORRUPT;
	memcpy(out->name, name.p, name.n);
	memcpy(out->hash, hash.p, hash.n);
	return version < 2 || take_rights(&c, out) ? 0 : SB_E_CORRUPT;
}

static void show_list(struct wire *out, const char *key, const char *list)
{
	wire_key(out, key);
	wire_array(out);
	while (*list) {
		const char *end = strchrnul(list, '\n');
		wire_str(out, sb_str_of(list, (size_t)(end - list)));
		list = *end ? end + 1 : end;
	}
	wire_array_end(out);
}

void account_show(const struct account *account, struct wire *out)
{
	static const char *const roles[] = {
		[SB_ROLE_NONE] = "none",
		[SB_ROLE_VIEWER] = "viewer",
		[SB_ROLE_OPERATOR] = "operator",
		[SB_ROLE_ADMIN] = "admin",
	};
	int64_t created_us = account->created_ns / NS_PER_US;

	wire_map(out);
	wire_key(out, "name");
	wire_text(out, account->name);
	wire_key(out, "role");
	wire_text(out, roles[account->role]);
	wire_key(out, "disabled");
	wire_bool(out, account->disabled);
	wire_key(out, "must_change");
	wire_bool(out, account->must_change);
	wire_key(out, "integration");
	wire_bool(out, account->integration);
	if (account->has_publish)
		show_list(out, "publish", account->publish);
	if (account->has_subscribe)
		show_list(out, "subscribe", account->subscribe);
	wire_key(out, "created");
	wire_f64(out, (double)created_us / 1000.0);
	wire_map_end(out);
}
