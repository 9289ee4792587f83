#define LOG_MODULE "flush"
#include "series/checkpoint.h"

#include <errno.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/text.h"
#include "host/docs.h"

#define VERSION 1

/* In the space of the catalogue, whose other keys are numbers. */
static const char key[] = "checkpoint";

static int found(void *ud, struct sb_str k, struct sb_bytes doc, uint64_t rev)
{
	uint64_t *seq = ud;
	(void)rev;
	if (!text_is(k, key))
		return 0;
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	*seq = cursor_take_u64(&c);
	if (c.bad || version != VERSION)
		return log_error(SB_E_CORRUPT, "document series/%s is not readable", key);
	return 0;
}

int checkpoint_load(struct docs *docs, uint64_t *seq)
{
	*seq = 0;
	return docs_scan_wait(docs, SB_STR("series"), found, seq);
}

int checkpoint_save(struct docs *docs, uint64_t seq)
{
	struct buffer doc = { 0 };
	buffer_give_u8(&doc, VERSION);
	buffer_give_u64(&doc, seq);
	struct sb_doc_put put = { .space = SB_STR("series"),
		                  .key = sb_str_of(key, sizeof(key) - 1),
		                  .doc = { doc.p, doc.n },
		                  .if_rev = UINT64_MAX };
	int r = doc.bad ? -ENOMEM : docs_put_wait(docs, &put, 1);
	buffer_fini(&doc);
	return r;
}
