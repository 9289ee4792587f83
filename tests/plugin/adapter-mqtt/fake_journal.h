/* "sb.journal/1" of the fake host: records are on disk when the test completes them. */
#pragma once
#include "fake.h"

extern const struct sb_journal fake_journal_service;

struct fake_record {
	struct fake_record *next;
	uint64_t position;
	bool durable;
	size_t n;
	uint8_t p[];
};

/* Completes everything, and what follows from it. */
void fake_journal_settle(struct fake *f);
/* kill -9: what is not completed is lost. Then the server is started again. */
void fake_journal_kill(struct fake *f);
void fake_journal_decided(struct fake *f, uint64_t position, int32_t status);
void fake_journal_free(struct fake *f);
/* How many records there are, and their bytes. */
uint32_t fake_journal_count(const struct fake *f, size_t *bytes);
