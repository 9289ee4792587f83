#include "api/marks.h"

#include <stdlib.h>

#define PER_PAGE (MARKS_WORDS * 64U)

static _Atomic uint64_t *word_of(const struct marks *m, uint32_t no)
{
	if (no / PER_PAGE >= MARKS_PAGES)
		return NULL;
	struct marks_page *page = atomic_load(&m->pages[no / PER_PAGE]);

	return page ? &page->words[no % PER_PAGE / 64] : NULL;
}

static void page_make(struct marks *m, uint32_t no)
{
	struct marks_page *none = NULL;
	struct marks_page *page = no / PER_PAGE < MARKS_PAGES ? calloc(1, sizeof(*page)) : NULL;

	if (page && !atomic_compare_exchange_strong(&m->pages[no / PER_PAGE], &none, page))
		free(page);
}

void marks_set(struct marks *m, uint32_t no)
{
	_Atomic uint64_t *word = word_of(m, no);
	uint64_t bit = 1ULL << no % 64;

	if (!word) {
		page_make(m, no);
		word = word_of(m, no);
	}
	if (word && !(atomic_load_explicit(word, memory_order_relaxed) & bit))
		atomic_fetch_or(word, bit);
}

bool marks_has(const struct marks *m, uint32_t no)
{
	_Atomic uint64_t *word = word_of(m, no);

	return word && atomic_load_explicit(word, memory_order_relaxed) >> no % 64 & 1;
}

void marks_unset(struct marks *m, uint32_t no)
{
	_Atomic uint64_t *word = word_of(m, no);

	if (word)
		atomic_fetch_and(word, ~(1ULL << no % 64));
}

void marks_take(struct marks *m, marks_fn fn, void *ud)
{
	for (uint32_t p = 0; p < MARKS_PAGES; p++) {
		struct marks_page *page = atomic_load(&m->pages[p]);

		for (uint32_t i = 0; page && i < MARKS_WORDS; i++) {
			uint64_t bits = page->words[i] ? atomic_exchange(&page->words[i], 0) : 0;

			for (; bits; bits &= bits - 1)
				fn(ud, p * PER_PAGE + i * 64 + (uint32_t)__builtin_ctzll(bits));
		}
	}
}

void marks_add(struct marks *m, const struct marks *other)
{
	for (uint32_t p = 0; p < MARKS_PAGES; p++) {
		const struct marks_page *from = atomic_load(&other->pages[p]);

		if (from && !atomic_load(&m->pages[p]))
			page_make(m, p * PER_PAGE);
		struct marks_page *to = atomic_load(&m->pages[p]);

		for (uint32_t i = 0; from && to && i < MARKS_WORDS; i++)
			if (from->words[i])
				atomic_fetch_or(&to->words[i], from->words[i]);
	}
}

void marks_fini(struct marks *m)
{
	for (uint32_t p = 0; p < MARKS_PAGES; p++)
		free(m->pages[p]);
}
