#include "link.h"

#include <errno.h>
#include <modbus/modbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct link {
	modbus_t *bus;
	bool is_open, is_serial;
	int error; /* errno of libmodbus */
};

static bool all_digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == 0;
}

/* Cuts ":text" off the end if it looks right. */
static char *cut(char *address, bool (*looks_right)(const char *))
{
	char *colon = strrchr(address, ':');
	if (!colon || colon == address || !looks_right(colon + 1))
		return NULL;
	*colon = 0;
	return colon + 1;
}

static bool is_frame(const char *s) /* "8N1" */
{
	return strlen(s) == 3 && strchr("78", s[0]) && strchr("NEO", s[1]) && strchr("12", s[2]);
}

static modbus_t *new_tcp(char *host)
{
	char *port = NULL;
	bool is_bracketed = host[0] == '[';
	if (is_bracketed) {
		char *end = strchr(host, ']');
		if (!end || (end[1] && end[1] != ':'))
			return NULL;
		if (end[1] && !all_digits(end + 2))
			return NULL;
		port = end[1] ? end + 2 : NULL;
		*end = 0;
		host++;
	} else {
		port = cut(host, all_digits);
	}
	if (!*host || strlen(host) >= 255 || (port && strlen(port) > 5) ||
	    (!is_bracketed && strchr(host, ':')))
		return NULL;
	return modbus_new_tcp_pi(host, port ? port : "502");
}

static modbus_t *new_rtu(char *path)
{
	char *frame = cut(path, is_frame);
	char *baud = cut(path, all_digits);
	long speed = baud ? strtol(baud, NULL, 10) : 9600;
	if (path[0] != '/' || speed < 50 || speed > 4000000)
		return NULL;
	return modbus_new_rtu(path, (int)speed, frame ? frame[1] : 'N', frame ? frame[0] - '0' : 8,
	                      frame ? frame[2] - '0' : 1);
}

int link_new(struct link **out, const char *address, int64_t timeout_ns, char *why, size_t cap)
{
	char text[512];
	if (snprintf(text, sizeof(text), "%s", address) >= (int)sizeof(text) || strlen(text) < 5)
		text[0] = 0;
	struct link *link = calloc(1, sizeof(*link));
	if (!link)
		return -ENOMEM;
	link->is_serial = strncmp(text, "rtu:", 4) == 0;
	if (link->is_serial)
		link->bus = new_rtu(text + 4);
	else if (strncmp(text, "tcp:", 4) == 0)
		link->bus = new_tcp(text + 4);
	if (!link->bus) {
		snprintf(
			why, cap,
			"connect: \"%.80s\" is neither tcp:HOST[:PORT] nor rtu:/dev/PATH[:BAUD[:8N1]]",
			address);
		free(link);
		return -EINVAL;
	}
	uint32_t s = (uint32_t)(timeout_ns / 1000000000);
	uint32_t us = (uint32_t)(timeout_ns % 1000000000 / 1000);
	modbus_set_response_timeout(link->bus, s, us);
	*out = link;
	return 0;
}

struct link *link_free(struct link *link)
{
	if (!link)
		return NULL;
	link_close(link);
	modbus_free(link->bus);
	free(link);
	return NULL;
}

int link_connect(struct link *link)
{
	link_close(link);
	if (modbus_connect(link->bus) < 0) {
		link->error = errno ? errno : EIO;
		return -link->error;
	}
	link->is_open = true;
	return 0;
}

void link_close(struct link *link)
{
	if (link->is_open)
		modbus_close(link->bus);
	link->is_open = false;
}

bool link_is_open(const struct link *link)
{
	return link->is_open;
}

static int classify(struct link *link)
{
	int e = link->error;
	if (e >= EMBXILFUN && e <= EMBXGTAR)
		return LINK_EXCEPTION;
	if (e == ETIMEDOUT || (e >= EMBBADCRC && e <= EMBBADSLAVE)) {
		modbus_flush(link->bus); /* what comes late must not answer the next request */
		return LINK_SILENCE;
	}
	return e < MODBUS_ENOBASE ? -e : -EPROTO;
}

int link_read(struct link *link, int unit, enum value_kind kind, uint16_t address, uint16_t count,
              void *out)
{
	int n = -1;
	errno = 0;
	modbus_set_slave(link->bus, unit);
	switch (kind) {
	case VALUE_COIL:
		n = modbus_read_bits(link->bus, address, count, out);
		break;
	case VALUE_DISCRETE:
		n = modbus_read_input_bits(link->bus, address, count, out);
		break;
	case VALUE_INPUT:
		n = modbus_read_input_registers(link->bus, address, count, out);
		break;
	case VALUE_HOLDING:
		n = modbus_read_registers(link->bus, address, count, out);
		break;
	}
	link->error = n == count ? 0 : n >= 0 ? EMBBADDATA : errno ? errno : EIO;
	return link->error ? classify(link) : LINK_OK;
}

int link_exception(const struct link *link)
{
	return link->error >= EMBXILFUN && link->error <= EMBXGTAR ? link->error - MODBUS_ENOBASE
	                                                           : 0;
}

const char *link_error(const struct link *link)
{
	return modbus_strerror(link->error);
}
