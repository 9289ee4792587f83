/* A host for codec-json alone: it resolves every name and remembers it. */
#pragma once
#include <signalbox/plugin.h>

enum { FAKE_POINTS = 4096, FAKE_BLOB = 1 << 20, FAKE_NOW = 1790000000 };

struct fake {
	const struct sb_codec *codec;
	void *self;
	struct sb_batch batch;
	struct sb_decode decode; /* of the last fake_decode() */
	struct sb_point points[FAKE_POINTS];
	uint8_t blob[FAKE_BLOB];
	char *names[FAKE_POINTS]; /* of handle i + 1 */
	size_t name_lens[FAKE_POINTS];
	char *units[FAKE_POINTS];
	uint32_t n_names;
	uint32_t refuse_at; /* resolve refuses this handle; 0: none */
};

struct fake *fake_new(void);
struct fake *fake_free(struct fake *f);
/* Decodes into the emptied batch. */
int32_t fake_decode(struct fake *f, const void *payload, size_t n, const char *content_type);
int32_t fake_claims(struct fake *f, const char *payload, const char *subject,
                    const char *content_type);
