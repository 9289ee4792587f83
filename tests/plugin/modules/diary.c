/* Uses sb.docs/1: writes three documents, reads one, scans all, and tells what it got. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "common.h"

struct diary {
	struct sb_host *host;
	const struct sb_docs *docs;
	char log[256];
};

static const struct sb_core *core;

static void tell(const struct diary *d, const char *what, int32_t r, struct sb_str key,
                 struct sb_bytes doc)
{
	char line[160];
	int fd = open(d->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	int n = snprintf(line, sizeof(line), "%s %d %.*s %.*s\n", what, r, (int)key.n,
	                 key.p ? key.p : "", (int)doc.n, doc.p ? (const char *)doc.p : "");
	if (fd < 0 || write(fd, line, (size_t)n) != n)
		abort();
	close(fd);
}

static void on_put(void *ud, int32_t r, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	(void)rev;
	tell(ud, "put", r, key, doc);
}

static void on_get(void *ud, int32_t r, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	(void)rev;
	tell(ud, "get", r, key, doc);
}

static void on_scan(void *ud, int32_t r, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	(void)rev;
	tell(ud, "scan", r, key, doc);
}

static struct sb_bytes bytes(const char *text)
{
	const struct sb_bytes b = { (const uint8_t *)text, strlen(text) };
	return b;
}

static int32_t start(void *self)
{
	struct diary *d = self;
	d->docs = core->service(d->host, "sb.docs/1");
	d->docs->put(d->host, SB_STR("b"), bytes("second"), UINT64_MAX, on_put, d);
	d->docs->put(d->host, SB_STR("a"), bytes("first"), 0, on_put, d);
	d->docs->put(d->host, SB_STR("a"), bytes("again"), 77, on_put, d);
	d->docs->get(d->host, SB_STR("b"), on_get, d);
	d->docs->get(d->host, SB_STR("c"), on_get, d);
	return d->docs->scan(d->host, SB_STR(""), on_scan, d);
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *desc, void **self)
{
	struct diary *d = calloc(1, sizeof(*d));
	(void)desc;
	*self = d;
	if (!d)
		return -ENOMEM;
	d->host = host;
	return 0;
}

static int32_t configure(void *self, const struct sb_config *c)
{
	struct diary *d = self;
	struct sb_str s = { "", 0 };
	int32_t r = c->str(c, "/log", &s);
	snprintf(d->log, sizeof(d->log), "%.*s", (int)s.n, s.p);
	return r;
}

static const struct sb_ops ops = { .size = sizeof(ops),
	                           .create = create,
	                           .configure = configure,
	                           .start = start,
	                           .destroy = free };

static const struct sb_descriptor descriptor = {
	COMMON_DESCRIPTOR("diary"),
	.needs = (const char *const[]){ "sb.docs/1", NULL },
	.config_schema = "{\"type\":\"object\",\"properties\":{\"log\":{\"type\":\"string\"}},"
			 "\"required\":[\"log\"]}",
	.ops = &ops,
};

static int32_t init(const struct sb_core *c, const char *path)
{
	core = c;
	return path ? 0 : -EINVAL;
}

static const struct sb_descriptor *describe(uint32_t i)
{
	return i == 0 ? &descriptor : NULL;
}

SB_PLUGIN("diary", "1.0.0", 0, init, NULL, describe);
