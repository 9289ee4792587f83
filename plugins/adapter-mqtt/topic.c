#include "topic.h"

#include <errno.h>
#include <string.h>

static bool is(struct sb_str s, struct sb_str literal)
{
	return s.n == literal.n && memcmp(s.p, literal.p, s.n) == 0;
}

static bool begins(struct sb_str s, struct sb_str literal)
{
	return s.n >= literal.n && memcmp(s.p, literal.p, literal.n) == 0;
}

bool topic_name_ok(struct sb_str name, uint32_t max)
{
	uint32_t levels = 1;

	if (!name.n || name.n > max)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '+' || name.p[i] == '#')
			return false;
		levels += name.p[i] == '/';
	}
	return levels <= TOPIC_MAX_LEVELS;
}

bool topic_response_ok(struct sb_str name)
{
	return name.n && !memchr(name.p, '+', name.n) && !memchr(name.p, '#', name.n);
}

bool topic_level(struct sb_str *rest, bool *more, struct sb_str *out)
{
	if (!*more)
		return false;
	const char *slash = rest->n ? memchr(rest->p, '/', rest->n) : NULL;
	if (!slash) {
		*out = *rest;
		*more = false;
		return true;
	}
	*out = sb_str_of(rest->p, (size_t)(slash - rest->p));
	rest->p = slash + 1;
	rest->n -= out->n + 1;
	return true;
}

bool topic_filter_ok(struct sb_str filter, uint32_t max)
{
	struct sb_str level;
	bool more = true;
	uint32_t levels = 0;

	if (!filter.n || filter.n > max)
		return false;
	while (topic_level(&filter, &more, &level)) {
		if (++levels > TOPIC_MAX_LEVELS)
			return false;
		bool multi = level.n && memchr(level.p, '#', level.n);
		bool single = level.n && memchr(level.p, '+', level.n);
		if ((multi || single) && level.n != 1)
			return false;
		if (multi && more)
			return false;
	}
	return true;
}

static enum topic_kind under_device(struct sb_str rest)
{
	if (is(rest, SB_STR("telemetry")))
		return TOPIC_TELEMETRY;
	if (is(rest, SB_STR("state/reported")) || is(rest, SB_STR("events")) ||
	    is(rest, SB_STR("health")) || is(rest, SB_STR("ota/status")))
		return TOPIC_UP;
	if (is(rest, SB_STR("state/desired")) || is(rest, SB_STR("ota")))
		return TOPIC_DOWN;
	if (!begins(rest, SB_STR("commands/")))
		return TOPIC_UNKNOWN;
	rest.p += 9;
	rest.n -= 9;
	const char *slash = rest.n ? memchr(rest.p, '/', rest.n) : NULL;
	if (!slash)
		return rest.n ? TOPIC_DOWN : TOPIC_UNKNOWN;
	size_t cid = (size_t)(slash - rest.p);
	return cid && is(sb_str_of(slash, rest.n - cid), SB_STR("/result")) ? TOPIC_UP
	                                                                    : TOPIC_UNKNOWN;
}

void topic_classify(struct sb_str name, struct topic_name *out)
{
	out->kind = TOPIC_PLAIN;
	out->device = sb_str_of(NULL, 0);
	if (name.n && name.p[0] == '$') {
		out->kind = TOPIC_SYSTEM;
		return;
	}
	if (!begins(name, SB_STR("devices/")))
		return;
	out->kind = TOPIC_UNKNOWN;
	const char *id = name.p + 8;
	size_t left = name.n - 8;
	const char *slash = left ? memchr(id, '/', left) : NULL;
	if (!slash || slash == id)
		return;
	out->device = sb_str_of(id, (size_t)(slash - id));
	out->kind = under_device(sb_str_of(slash + 1, left - out->device.n - 1));
}

int topic_share_parse(struct sb_str filter, struct topic_share *out)
{
	if (!begins(filter, SB_STR("$share/")))
		return 0;
	filter.p += 7;
	filter.n -= 7;
	const char *slash = filter.n ? memchr(filter.p, '/', filter.n) : NULL;
	if (!slash || slash == filter.p)
		return -EINVAL;
	out->group = sb_str_of(filter.p, (size_t)(slash - filter.p));
	if (memchr(out->group.p, '+', out->group.n) || memchr(out->group.p, '#', out->group.n))
		return -EINVAL;
	out->filter = sb_str_of(slash + 1, filter.n - out->group.n - 1);
	return out->filter.n ? 1 : -EINVAL;
}

uint32_t topic_levels(struct sb_str topic)
{
	uint32_t n = 1;

	for (size_t i = 0; i < topic.n; i++)
		n += topic.p[i] == '/';
	return n;
}
