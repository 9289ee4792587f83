#include "store-sqlite/blocks.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#define DATA_BYTES 600

struct source {
	const struct block_spec *spec;
	size_t at;
	uint8_t data[DATA_BYTES];
};

static int32_t next(void *ud, struct sb_chunk *out)
{
	struct source *s = ud;
	const struct piece *p = &s->spec->pieces[s->at];

	if (s->at == s->spec->n)
		return s->spec->fault;
	s->at++;
	memset(s->data, (int)(p->number & 0xff), sizeof(s->data));
	memcpy(s->data, &p->number, sizeof(p->number));
	*out = (struct sb_chunk){
		.stream = p->stream,
		.rows = 10,
		.t_min_ns = p->t_min_ns,
		.t_max_ns = p->t_max_ns,
		.data = { s->data, sizeof(s->data) },
	};
	return 1;
}

static void done(void *ud, int32_t r)
{
	*(int32_t *)ud = r;
}

int32_t blocks_write(struct instance *in, const struct block_spec *spec)
{
	struct source source = { .spec = spec };
	int32_t answered = 12345;
	struct sb_block block = {
		.size = sizeof(block),
		.class_ = fake_str(spec->class_ ? spec->class_ : "default"),
		.seq_min = spec->seq_min,
		.seq_max = spec->seq_max,
		.t_min_ns = spec->t_min_ns,
		.t_max_ns = spec->t_max_ns,
		.next = next,
		.ud = &source,
		.last = spec->last,
		.level = spec->level,
	};
	if (spec->level)
		return in->store->replace(in->self, &block, NULL, NULL);
	int32_t r = in->store->write_block(in->self, &block, done, &answered);

	return answered == r ? r : -EPROTO;
}

static int32_t on_chunk(void *ud, const struct sb_chunk *c, uint64_t seq)
{
	struct pieces *out = ud;
	struct piece *p = &out->p[out->n];

	if (out->n == sizeof(out->p) / sizeof(*out->p) || c->rows != 10 || c->data.n != DATA_BYTES)
		return -EPROTO;
	*p = (struct piece){ c->stream, c->t_min_ns, c->t_max_ns, 0 };
	memcpy(&p->number, c->data.p, sizeof(p->number));
	if (c->data.p[DATA_BYTES - 1] != (uint8_t)p->number)
		return -EPROTO;
	out->seqs[out->n++] = seq;
	return 0;
}

int32_t blocks_scan(struct instance *in, const uint32_t *streams, int64_t from_ns, int64_t to_ns,
                    const char *class_, struct pieces *out)
{
	struct sb_scan scan = {
		.size = sizeof(scan),
		.streams = streams,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.class_ = fake_str(class_),
	};

	out->n = 0;
	while (streams[scan.n_streams])
		scan.n_streams++;
	return in->store->scan(in->self, &scan, on_chunk, out);
}

void blocks_stats(struct instance *in, struct sb_store_stats *out)
{
	*out = (struct sb_store_stats){ .size = sizeof(*out) };
	(void)in->store->stats(in->self, out);
}

/* ---- files; nftw has no argument for its function, so the search lies here meanwhile */

static struct {
	const char *ending;
	char *path;
	int n;
} search;

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	size_t n = strlen(path);
	size_t m = strlen(search.ending);

	(void)st;
	(void)ftw;
	if (type == FTW_F && n >= m && strcmp(path + n - m, search.ending) == 0) {
		search.n++;
		(void)snprintf(search.path, 400, "%s", path);
	}
	return 0;
}

int blocks_files(const char *dir, const char *ending, char path[static 400])
{
	struct sb_store_stats stats = { .size = sizeof(stats) };

	if (!fake_keeps_files()) { /* what would be files */
		(void)fake_running()->store->stats(fake_running()->self, &stats);
		return strcmp(ending, ".blk") == 0 ? (int)stats.blocks : 0;
	}
	search.ending = ending;
	search.path = path;
	search.n = 0;
	(void)nftw(dir, on_entry, 16, FTW_PHYS);
	return search.n;
}
