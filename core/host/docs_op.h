/* What waits for the docstore's thread. For docs.c and docs_service.c. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/kinds.h>

#include "host/docs.h"

struct host;
struct instance;

enum docs_kind { DOCS_PUT, DOCS_GROUP, DOCS_GET, DOCS_SCAN, DOCS_CALL, DOCS_BARRIER };

/* [docstore thread] Something else of the store's table. */
typedef int (*docs_call_fn)(const struct sb_docstore *table, void *self, void *ud);

struct docs_op {
	enum docs_kind kind;
	struct docs_op *next;
	struct sb_doc_put put; /* PUT; GET: space, key; SCAN: space, from; in memory of the op */
	const struct sb_doc_put *puts; /* GROUP; borrowed from the caller, who waits */
	uint32_t n;                    /* GROUP: puts; SCAN: at most so many rows, 0 all */
	docs_row_fn row;               /* SCAN */
	docs_call_fn call;             /* CALL, with call_ud */
	void *call_ud;
	/* The end, once; the op is freed afterwards. */
	void (*done)(struct docs_op *op, int r, struct sb_bytes doc, uint64_t rev);
	void *ud;
	uint64_t rev;                /* PUT: its new revision */
	bool is_inside, is_answered; /* GET: the store may answer late */
};

/* Copies space, key and doc. */
int docs_op_new(struct docs_op **out, enum docs_kind kind, const struct sb_doc_put *put);
/* Takes the op when it returns 0. */
int docs_op_ask(struct docs *docs, struct docs_op *op);

/* Runs it between the others, and waits; what it answered. Threads that may wait, docs.h. */
int docs_op_call(struct docs *docs, docs_call_fn call, void *ud);

/* docs_service.c */
struct docs_service;
int docs_service_new(struct docs_service **out, struct docs *docs, struct host *host);
struct docs_service *docs_service_free(struct docs_service *s);
