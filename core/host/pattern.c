#include "host/pattern.h"

#include <errno.h>
#include <regex.h>
#include <string.h>

#include "base/buffer.h"
#include "base/own.h"

#define MAX_PATTERN 1024

static void put(struct buffer *out, const char *text)
{
	buffer_give(out, text, strlen(text));
}

/* A class escape, for outside and inside of brackets; NULL if it cannot be said there. */
static const char *class_of(char c, bool in_brackets)
{
	switch (c) {
	case 'd':
		return in_brackets ? "0-9" : "[0-9]";
	case 'w':
		return in_brackets ? "A-Za-z0-9_" : "[A-Za-z0-9_]";
	case 's':
		return in_brackets ? "[:space:]" : "[[:space:]]";
	case 'D':
		return in_brackets ? NULL : "[^0-9]";
	case 'W':
		return in_brackets ? NULL : "[^A-Za-z0-9_]";
	case 'S':
		return in_brackets ? NULL : "[^[:space:]]";
	case 't':
		return "\t";
	case 'n':
		return "\n";
	case 'r':
		return "\r";
	default:
		return NULL;
	}
}

static int put_escape(struct buffer *out, char c, bool in_brackets)
{
	const char *text = class_of(c, in_brackets);
	if (text) {
		put(out, text);
		return 0;
	}
	if (c == 0)
		return -EINVAL;
	if (strchr("0123456789bBcukpPxDWSfv", c))
		return -ENOTSUP;
	if (!in_brackets && strchr(".[]{}()*+?^$|\\", c))
		buffer_give_u8(out, '\\');
	else if (in_brackets && strchr("]^-", c))
		return -ENOTSUP; /* their place decides in POSIX, write them there */
	buffer_give_u8(out, (uint8_t)c);
	return 0;
}

/* The next character behind p was consumed as well when *p moves. */
static int put_plain(struct buffer *out, const char **p)
{
	const char *at = *p;
	if (at[0] == '(' && at[1] == '?') {
		if (at[2] != ':')
			return -ENOTSUP;
		*p += 2;
	} else if (strchr("*+?}", at[0]) && at[1] == '?') {
		return -ENOTSUP;
	}
	buffer_give_u8(out, (uint8_t)at[0]);
	return 0;
}

static int translate(struct buffer *out, const char *pattern)
{
	bool in_brackets = false;
	for (const char *p = pattern; *p; p++) {
		int r = 0;
		if (*p == '\\') {
			r = put_escape(out, *++p, in_brackets);
		} else if (in_brackets) {
			in_brackets = *p != ']';
			buffer_give_u8(out, (uint8_t)*p);
		} else {
			in_brackets = *p == '[';
			r = put_plain(out, &p);
		}
		if (r < 0)
			return r;
	}
	buffer_give_u8(out, 0);
	return out->bad ? -ENOMEM : 0;
}

int pattern_match(const char *pattern, const char *text)
{
	if (strlen(pattern) > MAX_PATTERN)
		return -EINVAL;
	_own_(buffer_fini) struct buffer posix = { 0 };
	int r = translate(&posix, pattern);
	if (r < 0)
		return r;
	regex_t re;
	if (regcomp(&re, (const char *)posix.p, REG_EXTENDED | REG_NOSUB) != 0)
		return -EINVAL;
	r = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return r;
}
