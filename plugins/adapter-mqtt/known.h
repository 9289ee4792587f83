/* The telemetry topics of a connection, resolved to their devices: one for a device, up to 128 for
 * a gateway that speaks for many. What does not fit pushes something out. */
#pragma once
#include <stdint.h>

#include <signalbox/services.h>

struct known; /* NULL: nothing yet */

/* 0: not known. */
sb_device known_find(const struct known *k, struct sb_str topic);
void known_add(struct known **all, struct sb_str topic, sb_device device);
/* Nothing of this device is known any more. */
void known_forget(struct known *k, sb_device device);
struct known *known_free(struct known *k); /* NULL in, NULL out */
