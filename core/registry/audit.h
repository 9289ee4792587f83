/* Who changed what, when: entries of space "audit", their keys in order of time. Written in the
 * same commit as the change itself. Any thread. */
#pragma once
#include <signalbox/types.h>

#include "base/buffer.h"

struct sb_doc_put;

struct audit {
	char key[48];
	struct buffer doc;
};

struct audit_facts {
	const char *who, *what;        /* "anna", "device.change" */
	struct sb_str subject;         /* id of the device, name of the user */
	struct sb_bytes before, after; /* JSON, may be empty */
};

int audit_init(struct audit *audit, const struct audit_facts *facts);
void audit_fini(struct audit *audit);
struct sb_doc_put audit_put(const struct audit *audit); /* borrows */
