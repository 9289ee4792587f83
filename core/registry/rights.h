/* Who may act for a device, and who has to hear that this has ended. */
#pragma once
#include <stdint.h>

#include <signalbox/services.h>

struct device;
struct instance;
struct registry;

/* 0; SB_E_SUSPENDED; -EACCES. An id nobody has yet is 0: provisioning decides. Any thread. */
int rights_check(struct registry *reg, const struct sb_principal *who, struct sb_str id);
/* [inst] fn NULL: no more. */
int rights_watch(struct registry *reg, struct instance *in, sb_device_fn fn, void *ud);
int rights_watch_users(struct registry *reg, struct instance *in, sb_user_fn fn, void *ud);
/* For users_tell(): ud is the registry. */
void rights_withdraw_user(void *ud, uint64_t id, const char *name);
/* What was granted for this device before is over: every watcher hears of it. Any thread. */
void rights_withdraw(struct registry *reg, const struct device *dev);
/* At the end: instances are gone. */
void rights_fini(struct registry *reg);
