#include "host/format.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <signalbox/types.h>

#include "base/own.h"
#include "base/text.h"

static bool is_ipv4(const char *s)
{
	struct in_addr a;
	return inet_pton(AF_INET, s, &a) == 1;
}

static bool is_ipv6(const char *s)
{
	struct in6_addr a;
	return inet_pton(AF_INET6, s, &a) == 1;
}

static bool is_hostname_n(const char *s, size_t n)
{
	if (n == 0 || n > 253)
		return false;
	size_t label = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c == '.') {
			if (label == 0 || s[i - 1] == '-')
				return false;
			label = 0;
			continue;
		}
		if (!isalnum(c) && (c != '-' || label == 0))
			return false;
		if (++label > 63)
			return false;
	}
	return label > 0 && s[n - 1] != '-';
}

static bool is_hostname(const char *s)
{
	return is_hostname_n(s, strlen(s));
}

static bool is_port_text(const char *s)
{
	if (!isdigit((unsigned char)s[0]))
		return false;
	char *end = NULL;
	long v = strtol(s, &end, 10);
	return *end == 0 && v <= 65535;
}

/* "127.0.0.1:1883", "[::]:8883", "host:0" */
static bool is_address(const char *s)
{
	const char *colon = strrchr(s, ':');
	if (!colon || !is_port_text(colon + 1))
		return false;
	size_t n = (size_t)(colon - s);
	if (n > 2 && s[0] == '[' && s[n - 1] == ']' && n < 64) {
		char host[64] = "";
		memcpy(host, s + 1, n - 2);
		return is_ipv6(host);
	}
	return is_hostname_n(s, n);
}

static bool is_duration(const char *s)
{
	int64_t ns = 0;
	return text_duration(sb_str_of(s, strlen(s)), &ns) >= 0;
}

static bool is_size(const char *s)
{
	uint64_t bytes = 0;
	return text_size(sb_str_of(s, strlen(s)), &bytes) >= 0;
}

static const struct {
	const char *name;
	bool (*is_right)(const char *text);
	const char *right;
} formats[] = {
	{ "ipv4", is_ipv4, "an IPv4 address such as 192.0.2.7" },
	{ "ipv6", is_ipv6, "an IPv6 address such as 2001:db8::7" },
	{ "hostname", is_hostname, "a host name such as plc7.example.org" },
	{ "address", is_address, "an address and port such as 127.0.0.1:1883 or [::]:1883" },
	{ "duration", is_duration, "a duration such as 500ms, 10s, 5m, 2h, 7d" },
	{ "size", is_size, "a size such as 64K, 16M, 1G" },
};

const char *format_wrong(const char *format, const json_t *value)
{
	if (strcmp(format, "port") == 0 && json_is_integer(value)) {
		json_int_t v = json_integer_value(value);
		return v < 0 || v > 65535 ? "a port from 0 to 65535" : NULL;
	}
	if (!json_is_string(value))
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		if (strcmp(formats[i].name, format) == 0)
			return formats[i].is_right(json_string_value(value)) ? NULL
			                                                     : formats[i].right;
	return NULL;
}

int format_number(const char *format, const char *text, int64_t *out)
{
	struct sb_str s = sb_str_of(text, strlen(text));
	if (strcmp(format, "duration") == 0)
		return text_duration(s, out);
	if (strcmp(format, "size") != 0)
		return -ENOENT;
	uint64_t bytes = 0;
	int r = text_size(s, &bytes);
	if (r >= 0 && bytes > INT64_MAX)
		return -ERANGE;
	*out = (int64_t)bytes;
	return r;
}
