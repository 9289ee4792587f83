#define LOG_MODULE "scrub"
#include "series/scrub.h"

#include <errno.h>
#include <string.h>

#include <signalbox/error.h>
#include <signalbox/kinds.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "host/docs.h"
#include "series/blocks.h"
#include "series/chunk.h"
#include "series/damage.h"
#include "series/numbers.h"
#include "series/tierchunk.h"

#define VERSION       1
#define SAVE_EVERY_NS (60 * NS_PER_S)

static const char space[] = "series";
static const char key[] = "scrub";

struct next { /* the first name behind the last one */
	const char *after;
	char name[512];
};

/* ---- where it is: u8 VERSION, u64 began, name */

static int found(void *ud, struct sb_str k, struct sb_bytes doc, uint64_t rev)
{
	struct scrub *s = ud;
	(void)rev;
	if (!text_is(k, key))
		return 0;
	struct cursor c = cursor_of(doc.p, doc.n);
	uint8_t version = cursor_take_u8(&c);
	int64_t began = (int64_t)cursor_take_u64(&c);
	struct sb_str name = cursor_take_str(&c);
	if (c.bad || version != VERSION || name.n >= sizeof(s->last))
		return 0; /* a new round does no harm */
	s->began_ns = began;
	memcpy(s->last, name.p, name.n);
	s->last[name.n] = '\0';
	return 0;
}

static int save(struct scrub *s)
{
	struct buffer doc = { 0 };
	buffer_give_u8(&doc, VERSION);
	buffer_give_u64(&doc, (uint64_t)s->began_ns);
	buffer_give_varint(&doc, strlen(s->last));
	buffer_give(&doc, s->last, strlen(s->last));
	struct sb_doc_put put = { .space = sb_str_of(space, sizeof(space) - 1),
		                  .key = sb_str_of(key, sizeof(key) - 1),
		                  .doc = { doc.p, doc.n },
		                  .if_rev = UINT64_MAX };
	int r = doc.bad ? -ENOMEM : docs_put_wait(s->docs, &put, 1);
	buffer_fini(&doc);
	s->saved_ns = clock_mono();
	return r;
}

/* ---- one block */

static int32_t block_seen(void *ud, const struct sb_block_info *info)
{
	struct next *n = ud;
	char name[sizeof(n->name)];
	if (info->name.n >= sizeof(name))
		return 0;
	memcpy(name, info->name.p, info->name.n);
	name[info->name.n] = '\0';
	if (strcmp(name, n->after) > 0 && (!*n->name || strcmp(name, n->name) < 0))
		memcpy(n->name, name, info->name.n + 1);
	return 0;
}

static bool is_whole(const struct sb_chunk *c)
{
	struct tierchunk tier;
	struct chunk ch;
	if (c->stream >= NUMBERS_MAX)
		return tierchunk_open(&tier, c->data) != SB_E_CORRUPT;
	return chunk_open(&ch, c->data) >= 0 && ch.t_min == c->t_min_ns &&
	       ch.t_max == c->t_max_ns && ch.rows == c->rows;
}

static int32_t chunk_seen(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct scrub *s = ud;
	if (is_whole(c))
		s->good++;
	else
		damage_note(s->blocks->damage, s->blocks,
		            &(struct damage_chunk){ seq, c->stream, c->t_min_ns, c->t_max_ns });
	s->bytes_read += c->data.n;
	return s->pace(s->ud, c->data.n);
}

/* A block of which nothing can be read serves nobody. */
static int block_read(struct scrub *s, struct sb_str name)
{
	s->good = 0;
	int r = blocks_read(s->blocks, name, 0, chunk_seen, s);
	s->blocks_read++;
	if (r == SB_E_NOT_FOUND)
		return 0;
	if (r != SB_E_CORRUPT)
		return r;
	(void)log_error(r, "block %.*s: %s of it can be read; restore it from a backup",
	                (int)name.n, name.p, s->good ? "only a part" : "nothing");
	if (s->good)
		return 0;
	if (blocks_set_aside(s->blocks, name, NULL, NULL) >= 0 && s->blocks->damage)
		s->blocks->damage->set_aside++;
	return 0;
}

static bool is_due(const struct scrub *s)
{
	int64_t every = __atomic_load_n(s->every_ns, __ATOMIC_RELAXED);
	int64_t now = clock_utc();
	if (!every)
		return false;
	return *s->last || !s->began_ns || now >= s->began_ns + every || now < s->began_ns;
}

int scrub_turn(struct scrub *s)
{
	struct next next = { .after = s->last };
	if (!s->loaded)
		(void)docs_scan_wait(s->docs, sb_str_of(space, sizeof(space) - 1), found, s);
	s->loaded = true;
	if (!is_due(s))
		return 0;
	if (!*s->last)
		s->began_ns = clock_utc();
	int r = blocks_each(s->blocks, block_seen, &next);
	if (r >= 0 && *next.name)
		r = block_read(s, sb_str_of(next.name, strlen(next.name)));
	if (r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return r;
	s->rounds += !*next.name;
	memcpy(s->last, next.name, sizeof(s->last));
	if (!*s->last || clock_mono() - s->saved_ns >= SAVE_EVERY_NS)
		r = save(s);
	return r < 0 ? r : 1;
}
