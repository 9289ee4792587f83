/* Clients whose sessions are kept, for the tests of what is left of them after a kill. */
#pragma once
#include <stdlib.h>
#include <string.h>

#include "fake_journal.h"
#include "peer.h"
#include "reason.h"

enum { QOS1 = 2, QOS2 = 4, RETAIN = 1, DUP = 8 };

int kept_setup(void **state);
int kept_teardown(void **state);
/* A client whose session is kept; the answer to its CONNECT waits for the record. */
struct peer kept_up(struct fake *f, const char *id, bool present);
void kept_subscribe(struct peer *p, const char *filter, uint8_t options);
/* Waits at its topic while nobody is connected. */
void kept_absent(struct fake *f, const char *id, const char *filter, uint8_t qos);

#define KEPT_TEST(name) cmocka_unit_test_setup_teardown(name, kept_setup, kept_teardown)
