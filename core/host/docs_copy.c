/* Copies of all documents, and looking whether they are whole. */
#include <errno.h>
#include <string.h>

#include <signalbox/kinds.h>

#include "host/docs.h"
#include "host/docs_op.h"

static int call_copy(const struct sb_docstore *table, void *self, void *ud)
{
	return SB_HAS(table, copy) ? table->copy(self, ud) : -EOPNOTSUPP;
}

int docs_copy(struct docs *docs, struct docs_copy *copy)
{
	struct sb_doc_copy order = { .size = sizeof(order),
		                     .to = sb_str_of(copy->dir, strlen(copy->dir)) };
	int r;

	while ((r = docs_op_call(docs, call_copy, &order)) == 1) {
		int go = copy->step ? copy->step(copy->ud, order.pages_done, order.pages_all) : 0;
		if (go < 0) {
			struct sb_doc_copy end = { .size = sizeof(end) };
			(void)docs_op_call(docs, call_copy, &end);
			return go;
		}
	}
	copy->documents = order.documents;
	copy->bytes = order.bytes;
	return r;
}

static int call_check(const struct sb_docstore *table, void *self, void *ud)
{
	return SB_HAS(table, check) ? table->check(self, ud) : -EOPNOTSUPP;
}

int docs_check(struct docs *docs, uint64_t *documents)
{
	*documents = 0;
	return docs_op_call(docs, call_check, documents);
}
