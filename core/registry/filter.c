#include "registry/filter.h"

#include <string.h>

#include "base/text.h"

#define FILTER_MAX 1024

struct levels { /* what is left of a filter */
	struct sb_str rest;
	bool more;
};

static struct levels levels_of(struct sb_str filter)
{
	return (struct levels){ filter, true };
}

static struct sb_str next(struct levels *l)
{
	const char *slash = l->rest.n ? memchr(l->rest.p, '/', l->rest.n) : NULL;
	struct sb_str level = l->rest;

	if (!slash) {
		l->more = false;
		return level;
	}
	level.n = (size_t)(slash - level.p);
	l->rest = sb_str_of(slash + 1, l->rest.n - level.n - 1);
	return level;
}

static bool is(struct sb_str level, char wildcard)
{
	return level.n == 1 && level.p[0] == wildcard;
}

static bool is_wild(struct sb_str level)
{
	return is(level, '+') || is(level, '#');
}

static bool is_system(struct sb_str level)
{
	return level.n && level.p[0] == '$';
}

bool filter_is_ok(struct sb_str filter)
{
	struct levels l = levels_of(filter);

	if (!text_is_name(filter, FILTER_MAX))
		return false;
	while (l.more) {
		struct sb_str level = next(&l);
		if (is(level, '#'))
			return !l.more;
		if (!is(level, '+') && level.n &&
		    (memchr(level.p, '+', level.n) || memchr(level.p, '#', level.n)))
			return false;
	}
	return true;
}

bool filter_covers(struct sb_str filter, struct sb_str of)
{
	struct levels a = levels_of(filter);
	struct levels b = levels_of(of);

	for (bool first = true; a.more; first = false) {
		struct sb_str wide = next(&a);
		if (first && is_wild(wide) && is_system(of))
			return false;
		if (is(wide, '#'))
			return true;
		if (!b.more)
			return false;
		struct sb_str narrow = next(&b);
		if (is(narrow, '#'))
			return false;
		if (!is(wide, '+') && !text_equal(wide, narrow))
			return false;
	}
	return !b.more;
}

bool filter_meets(struct sb_str a, struct sb_str b)
{
	struct levels left = levels_of(a);
	struct levels right = levels_of(b);

	for (bool first = true; left.more && right.more; first = false) {
		struct sb_str x = next(&left);
		struct sb_str y = next(&right);
		if (first && ((is_wild(x) && is_system(y)) || (is_wild(y) && is_system(x))))
			return false;
		if (is(x, '#') || is(y, '#'))
			return true;
		if (!is(x, '+') && !is(y, '+') && !text_equal(x, y))
			return false;
	}
	/* "a/#" matches "a" too. */
	if (left.more)
		return is(next(&left), '#');
	return !right.more || is(next(&right), '#');
}
