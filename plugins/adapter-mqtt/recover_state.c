#include "recover_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "record.h"
#include "recover_table.h"

struct recover_body *recover_state_body(const struct recover *re, uint64_t no)
{
	return recover_table_find(&re->bodies, no);
}

static void see(struct recover *re, uint64_t no)
{
	if (no > re->last_no)
		re->last_no = no;
}

/* A session nobody has told of yet is told of later, or is none. */
static struct recover_session *session_of(struct recover *re, struct cursor *c)
{
	uint64_t no = record_take_number(c);

	if (c->bad || !no)
		return NULL;
	see(re, no);
	return recover_table_make(&re->sessions, no, sizeof(struct recover_session));
}

/* ---- messages */

static void body_free(struct recover *re, struct recover_body *body)
{
	recover_table_remove(&re->bodies, body->no);
	message_unref(body->msg);
	free(body);
}

static void body_leave(struct recover *re, uint64_t no)
{
	struct recover_body *body = no ? recover_table_find(&re->bodies, no) : NULL;

	if (!body || !body->refs || --body->refs)
		return;
	if (!body->again && body->msg)
		body_free(re, body);
}

static int take_body(struct recover *re, uint64_t position, struct cursor *c, bool again)
{
	uint64_t no = record_take_number(c);
	struct message *msg = record_take_message(c);

	if (!msg || !no) {
		message_unref(msg);
		return SB_E_CORRUPT;
	}
	see(re, no);
	struct recover_body *body = recover_table_make(&re->bodies, no, sizeof(*body));
	if (!body) {
		message_unref(msg);
		return -ENOMEM;
	}
	message_unref(body->msg);
	body->msg = msg;
	body->position = position;
	body->again |= again || body->refs;
	return 0;
}

/* ---- entries */

static void entry_free(struct recover *re, struct recover_entry *e)
{
	body_leave(re, e->done ? 0 : e->body);
	free(e->ids);
	e->ids = NULL;
	e->body = 0;
	e->done = true;
}

static int entry_room(struct recover_session *s)
{
	if (s->n < s->cap)
		return 0;
	if (s->first > s->cap / 2) {
		memmove(s->entries, s->entries + s->first, (s->n - s->first) * sizeof(*s->entries));
		s->n -= s->first;
		s->first = 0;
		return 0;
	}
	uint32_t cap = s->cap ? s->cap * 2 : 16;
	struct recover_entry *more = realloc(s->entries, cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->entries = more;
	s->cap = cap;
	return 0;
}

static int take_ids(struct cursor *c, struct recover_entry *e)
{
	e->n_ids = record_take_u32(c);
	if (c->bad || e->n_ids > cursor_left(c))
		return SB_E_CORRUPT;
	if (!e->n_ids)
		return 0;
	e->ids = malloc(e->n_ids * sizeof(uint32_t));
	if (!e->ids)
		return -ENOMEM;
	for (uint32_t i = 0; i < e->n_ids; i++)
		e->ids[i] = record_take_u32(c);
	return 0;
}

static int take_entry(struct recover *re, struct recover_session *s, struct cursor *c)
{
	struct recover_entry e = { 0 };

	e.at = record_take_number(c);
	e.body = record_take_number(c);
	uint8_t flags = cursor_u8(c);
	e.share = record_take_u32(c);
	e.qos = flags & 3;
	e.retain = flags >> 2 & 1;
	e.released = !e.body;
	int r = take_ids(c, &e);
	if (r == 0 && (c->bad || !e.qos || e.qos == 3))
		r = SB_E_CORRUPT;
	if (r == 0)
		r = entry_room(s);
	struct recover_body *body = NULL;
	if (r == 0 && e.body) {
		see(re, e.body);
		body = recover_table_make(&re->bodies, e.body, sizeof(*body));
		r = body ? 0 : -ENOMEM;
	}
	/* After a restart the positions behind the last one that waits were given again. */
	while (s->n > s->first && s->entries[s->n - 1].done && s->entries[s->n - 1].at >= e.at)
		s->n--;
	/* Behind the others, unless it is told twice. */
	if (r < 0 || (s->n > s->first && s->entries[s->n - 1].at >= e.at)) {
		free(e.ids);
		return r;
	}
	if (body)
		body->refs++;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): room was made above */
	s->entries[s->n++] = e;
	return 0;
}

static struct recover_entry *entry_at(const struct recover_session *s, uint64_t at)
{
	uint32_t low = s->first;
	uint32_t high = s->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (s->entries[mid].at < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n && s->entries[low].at == at ? &s->entries[low] : NULL;
}

static void take_done(struct recover *re, struct recover_session *s, uint64_t at)
{
	struct recover_entry *e = entry_at(s, at);

	if (e)
		entry_free(re, e);
	while (s->first < s->n && s->entries[s->first].done)
		s->first++;
}

static void take_release(struct recover *re, struct recover_session *s, uint64_t at)
{
	struct recover_entry *e = entry_at(s, at);

	if (!e || e->done)
		return;
	body_leave(re, e->body);
	e->body = 0;
	e->released = true;
}

/* ---- subscriptions */

static struct recover_sub *sub_find(const struct recover_session *s, struct sb_str group,
                                    struct sb_str filter)
{
	for (uint32_t i = 0; i < s->n_subs; i++) {
		struct recover_sub *sub = &s->subs[i];
		if (sub->group_n == group.n && sub->filter_n == filter.n &&
		    (!group.n || !memcmp(sub->text, group.p, group.n)) &&
		    !memcmp(sub->text + group.n, filter.p, filter.n))
			return sub;
	}
	return NULL;
}

static int sub_add(struct recover_session *s, struct sb_str group, struct sb_str filter,
                   struct recover_sub **out)
{
	if (s->n_subs == s->cap_subs) {
		uint32_t cap = s->cap_subs ? s->cap_subs * 2 : 4;
		struct recover_sub *more = realloc(s->subs, cap * sizeof(*more));
		if (!more)
			return -ENOMEM;
		s->subs = more;
		s->cap_subs = cap;
	}
	struct recover_sub *sub = &s->subs[s->n_subs];
	*sub = (struct recover_sub){ .text = malloc(group.n + filter.n + 1) };
	if (!sub->text)
		return -ENOMEM;
	if (group.n)
		memcpy(sub->text, group.p, group.n);
	if (filter.n)
		memcpy(sub->text + group.n, filter.p, filter.n);
	sub->group_n = (uint32_t)group.n;
	sub->filter_n = (uint32_t)filter.n;
	s->n_subs++;
	*out = sub;
	return 0;
}

/* `whole`: among those of a whole session, where none comes twice. */
static int take_sub(struct recover_session *s, struct cursor *c, bool whole)
{
	struct sb_str group = record_take_text(c);
	struct sb_str filter = record_take_text(c);
	uint8_t options = cursor_u8(c);
	uint32_t identifier = record_take_u32(c);

	if (c->bad || !filter.n)
		return SB_E_CORRUPT;
	struct recover_sub *sub = whole ? NULL : sub_find(s, group, filter);
	int r = sub ? 0 : sub_add(s, group, filter, &sub);
	if (r < 0)
		return r;
	sub->options = options;
	sub->identifier = identifier;
	return 0;
}

static void take_unsub(struct recover_session *s, struct cursor *c)
{
	struct sb_str group = record_take_text(c);
	struct sb_str filter = record_take_text(c);
	struct recover_sub *sub = c->bad ? NULL : sub_find(s, group, filter);

	if (!sub)
		return;
	free(sub->text);
	*sub = s->subs[--s->n_subs];
}

/* ---- sessions */

static void session_clear(struct recover *re, struct recover_session *s)
{
	for (uint32_t i = s->first; i < s->n; i++)
		entry_free(re, &s->entries[i]);
	for (uint32_t i = 0; i < s->n_subs; i++)
		free(s->subs[i].text);
	id_set_clear(&s->received);
	message_unref(s->will);
	free(s->entries);
	free(s->subs);
	free(s->id);
	free(s->device);
	*s = (struct recover_session){ .no = s->no };
}

static void session_drop(struct recover *re, struct recover_session *s)
{
	session_clear(re, s);
	recover_table_remove(&re->sessions, s->no);
	free(s);
}

static char *copy(struct sb_str s)
{
	char *p = malloc(s.n + 1);

	if (p && s.n)
		memcpy(p, s.p, s.n);
	return p;
}

static int take_who(struct recover_session *s, struct cursor *c)
{
	s->who = (struct sb_principal){ 0 };
	s->who.kind = cursor_u8(c);
	s->who.role = cursor_u8(c);
	s->who.id = record_take_number(c);
	struct sb_str device = record_take_text(c);
	if (c->bad)
		return SB_E_CORRUPT;
	free(s->device);
	s->device = copy(device);
	s->device_n = (uint32_t)device.n;
	return s->device ? 0 : -ENOMEM;
}

static int take_will(struct recover_session *s, struct cursor *c)
{
	s->will = message_unref(s->will);
	if (!cursor_u8(c))
		return 0;
	s->will_delay_s = record_take_u32(c);
	s->will_expiry_s = (int64_t)record_take_number(c) - 1;
	s->will = record_take_message(c);
	return s->will ? 0 : SB_E_CORRUPT;
}

static int take_lists(struct recover *re, struct recover_session *s, struct cursor *c)
{
	int r = 0;

	for (uint32_t n = record_take_u32(c); r == 0 && n && !c->bad; n--)
		r = take_sub(s, c, true);
	for (uint32_t n = record_take_u32(c); r == 0 && n && !c->bad; n--)
		r = id_set_add(&s->received, (uint16_t)record_take_u32(c));
	s->sent = record_take_number(c);
	for (uint32_t n = record_take_u32(c); r == 0 && n && !c->bad; n--)
		r = take_entry(re, s, c);
	return r == 0 && c->bad ? SB_E_CORRUPT : r;
}

static int take_session(struct recover *re, uint64_t position, struct recover_session *s,
                        struct cursor *c)
{
	/* What it held before is let go afterwards: much of it comes again. */
	struct recover_session old = *s;

	*s = (struct recover_session){ .no = old.no, .position = position };
	struct sb_str id = record_take_text(c);
	s->id = copy(id);
	s->id_n = (uint32_t)id.n;
	int r = s->id ? take_who(s, c) : -ENOMEM;
	s->expiry_s = record_take_u32(c);
	s->gone_s = (int64_t)record_take_number(c);
	if (r == 0)
		r = take_will(s, c);
	if (r == 0)
		r = take_lists(re, s, c);
	s->known = r == 0 && id.n;
	session_clear(re, &old);
	return r;
}

static int take_attach(struct recover_session *s, struct cursor *c)
{
	int r = take_who(s, c);

	s->expiry_s = record_take_u32(c);
	s->gone_s = 0;
	return r < 0 ? r : take_will(s, c);
}

static void take_detach(struct recover_session *s, struct cursor *c)
{
	s->expiry_s = record_take_u32(c);
	s->gone_s = (int64_t)record_take_number(c);
	s->sent = record_take_number(c);
	if (!cursor_u8(c))
		s->will = message_unref(s->will);
}

/* ---- one change */

static int take_of_session(struct recover *re, uint64_t position, uint8_t change, struct cursor *c)
{
	struct recover_session *s = session_of(re, c);

	if (!s)
		return c->bad ? SB_E_CORRUPT : -ENOMEM;
	switch (change) {
	case RECORD_SESSION:
		return take_session(re, position, s, c);
	case RECORD_END:
		session_drop(re, s);
		return 0;
	case RECORD_ATTACH:
		return take_attach(s, c);
	case RECORD_DETACH:
		take_detach(s, c);
		return 0;
	case RECORD_WILL_DONE:
		s->will = message_unref(s->will);
		return 0;
	case RECORD_SUBSCRIBE:
		return take_sub(s, c, false);
	case RECORD_UNSUBSCRIBE:
		take_unsub(s, c);
		return 0;
	case RECORD_QUEUE:
		return take_entry(re, s, c);
	case RECORD_DONE:
		take_done(re, s, record_take_number(c));
		return 0;
	case RECORD_RELEASE:
		take_release(re, s, record_take_number(c));
		return 0;
	case RECORD_RECEIVED:
		return id_set_add(&s->received, (uint16_t)record_take_u32(c));
	case RECORD_RELEASED:
		id_set_remove(&s->received, (uint16_t)record_take_u32(c));
		return 0;
	default:
		return SB_E_CORRUPT;
	}
}

int recover_state_take(struct recover *re, uint64_t position, struct sb_bytes changes)
{
	struct cursor c = cursor_of(changes);
	int r = 0;

	while (r == 0 && cursor_left(&c)) {
		uint8_t change = cursor_u8(&c);
		if (change == RECORD_MESSAGE || change == RECORD_AGAIN)
			r = take_body(re, position, &c, change == RECORD_AGAIN);
		else
			r = take_of_session(re, position, change, &c);
		if (r == 0 && c.bad)
			r = SB_E_CORRUPT;
	}
	return r;
}

void recover_state_fini(struct recover *re)
{
	for (uint32_t i = 0; i < re->sessions.cap; i++) {
		if (!re->sessions.slots[i])
			continue;
		session_clear(re, re->sessions.slots[i]);
		free(re->sessions.slots[i]);
	}
	for (uint32_t i = 0; i < re->bodies.cap; i++) {
		struct recover_body *body = re->bodies.slots[i];
		if (body)
			message_unref(body->msg);
		free(body);
	}
	free(re->sessions.slots);
	free(re->bodies.slots);
	free(re->step);
}
