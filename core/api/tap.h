/* Live values: from the process thread through one bounded ring to the api thread, which writes
 * them into an event per subscription. Only what somebody watches is copied. */
#pragma once

struct api;
struct tap;

int tap_new(struct tap **out, struct api *api);
struct tap *tap_free(struct tap *tap);
void tap_changed(struct tap *tap); /* subscriptions came or went */
void tap_tick(struct tap *tap);
