#include "series/aging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"
#include "series/blocks.h"
#include "series/retention.h"
#include "series/tier.h"

struct looking {
	struct aging *a;
	const struct retention *retention;
	int64_t now_ns, safe_ns;
};

static bool is_tier(struct sb_str class_)
{
	bool is = false;
	for (enum tier t = 0; t < TIERS; t++)
		is |= text_is(class_, tier_class(t));
	return is;
}

/* Raw values wait for their tiers, if those are kept longer. */
static int64_t before_of(const struct looking *l, const struct aging_class *c)
{
	int64_t tiers = retention_of_tiers(l->retention);
	int64_t before = c->keep_ns ? l->now_ns - c->keep_ns : INT64_MIN;
	if (c->is_tier || (tiers && c->keep_ns >= tiers))
		return before;
	return MIN(before, l->safe_ns);
}

static struct aging_class *class_of(struct looking *l, struct sb_str name)
{
	struct aging *a = l->a;
	uint32_t i = 0;
	while (i < a->n && !text_is(name, a->at[i].name))
		i++;
	if (i < a->n)
		return &a->at[i];
	if (a->n == AGING_CLASSES || name.n >= sizeof(a->at[0].name))
		return NULL;
	struct aging_class *c = &a->at[a->n++];
	*c = (struct aging_class){ .is_tier = is_tier(name),
		                   .keep_ns = retention_of(l->retention, name),
		                   .due_ns = INT64_MIN };
	memcpy(c->name, name.p, name.n);
	c->before_ns = before_of(l, c);
	return c;
}

static int32_t block_seen(void *ud, const struct sb_block_info *info)
{
	struct aging_class *c = class_of(ud, info->class_);
	if (!c || info->t_max_ns >= c->before_ns)
		return 0;
	c->due++;
	c->due_ns = MAX(c->due_ns, info->t_max_ns + 1);
	return 0;
}

static int rank(const struct aging_class *c)
{
	for (enum tier t = 0; c->is_tier && t < TIERS; t++)
		if (strcmp(c->name, tier_class(t)) == 0)
			return 2 + (int)t;
	return c->keep_ns ? 0 : 1;
}

static int compare(const void *a, const void *b)
{
	const struct aging_class *x = a;
	const struct aging_class *y = b;
	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	return (x->keep_ns > y->keep_ns) - (x->keep_ns < y->keep_ns);
}

static void assume(struct looking *l, const char *class_)
{
	if (class_)
		(void)class_of(l, sb_str_of(class_, strlen(class_)));
	for (uint32_t i = 0; i < l->retention->n; i++) {
		const char *name = l->retention->at[i].name;
		(void)class_of(l, sb_str_of(name, strlen(name)));
	}
	for (uint32_t i = 0; i < l->a->n; i++) {
		struct aging_class *c = &l->a->at[i];
		c->due = c->before_ns != INT64_MIN;
		c->due_ns = c->before_ns;
	}
}

int aging_look(struct aging *a, const struct blocks *blocks, const struct retention *retention,
               const char *class_, int64_t now_ns, int64_t safe_ns)
{
	struct looking l = { a, retention, now_ns, safe_ns };
	a->n = 0;
	int r = blocks_each(blocks, block_seen, &l);
	if (r == -EOPNOTSUPP)
		assume(&l, class_);
	else if (r < 0)
		return r;
	qsort(a->at, a->n, sizeof(a->at[0]), compare);
	return r;
}
