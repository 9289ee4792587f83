/* One change of a device by a person, on its way through the writer's thread. */
#pragma once
#include <stdint.h>

#include "base/buffer.h"
#include "registry/audit.h"
#include "registry/registry.h"

struct sb_doc_put;

#define CHANGE_PUTS 2 /* document and audit entry */

struct change {
	struct change *next; /* the writer's queue */
	struct registry *reg;
	struct device *dev;
	bool creates;
	struct device_change wish; /* its texts lie in `texts` */
	char *texts;
	char *credential; /* as it is stored */
	bool withdraws;   /* what was granted before is over */
	registry_done_fn done;
	void *ud;
	struct buffer doc;
	struct audit audit;
};

/* Writer thread. Hashes the password, checks if_rev, encodes. */
int change_prepare(struct change *change);
uint32_t change_puts(const struct change *change, struct sb_doc_put *out);
/* Writer thread. r 0: makes it visible. Calls done, frees. */
void change_finish(struct change *change, int r);
