/* Live values: from the process thread through one bounded ring to the api thread, which writes
 * them into an event per subscription. Only what somebody watches is copied. */
#pragma once

struct api;
struct feed;

int feed_new(struct feed **out, struct api *api);
struct feed *feed_free(struct feed *feed);
void feed_changed(struct feed *feed); /* subscriptions came or went */
void feed_tick(struct feed *feed);
