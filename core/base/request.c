#include "base/request.h"

#include <errno.h>
#include <string.h>

#include "base/own.h"
#include "base/text.h"

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token_text(struct sb_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token(s.p[i]))
			return false;
	return s.n > 0;
}

/* Up to the separator, which is taken too; the rest stays in *s. False: it is not there. */
static bool cut(struct sb_str *s, char separator, struct sb_str *out)
{
	const char *at = memchr(s->p, separator, s->n);

	if (!at)
		return false;
	*out = sb_str_of(s->p, (size_t)(at - s->p));
	*s = sb_str_of(at + 1, s->n - out->n - 1);
	return true;
}

static int refuse(const char **why, int status, const char *text)
{
	*why = text;
	return -status;
}

/* ---- lines */

static int take_first(struct request *out, struct sb_str line, const char **why)
{
	struct sb_str target;

	if (!cut(&line, ' ', &out->method) || !is_token_text(out->method) ||
	    !cut(&line, ' ', &target) || target.n == 0 || target.p[0] != '/')
		return refuse(why, 400, "a request begins with METHOD /PATH HTTP/1.1");
	for (size_t i = 0; i < target.n; i++)
		if ((unsigned char)target.p[i] <= ' ' || (unsigned char)target.p[i] >= 0x7F)
			return refuse(why, 400, "an address has visible characters only");
	if (line.n != 8 || memcmp(line.p, "HTTP/", 5) != 0)
		return refuse(why, 400, "a request begins with METHOD /PATH HTTP/1.1");
	out->is_1_0 = memcmp(line.p + 5, "1.0", 3) == 0;
	if (!out->is_1_0 && memcmp(line.p + 5, "1.1", 3) != 0)
		return refuse(why, 505, "HTTP/1.1 is spoken here");
	out->path = out->query = target;
	if (!cut(&out->query, '?', &out->path))
		out->query.n = 0;
	return 0;
}

static int take_field(struct request *out, struct sb_str line, const char **why)
{
	struct sb_str name;

	if (!cut(&line, ':', &name) || !is_token_text(name))
		return refuse(why, 400, "a header is NAME: VALUE on one line");
	for (size_t i = 0; i < line.n; i++)
		if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7F)
			return refuse(why, 400, "a header holds a control character");
	if (out->n_fields == REQUEST_FIELDS)
		return refuse(why, 431, "too many headers");
	out->fields[out->n_fields].name = name;
	out->fields[out->n_fields++].value = text_trim(line);
	return 0;
}

/* What stands twice may be read in two ways. */
static int check_fields(const struct request *request, const char **why)
{
	static const char *const once[] = {
		"host",
		"content-length",
		"transfer-encoding",
		"content-type",
		"authorization",
		"origin",
		"upgrade",
		"expect",
		"cookie",
		"sec-websocket-key",
		"sec-websocket-version",
	};

	for (size_t i = 0; i < ARRAY_LEN(once); i++) {
		size_t n = 0;
		for (size_t k = 0; k < request->n_fields; k++)
			n += text_is_nocase(request->fields[k].name, once[i]);
		if (n > 1)
			return refuse(why, 400, "a header stands twice");
		if (i == 0 && n == 0 && !request->is_1_0)
			return refuse(why, 400, "Host is missing");
	}
	return 0;
}

int request_read(struct request *out, struct sb_bytes in, const char **why)
{
	size_t limit = MIN(in.n, (size_t)REQUEST_MAX);
	size_t at = 0;
	int r = 0;

	out->n_fields = 0;
	out->method = (struct sb_str){ 0 };
	while (limit - at >= 2 && !out->method.n && memcmp(in.p + at, "\r\n", 2) == 0)
		at += 2; /* some clients end a body so */
	if (at < limit && !out->method.n && !is_token((char)in.p[at]) && in.p[at] != '\r')
		return refuse(why, 400, "HTTP/1.1 is spoken here");
	while (r == 0) {
		const uint8_t *lf = at < limit ? memchr(in.p + at, '\n', limit - at) : NULL;
		if (!lf)
			return limit == REQUEST_MAX ? refuse(why, 431, "8 KiB of headers at most")
			                            : 0;
		struct sb_str line = sb_str_of((const char *)in.p + at, (size_t)(lf - (in.p + at)));
		at += line.n + 1;
		if (line.n == 0 || line.p[--line.n] != '\r')
			return refuse(why, 400, "lines end with CR LF");
		if (line.n == 0 && out->method.n) {
			r = check_fields(out, why);
			return r < 0 ? r : (int)at;
		}
		r = out->method.n ? take_field(out, line, why) : take_first(out, line, why);
	}
	return r;
}

/* ---- questions */

struct sb_str request_field(const struct request *request, const char *name)
{
	for (size_t i = 0; i < request->n_fields; i++)
		if (text_is_nocase(request->fields[i].name, name))
			return request->fields[i].value;
	return SB_STR("");
}

bool request_lists(const struct request *request, const char *name, const char *word)
{
	for (size_t i = 0; i < request->n_fields; i++) {
		if (!text_is_nocase(request->fields[i].name, name))
			continue;
		struct sb_str rest = request->fields[i].value;
		struct sb_str one;
		while (cut(&rest, ',', &one))
			if (text_is_nocase(text_trim(one), word))
				return true;
		if (text_is_nocase(text_trim(rest), word))
			return true;
	}
	return false;
}

int64_t request_body(const struct request *request)
{
	struct sb_str length = request_field(request, "content-length");
	int64_t n = 0;

	if (request_field(request, "transfer-encoding").n)
		return -EINVAL;
	for (size_t i = 0; i < request->n_fields; i++)
		if (text_is_nocase(request->fields[i].name, "content-length") && length.n == 0)
			return -EINVAL;
	if (length.n > 15)
		return -EINVAL;
	for (size_t i = 0; i < length.n; i++) {
		if (length.p[i] < '0' || length.p[i] > '9')
			return -EINVAL;
		n = n * 10 + (length.p[i] - '0');
	}
	return n;
}
