/* One device in memory. For files of this folder. */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct device;
struct device_quarantine;
struct device_reason;

int device_new(struct device **out, uint32_t no, struct sb_str id);
struct device *device_free(struct device *dev);
struct sb_str device_id(const struct device *dev);
/* Own, writable notes in place of the shared zeros; NULL without memory. L. */
struct device_reason *device_reasons(struct device *dev);
struct device_quarantine *device_quarantine(struct device *dev);
/* Whom a log-in with its credential stands for. */
struct sb_principal device_principal(const struct device *dev);
int device_suspended(const struct device *dev); /* 0; SB_E_SUSPENDED: also if retired */
