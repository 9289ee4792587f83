/* codec-json: the telemetry forms of JSON and SenML become points. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include <signalbox/plugin.h>

#include "decoding.h"
#include "senml.h"
#include "telemetry.h"

struct codec {
	struct sb_host *host;
	const struct sb_telemetry *telemetry;
};

static const struct sb_core *core; /* the host's, for the life of the process */

/* Is it this MIME type, parameters aside? */
static bool is_type(struct sb_str type, const char *want)
{
	size_t n = strlen(want);

	return type.n >= n && strncasecmp(type.p, want, n) == 0 &&
	       (type.n == n || type.p[n] == ';' || type.p[n] == ' ');
}

static bool is_senml(struct sb_str type)
{
	return is_type(type, "application/senml+json");
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static int32_t claims(void *self, const struct sb_decode *in)
{
	(void)self;
	if (is_type(in->content_type, "application/json") || is_senml(in->content_type))
		return 2;
	if (!decoding_is(in->subject, "telemetry"))
		return 0;
	size_t at = 0;
	while (at < in->payload.n && is_space(in->payload.p[at]))
		at++;
	return at < in->payload.n && (in->payload.p[at] == '{' || in->payload.p[at] == '[');
}

static int32_t decode(void *self, struct sb_decode *in)
{
	const struct codec *codec = self;
	__attribute__((uninitialized)) struct decoding d;

	d.json = sb_json_on(in->payload, DECODING_DEPTH);
	d.in = in;
	d.telemetry = codec->telemetry;
	d.host = codec->host;
	d.clock = core->now_ns;
	d.now_ns = 0;
	decoding_row(&d);
	return is_senml(in->content_type) ? senml_decode(&d) : telemetry_decode(&d);
}

static int32_t create(struct sb_host *host, const struct sb_descriptor *descriptor, void **self)
{
	struct codec *codec = calloc(1, sizeof(*codec));

	(void)descriptor;
	if (!codec)
		return -ENOMEM;
	codec->host = host;
	codec->telemetry = core->service(host, "sb.telemetry/1");
	if (!SB_HAS(codec->telemetry, resolve)) {
		free(codec);
		return core->fail(host, SB_E_ABI, SB_STR("the host has no sb.telemetry/1"));
	}
	*self = codec;
	return 0;
}

static void destroy(void *self)
{
	free(self);
}

static const struct sb_codec codec_table = {
	.size = sizeof(codec_table),
	.claims = claims,
	.decode = decode,
};

static const void *ext(void *self, const char *id)
{
	(void)self;
	return strcmp(id, "sb.codec/1") == 0 ? &codec_table : NULL;
}

static const struct sb_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.destroy = destroy,
	.ext = ext,
};

static const char *const provides[] = { "sb.codec/1", NULL };
static const char *const needs[] = { "sb.telemetry/1", NULL };

static const struct sb_descriptor descriptor = {
	.size = sizeof(descriptor),
	.flags = SB_AUTOSTART | SB_SINGLETON,
	.id = "codec-json",
	.name = "JSON telemetry",
	.version = "0.1.0",
	.vendor = "Signalbox",
	.license = "Apache-2.0",
	.summary = "JSON objects and SenML to points",
	.section = "codec-json",
	.provides = provides,
	.needs = needs,
	.ops = &ops,
};

SB_PLUGIN_ONE("codec-json", "0.1.0", 0, core, descriptor);
