/* The parameters that choose series, the same for every method that reads many: device, devices or
 * query, and series. */
#pragma once

struct call;
struct select;

enum { CHOSEN_ALL, CHOSEN_KNOWN }; /* KNOWN: devices and series that are not there are left out */

/* Ends with select_fini(). 0, RPC_REFUSED, -ENOMEM. The names are the call's. */
int chosen_take(struct call *c, struct select *sel, int which);
