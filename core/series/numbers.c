#include "series/numbers.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE  (1u << NUMBERS_PAGE_BITS)
#define PAGES (NUMBERS_MAX >> NUMBERS_PAGE_BITS)

/* Half a megabyte of addresses, of which the kernel gives memory only to what is written. */
int numbers_init(struct numbers *t)
{
	t->pages = calloc(PAGES, sizeof(*t->pages));
	return t->pages ? 0 : -ENOMEM;
}

void numbers_fini(struct numbers *t)
{
	if (!t->pages)
		return;
	for (uint32_t i = 0; i < PAGES; i++)
		free((void *)(uintptr_t)t->pages[i]);
	free((void *)(uintptr_t)t->pages);
	t->pages = NULL;
}

void *numbers_get(const struct numbers *t, uint64_t no)
{
	if (no >= NUMBERS_MAX)
		return NULL;
	void *_Atomic *page = atomic_load_explicit(&t->pages[no >> NUMBERS_PAGE_BITS],
	                                           memory_order_acquire);
	if (!page)
		return NULL;
	return atomic_load_explicit(&page[no & (PAGE - 1)], memory_order_acquire);
}

int numbers_put(struct numbers *t, uint64_t no, void *p)
{
	if (no >= NUMBERS_MAX)
		return -ERANGE;
	void *_Atomic *page = t->pages[no >> NUMBERS_PAGE_BITS];
	if (!page) {
		page = calloc(PAGE, sizeof(*page));
		if (!page)
			return -ENOMEM;
		atomic_store_explicit(&t->pages[no >> NUMBERS_PAGE_BITS], page,
		                      memory_order_release);
	}
	atomic_store_explicit(&page[no & (PAGE - 1)], p, memory_order_release);
	return 0;
}
