/* The parameters that choose series, the same for every method that reads many: device, devices or
 * query, and series. */
#pragma once
#include <stdint.h>

struct call;
struct position;
struct select;

enum { CHOSEN_ALL, CHOSEN_KNOWN }; /* KNOWN: devices and series that are not there are left out */

/* Ends with select_fini(). 0, RPC_REFUSED, -ENOMEM. The names are the call's. */
int chosen_take(struct call *c, struct select *sel, int which);
/* A time in ms of the parameters, in ns. */
int64_t chosen_time(const struct call *c, const char *key, int64_t fallback);
/* from, to and cursor: where it begins. Without from, so long before to; INT64_MAX: all
 * there is, also of the future. */
int chosen_range(struct call *c, int64_t back_ns, uint64_t question, struct position *at);
