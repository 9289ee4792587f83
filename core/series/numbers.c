#include "series/numbers.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE  (1u << NUMBERS_PAGE_BITS)
#define PAGES (NUMBERS_MAX >> NUMBERS_PAGE_BITS)

struct page {
	void *_Atomic at[PAGE];
};

struct numbers_table {
	struct page *_Atomic at[PAGES];
};

/* Half a megabyte of addresses, of which the kernel gives memory only to what is written. */
int numbers_init(struct numbers *t)
{
	t->pages = calloc(1, sizeof(*t->pages));
	return t->pages ? 0 : -ENOMEM;
}

void numbers_fini(struct numbers *t)
{
	if (!t->pages)
		return;
	for (uint32_t i = 0; i < PAGES; i++)
		free(t->pages->at[i]);
	free(t->pages);
	t->pages = NULL;
}

void *numbers_get(const struct numbers *t, uint64_t no)
{
	if (no >= NUMBERS_MAX)
		return NULL;
	struct page *page = atomic_load_explicit(&t->pages->at[no >> NUMBERS_PAGE_BITS],
	                                         memory_order_acquire);
	if (!page)
		return NULL;
	return atomic_load_explicit(&page->at[no & (PAGE - 1)], memory_order_acquire);
}

int numbers_put(struct numbers *t, uint64_t no, void *p)
{
	if (no >= NUMBERS_MAX)
		return -ERANGE;
	struct page *_Atomic *at = &t->pages->at[no >> NUMBERS_PAGE_BITS];
	struct page *page = *at;
	if (!page) {
		page = calloc(1, sizeof(*page));
		if (!page)
			return -ENOMEM;
		atomic_store_explicit(at, page, memory_order_release);
	}
	atomic_store_explicit(&page->at[no & (PAGE - 1)], p, memory_order_release);
	return 0;
}
