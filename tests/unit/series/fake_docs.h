/* Documents in memory instead of those of a docstore plugin, for one test program. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "base/text.h"
#include "host/docs.h"

struct fake_doc {
	char space[16], key[32];
	uint8_t *p;
	size_t n;
};

struct docs {
	struct fake_doc at[256];
	size_t n;
	int fail; /* what puts answer */
	uint32_t puts;
};

static inline void fake_docs_fini(struct docs *docs)
{
	for (size_t i = 0; i < docs->n; i++)
		free(docs->at[i].p);
	memset(docs, 0, sizeof(*docs));
}

static inline void fake_doc_set(struct docs *docs, const struct sb_doc_put *put)
{
	size_t i = 0;
	while (i < docs->n &&
	       !(text_is(put->space, docs->at[i].space) && text_is(put->key, docs->at[i].key)))
		i++;
	if (put->doc.n == 0) { /* removes */
		if (i < docs->n) {
			free(docs->at[i].p);
			docs->at[i] = docs->at[--docs->n];
			memset(&docs->at[docs->n], 0, sizeof(docs->at[0]));
		}
		return;
	}
	if (i == docs->n) {
		if (i == 256 || put->space.n > 15 || put->key.n > 31)
			abort();
		memcpy(docs->at[i].space, put->space.p, put->space.n);
		memcpy(docs->at[i].key, put->key.p, put->key.n);
		docs->n++;
	}
	free(docs->at[i].p);
	docs->at[i].p = malloc(put->doc.n + 1);
	docs->at[i].n = put->doc.n;
	memcpy(docs->at[i].p, put->doc.p, put->doc.n);
}

int docs_put_wait(struct docs *docs, const struct sb_doc_put *puts, uint32_t n)
{
	if (docs->fail)
		return docs->fail;
	for (uint32_t i = 0; i < n; i++)
		fake_doc_set(docs, &puts[i]);
	docs->puts += n;
	return 0;
}

int docs_scan_wait(struct docs *docs, struct sb_str space, docs_row_fn fn, void *ud)
{
	for (size_t i = 0; i < docs->n; i++) {
		struct fake_doc *d = &docs->at[i];
		if (!text_is(space, d->space))
			continue;
		int r = fn(ud, sb_str_of(d->key, strlen(d->key)), (struct sb_bytes){ d->p, d->n },
		           1);
		if (r < 0)
			return r;
	}
	return 0;
}
