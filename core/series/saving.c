#include "series/saving.h"

#include <errno.h>
#include <stdio.h>

#include "host/docs.h"
#include "series/catalog.h"
#include "series/definition.h"

void saving_fini(struct saving *sv)
{
	for (uint32_t i = 0; i < SAVING_AT_ONCE; i++)
		buffer_fini(&sv->docs[i]);
}

int saving_add(struct saving *sv, struct series_set *set, uint32_t device_no)
{
	uint32_t i = sv->n;
	struct buffer *doc = &sv->docs[i];
	buffer_reset(doc);
	buffer_give_u8(doc, SAVING_VERSION);
	buffer_give_varint(doc, series_set_count(set));
	for (struct series *s = series_set_first(set); s; s = s->next_of_device) {
		struct definition d;
		definition_of(&d, s);
		definition_give(doc, &d);
	}
	if (doc->bad) {
		buffer_fini(doc);
		return -ENOMEM;
	}
	int n = snprintf(sv->keys[i], sizeof(sv->keys[i]), "%u", device_no);
	sv->sets[i] = set;
	sv->puts[i].space = SB_STR("series");
	sv->puts[i].key = sb_str_of(sv->keys[i], (size_t)n);
	sv->puts[i].doc = (struct sb_bytes){ doc->p, doc->n };
	sv->puts[i].if_rev = UINT64_MAX;
	sv->n++;
	return 0;
}

int saving_put(struct saving *sv, struct docs *docs)
{
	return docs_put_wait(docs, sv->puts, sv->n);
}
