#include "series/latest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "model/row.h"
#include "series/catalog.h"
#include "series/column.h"
#include "series/numbers.h"
#include "series/places.h"
#include "series/series.h"

#define LOCKS      64
#define TEXT_KEPT  (sizeof(((struct series_latest *)0)->text))
#define PER_PAGE   256
#define PAGES_EACH (NUMBERS_MAX / PER_PAGE)

struct text {
	uint32_t n, total;
	char p[];
};

struct entry {
	int64_t ts_ns, rx_ns;
	union {
		uint64_t bits;
		struct text *text;
	} v;
	uint16_t flags;
	uint8_t type, quality;
};

struct page {
	struct entry at[PER_PAGE];
};

/* The entries of a device lie under one lock; a row takes it once. */
struct latest {
	struct catalog *catalog;
	pthread_mutex_t locks[LOCKS];
	pthread_mutex_t making; /* pages */
	struct numbers pages;   /* by series number / PER_PAGE */
};

int latest_new(struct latest **out, struct catalog *catalog)
{
	struct latest *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->catalog = catalog;
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_init(&l->locks[i], NULL);
	pthread_mutex_init(&l->making, NULL);
	int r = numbers_init(&l->pages);
	if (r < 0) {
		latest_free(l);
		return r;
	}
	*out = l;
	return 0;
}

static void page_free(struct page *page)
{
	for (int i = 0; page && i < PER_PAGE; i++)
		if (column_is_blob(page->at[i].type))
			free(page->at[i].v.text);
	free(page);
}

struct latest *latest_free(struct latest *l)
{
	if (!l)
		return NULL;
	for (uint32_t i = 0; l->pages.pages && i < PAGES_EACH; i++)
		page_free(numbers_get(&l->pages, i));
	numbers_fini(&l->pages);
	for (int i = 0; i < LOCKS; i++)
		pthread_mutex_destroy(&l->locks[i]);
	pthread_mutex_destroy(&l->making);
	free(l);
	return NULL;
}

static struct entry *entry_get(struct latest *l, uint32_t no)
{
	struct page *page = numbers_get(&l->pages, no / PER_PAGE);
	if (page)
		return &page->at[no % PER_PAGE];
	pthread_mutex_lock(&l->making);
	page = numbers_get(&l->pages, no / PER_PAGE);
	if (!page) {
		page = calloc(1, sizeof(*page));
		if (page && numbers_put(&l->pages, no / PER_PAGE, page) < 0) {
			free(page);
			page = NULL;
		}
	}
	pthread_mutex_unlock(&l->making);
	return page ? &page->at[no % PER_PAGE] : NULL;
}

static struct text *text_of(struct sb_bytes blob)
{
	size_t n = MIN(blob.n, TEXT_KEPT);
	struct text *t = malloc(sizeof(*t) + n);
	if (!t)
		return NULL;
	t->n = (uint32_t)n;
	t->total = (uint32_t)blob.n;
	if (n)
		memcpy(t->p, blob.p, n);
	return t;
}

static void entry_set(struct entry *e, const struct row *row, const struct row_value *v)
{
	struct text *text = NULL;
	if (column_is_blob(v->type) && !(text = text_of(v->v.blob)))
		return;
	if (column_is_blob(e->type))
		free(e->v.text);
	e->ts_ns = row->ts_ns;
	e->rx_ns = row->rx_ns;
	e->flags = row->flags;
	e->type = v->type;
	e->quality = v->quality;
	if (text)
		e->v.text = text;
	else
		memcpy(&e->v.bits, &v->v, sizeof(e->v.bits));
}

static void row_put(struct latest *l, const struct row *row, bool old)
{
	const struct places_columns columns = catalog_columns(l->catalog, row->stream);
	pthread_mutex_t *lock = &l->locks[columns.device_no % LOCKS];
	pthread_mutex_lock(lock);
	for (uint16_t i = 0; i < row->n; i++) {
		uint8_t at = row->values[i].column;
		const struct series *s = at < columns.n ? atomic_load_explicit(&columns.at[at],
		                                                               memory_order_acquire)
		                                        : NULL;
		struct entry *e = s ? entry_get(l, s->no) : NULL;
		if (e && (e->type == SB_T_NULL || row->ts_ns > e->ts_ns ||
		          (row->ts_ns == e->ts_ns && !old)))
			entry_set(e, row, &row->values[i]);
	}
	pthread_mutex_unlock(lock);
}

void latest_row(struct latest *l, const struct row *row)
{
	row_put(l, row, false);
}

void latest_offer(struct latest *l, const struct row *row)
{
	row_put(l, row, true);
}

void latest_forget(struct latest *l, uint32_t stream, uint64_t columns, int64_t from_ns,
                   int64_t last_ns)
{
	pthread_mutex_t *lock = &l->locks[catalog_stream_device(l->catalog, stream) % LOCKS];
	pthread_mutex_lock(lock);
	for (uint8_t i = 0; i < ROW_COLUMNS_MAX; i++) {
		const struct series *s = columns >> i & 1 ? catalog_at(l->catalog, stream, i)
		                                          : NULL;
		struct page *page = s ? numbers_get(&l->pages, s->no / PER_PAGE) : NULL;
		struct entry *e = page ? &page->at[s->no % PER_PAGE] : NULL;
		if (!e || e->type == SB_T_NULL || e->ts_ns < from_ns || e->ts_ns > last_ns)
			continue;
		if (column_is_blob(e->type))
			free(e->v.text);
		*e = (struct entry){ 0 };
	}
	pthread_mutex_unlock(lock);
}

void latest_get(struct latest *l, const struct series *s, struct series_latest *out)
{
	memset(out, 0, sizeof(*out));
	const struct page *page = numbers_get(&l->pages, s->no / PER_PAGE);
	if (!page)
		return;
	const struct entry *e = &page->at[s->no % PER_PAGE];
	pthread_mutex_t *lock = &l->locks[s->device_no % LOCKS];
	pthread_mutex_lock(lock);
	out->ts_ns = e->ts_ns;
	out->rx_ns = e->rx_ns;
	out->type = e->type;
	out->quality = e->quality;
	out->flags = e->flags;
	if (column_is_blob(e->type)) {
		out->text_len = e->v.text->n;
		out->text_total = e->v.text->total;
		memcpy(out->text, e->v.text->p, e->v.text->n);
	} else {
		memcpy(&out->v, &e->v.bits, sizeof(e->v.bits));
	}
	pthread_mutex_unlock(lock);
}
