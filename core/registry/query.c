#include "registry/query.h"

#include <string.h>

#include <signalbox/error.h>

#include "base/own.h"
#include "base/text.h"
#include "registry/registry.h"

enum kind { ANY, STATE, SITE, MODEL, TAG, SESSION, FRESH };

static const struct {
	const char *prefix;
	enum kind kind;
} kinds[] = {
	{ "state:", STATE }, { "site:", SITE },       { "model:", MODEL },
	{ "tag:", TAG },     { "session:", SESSION }, { "fresh:", FRESH },
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool starts_with(struct sb_str s, const char *prefix)
{
	size_t n = strlen(prefix);
	return s.n >= n && memcmp(s.p, prefix, n) == 0;
}

/* ---- parsing */

static bool is_state(struct sb_str text)
{
	for (size_t i = 0; device_admin_names[i]; i++) {
		if (text_is(text, device_admin_names[i]))
			return true;
	}
	return false;
}

static int parse_term(struct query_term *term, struct sb_str word)
{
	term->kind = ANY;
	term->text = word;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!starts_with(word, kinds[i].prefix))
			continue;
		term->kind = (uint8_t)kinds[i].kind;
		term->text = sb_str_of(word.p + strlen(kinds[i].prefix),
		                       word.n - strlen(kinds[i].prefix));
	}
	if (term->kind == STATE && !is_state(term->text))
		return SB_E_MALFORMED;
	if ((term->kind == SESSION || term->kind == FRESH) && !text_is(term->text, "yes") &&
	    !text_is(term->text, "no"))
		return SB_E_MALFORMED;
	return 0;
}

/* The next word of s, which loses it; empty at the end. */
static struct sb_str next_word(struct sb_str *s)
{
	struct sb_str word;

	while (s->n && s->p[0] == ' ') {
		s->p++;
		s->n--;
	}
	word = sb_str_of(s->p, 0);
	while (word.n < s->n && s->p[word.n] != ' ')
		word.n++;
	s->p += word.n;
	s->n -= word.n;
	return word;
}

int query_parse(struct query *q, struct sb_str text)
{
	struct sb_str rest;
	struct sb_str word;
	bool is_not = false;

	q->n = 0;
	if (text.n > sizeof(q->text))
		return SB_E_RANGE;
	for (size_t i = 0; i < text.n; i++)
		q->text[i] = lower(text.p[i]);
	rest = sb_str_of(q->text, text.n);
	while ((word = next_word(&rest)).n) {
		if (text_is(word, "not") && !is_not) {
			is_not = true;
			continue;
		}
		if (q->n == QUERY_TERMS_MAX)
			return SB_E_RANGE;
		int r = parse_term(&q->terms[q->n], word);
		if (r < 0)
			return r;
		q->terms[q->n++].is_not = is_not;
		is_not = false;
	}
	return is_not ? SB_E_MALFORMED : 0;
}

/* ---- matching */

static bool equals(const char *text, size_t n, struct sb_str want)
{
	if (n != want.n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (lower(text[i]) != want.p[i])
			return false;
	}
	return true;
}

static bool contains(const char *text, struct sb_str want)
{
	size_t n = strlen(text);

	for (size_t at = 0; at + want.n <= n; at++) {
		if (equals(text + at, want.n, want))
			return true;
	}
	return false;
}

static bool has_tag(const char *tags, struct sb_str want)
{
	struct sb_str rest = sb_str_of(tags, strlen(tags));
	struct sb_str tag;

	while ((tag = next_word(&rest)).n) {
		if (equals(tag.p, tag.n, want))
			return true;
	}
	return false;
}

static bool is_fresh(const struct device *dev, struct sb_str want, int64_t now_ns)
{
	return device_fresh(dev, now_ns) == (text_is(want, "yes") ? 1 : 0);
}

static bool term_matches(const struct query_term *term, const struct device *dev, int64_t now_ns)
{
	switch ((enum kind)term->kind) {
	case ANY:
		return contains(dev->id, term->text) || contains(dev->name, term->text) ||
		       contains(dev->site, term->text) || contains(dev->model, term->text) ||
		       contains(dev->tags, term->text);
	case STATE:
		return text_is(term->text, device_admin_names[dev->admin]);
	case SITE:
		return equals(dev->site, strlen(dev->site), term->text);
	case MODEL:
		return equals(dev->model, strlen(dev->model), term->text);
	case TAG:
		return has_tag(dev->tags, term->text);
	case SESSION:
		return (atomic_load(&dev->session_since_ns) != 0) == text_is(term->text, "yes");
	case FRESH:
		return is_fresh(dev, term->text, now_ns);
	}
	return false;
}

bool query_matches(const struct query *q, const struct device *dev, int64_t now_ns)
{
	for (uint32_t i = 0; i < q->n; i++) {
		if (term_matches(&q->terms[i], dev, now_ns) == q->terms[i].is_not)
			return false;
	}
	return true;
}
