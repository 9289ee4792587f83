/* Watches every thread that is inside of a plugin: a shared loop warns at 50 ms and alarms at 1 s,
 * a thread of a plugin's own alarms at 30 s. In-process code cannot be stopped; it can be named. */
#pragma once

struct watchdog;

int watchdog_new(struct watchdog **out); /* starts its thread */
struct watchdog *watchdog_free(struct watchdog *w);
