#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/own.h"
#include "host/docs.h"
#include "host/host.h"
#include "kit.h"

struct world {
	struct kit kit;
	struct docs *docs;
};

static void begin(struct world *w, const char *more) /* another instance, or NULL */
{
	char log[160];
	char own[160];
	kit_begin(&w->kit);
	kit_add(&w->kit, "memdocs", 0, 0600);
	kit_add(&w->kit, "diary", 0, 0600);
	kit_make(&w->kit);
	assert_int_equal(docs_new(&w->docs, w->kit.host), 0);
	assert_int_equal(host_load(w->kit.host), 0);
	snprintf(log, sizeof(log), "memdocs.log=%s", w->kit.log);
	snprintf(own, sizeof(own), "%s.log=%s", more ? more : "", w->kit.log);
	assert_int_equal(kit_configure(&w->kit, log, more ? own : NULL, NULL), 0);
	assert_int_equal(host_start(w->kit.host, "sb.docstore/1"), 0);
	assert_int_equal(docs_attach(w->docs), 0);
}

static void end(struct world *w)
{
	w->kit.host = host_free(w->kit.host);
	docs_free(w->docs);
	kit_end(&w->kit);
}

static struct sb_bytes bytes(const char *text)
{
	return (struct sb_bytes){ (const uint8_t *)text, strlen(text) };
}

struct tally {
	_Atomic int good, conflicts, others;
};

static void count(void *ud, int r, uint64_t rev)
{
	struct tally *t = ud;
	if (r == 0 && rev > 0)
		t->good++;
	else if (r == SB_E_CONFLICT)
		t->conflicts++;
	else
		t->others++;
}

static int count_row(void *ud, struct sb_str key, struct sb_bytes doc, uint64_t rev)
{
	(void)key;
	(void)doc;
	int *n = ud;
	(*n)++;
	return rev > 0 ? 0 : -EINVAL;
}

/* Keeps the store's thread busy until the semaphore is posted. */
static void wait_for(void *ud)
{
	(void)sem_wait(ud);
}

static void puts_that_wait_share_a_commit(void **state)
{
	(void)state;
	struct world w;
	struct tally t = { 0 };
	char key[16];
	int rows = 0;
	sem_t busy;
	begin(&w, NULL);
	assert_int_equal(sem_init(&busy, 0, 0), 0);
	assert_int_equal(instance_post(host_instance(w.kit.host, "sb.docstore/1", 0), wait_for,
	                               &busy),
	                 0);
	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "k%03d", i);
		assert_int_equal(docs_put(w.docs, SB_STR("test"), sb_str_of(key, strlen(key)),
		                          bytes("x"), 0, count, &t),
		                 0);
	}
	(void)sem_post(&busy);
	assert_int_equal(docs_flush(w.docs), 0);
	(void)sem_destroy(&busy);
	assert_int_equal(t.good, 100);
	assert_int_equal(docs_scan_wait(w.docs, SB_STR("test"), count_row, &rows), 0);
	assert_int_equal(rows, 100);
	assert_true(kit_told(&w.kit, "put 100"));
	end(&w);
}

static void a_conflict_spoils_only_its_own_put(void **state)
{
	(void)state;
	struct world w;
	struct tally t = { 0 };
	char key[16];
	begin(&w, NULL);
	for (int i = 0; i < 10; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(docs_put(w.docs, SB_STR("test"), sb_str_of(key, strlen(key)),
		                          bytes("x"), i == 4 || i == 7 ? 99 : 0, count, &t),
		                 0);
	}
	assert_int_equal(docs_flush(w.docs), 0);
	assert_int_equal(t.good, 8);
	assert_int_equal(t.conflicts, 2);
	end(&w);
}

static void waiting_puts_are_all_or_nothing(void **state)
{
	(void)state;
	struct world w;
	int rows = 0;
	begin(&w, NULL);
	const struct sb_doc_put puts[] = {
		{ SB_STR("test"), SB_STR("a"), bytes("1"), 0 },
		{ SB_STR("test"), SB_STR("b"), bytes("2"), 99 },
	};
	assert_int_equal(docs_put_wait(w.docs, puts, 2), SB_E_CONFLICT);
	assert_int_equal(docs_scan_wait(w.docs, SB_STR("test"), count_row, &rows), 0);
	assert_int_equal(rows, 0);
	assert_int_equal(docs_put_wait(w.docs, puts, 1), 0);
	assert_int_equal(docs_scan_wait(w.docs, SB_STR("test"), count_row, &rows), 0);
	assert_int_equal(rows, 1);
	end(&w);
}

static void after_the_store_stopped_nothing_is_taken(void **state)
{
	(void)state;
	struct world w;
	struct tally t = { 0 };
	begin(&w, NULL);
	host_stop(w.kit.host, NULL, clock_mono() + NS_PER_S);
	assert_int_equal(docs_put(w.docs, SB_STR("test"), SB_STR("a"), bytes("1"), 0, count, &t),
	                 -ESHUTDOWN);
	assert_int_equal(docs_flush(w.docs), -ESHUTDOWN);
	end(&w);
}

static void names_that_are_too_long_are_refused(void **state)
{
	(void)state;
	struct world w;
	char key[600];
	begin(&w, NULL);
	memset(key, 'k', sizeof(key));
	assert_int_equal(docs_put(w.docs, SB_STR("test"), sb_str_of(key, sizeof(key)), bytes("1"),
	                          0, NULL, NULL),
	                 SB_E_NAME);
	end(&w);
}

static void a_plugin_keeps_documents_of_its_own(void **state)
{
	(void)state;
	struct world w;
	int rows = 0;
	begin(&w, "diary");
	assert_int_equal(host_start(w.kit.host, NULL), 0);
	assert_true(kit_told(&w.kit, "put 0 b "));
	assert_true(kit_told(&w.kit, "put 0 a "));
	assert_true(kit_told(&w.kit, "put -1005 a "));
	assert_true(kit_told(&w.kit, "get 0 b second"));
	assert_true(kit_told(&w.kit, "get -1017 c "));
	assert_true(kit_told(&w.kit, "scan 0 a first"));
	assert_true(kit_told(&w.kit, "scan 0 b second"));
	assert_true(kit_told(&w.kit, "scan -1017  "));
	assert_int_equal(docs_scan_wait(w.docs, SB_STR("plugin/diary"), count_row, &rows), 0);
	assert_int_equal(rows, 2);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(puts_that_wait_share_a_commit),
		cmocka_unit_test(a_conflict_spoils_only_its_own_put),
		cmocka_unit_test(waiting_puts_are_all_or_nothing),
		cmocka_unit_test(after_the_store_stopped_nothing_is_taken),
		cmocka_unit_test(names_that_are_too_long_are_refused),
		cmocka_unit_test(a_plugin_keeps_documents_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
