/* What a principal may do with MQTT topics. The rules:
 *
 * A device has the topics under devices/{its id}/ and no others. An anonymous peer has every topic
 * outside devices/, and under it those of devices without a credential. A user (a person, an
 * integration, a token) has what its lists of filters say; without a list, what its role says: a
 * viewer reads everything, an operator publishes too, but not what only a device can say
 * (telemetry, reported state, results), an admin everything. Topics that begin with $ are for
 * admins and for lists that name them. Any thread. */
#pragma once
#include <stdint.h>

#include <signalbox/services.h>

struct registry;

/* As sb_devices.may, rights and renew. */
int may_check(struct registry *reg, const struct sb_principal *who, int action,
              struct sb_str topic);
uint64_t may_generation(struct registry *reg);
int may_renew(struct registry *reg, struct sb_principal *who);
