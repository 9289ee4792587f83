/* The binary forms of a device: its document in space "device" and its definition in the journal.
 * Both begin with a version and are read with every bound checked. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

#include "registry/registry.h"

struct buffer;

struct record { /* text is borrowed */
	uint32_t no;
	enum device_admin admin;
	uint64_t rev;
	int64_t created_ns;
	struct sb_str id, name, model, site, tags;
	struct sb_str credential, next_credential; /* empty: none */
};

struct record record_of(const struct device *dev); /* L; borrows from dev */
void record_give(struct buffer *out, const struct record *rec);
/* SB_E_CORRUPT; SB_E_ABI for a document of a newer version. */
int record_take(struct sb_bytes doc, struct record *out);
/* Copies everything but id and number. L. -ENOMEM leaves dev as it was. */
int record_apply(const struct record *rec, struct device *dev);

/* Journal: number, id, state, time of creation. */
void record_give_definition(struct buffer *out, const struct device *dev);
int record_take_definition(struct sb_bytes payload, struct record *out);
