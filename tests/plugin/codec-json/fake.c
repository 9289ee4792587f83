#include "fake.h"

#include <stdlib.h>
#include <string.h>

static int32_t resolve(struct sb_host *host, const struct sb_series_key *key, sb_series *out)
{
	struct fake *f = (struct fake *)(void *)host;

	f->names[f->n_names] = malloc(key->name.n + 1);
	f->units[f->n_names] = strndup(key->unit.n ? key->unit.p : "", key->unit.n);
	if (!f->names[f->n_names] || !f->units[f->n_names])
		abort();
	memcpy(f->names[f->n_names], key->name.p, key->name.n);
	f->names[f->n_names][key->name.n] = 0;
	f->name_lens[f->n_names] = key->name.n;
	*out = ++f->n_names;
	return f->n_names == f->refuse_at ? SB_E_QUOTA : 0;
}

static const struct sb_telemetry telemetry = { .size = sizeof(telemetry), .resolve = resolve };

static const void *service(struct sb_host *host, const char *id)
{
	(void)host;
	return strcmp(id, "sb.telemetry/1") == 0 ? &telemetry : NULL;
}

static int32_t fail(struct sb_host *host, int32_t r, struct sb_str why)
{
	(void)host;
	(void)why;
	return r;
}

static int64_t now_ns(int32_t clock)
{
	return clock == SB_CLOCK_UTC ? FAKE_NOW * 1000000000LL : 0;
}

static const struct sb_core core = {
	.size = sizeof(core),
	.abi_major = SB_ABI_MAJOR,
	.service = service,
	.fail = fail,
	.now_ns = now_ns,
};

struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof(*f));
	const struct sb_descriptor *descriptor = NULL;

	if (!f || sb_plugin_entry_1.init(&core, "codec-json.so") != 0)
		abort();
	descriptor = sb_plugin_entry_1.descriptor(0);
	if (descriptor->ops->create((struct sb_host *)(void *)f, descriptor, &f->self) != 0)
		abort();
	f->codec = descriptor->ops->ext(f->self, "sb.codec/1");
	return f;
}

static void forget_names(struct fake *f)
{
	for (uint32_t i = 0; i < f->n_names; i++) {
		free(f->names[i]);
		free(f->units[i]);
	}
	f->n_names = 0;
}

struct fake *fake_free(struct fake *f)
{
	if (!f)
		return NULL;
	forget_names(f);
	sb_plugin_entry_1.descriptor(0)->ops->destroy(f->self);
	if (sb_plugin_entry_1.deinit)
		sb_plugin_entry_1.deinit();
	free(f);
	return NULL;
}

int32_t fake_decode(struct fake *f, const void *payload, size_t n, const char *content_type)
{
	forget_names(f);
	f->batch = (struct sb_batch){
		.size = sizeof(f->batch),
		.cap = FAKE_POINTS,
		.blob_cap = FAKE_BLOB,
		.points = f->points,
		.blob = f->blob,
	};
	f->decode = (struct sb_decode){
		.size = sizeof(f->decode),
		.msg = 7,
		.device = 1,
		.subject = SB_STR("telemetry"),
		.content_type = sb_str_of(content_type, strlen(content_type)),
		.payload = { payload, n },
		.flags = SB_P_REPLAYED,
		.out = &f->batch,
	};
	return f->codec->decode(f->self, &f->decode);
}

int32_t fake_claims(struct fake *f, const char *payload, const char *subject,
                    const char *content_type)
{
	struct sb_decode in = {
		.size = sizeof(in),
		.subject = sb_str_of(subject, strlen(subject)),
		.content_type = sb_str_of(content_type, strlen(content_type)),
		.payload = { (const uint8_t *)payload, strlen(payload) },
	};

	return f->codec->claims(f->self, &in);
}
