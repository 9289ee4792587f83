/* May this device send this, now? */
#pragma once
#include <stdint.h>

#include <signalbox/types.h>

struct device;
struct ingest;
struct producer;

/* 0; SB_E_SUSPENDED, counted with its reason. Pending devices may send. */
int admit_state(struct producer *p, struct device *dev);
/* 0, or for how many nanoseconds the device is over its rate; counted. */
int64_t admit_rate(struct producer *p, struct device *dev);
void admit_spend(struct producer *p, struct device *dev); /* one message of its rate */
/* Counts a refusal; a reason of the same kind is kept once a second at most, so that a flood of
 * refusals costs no more than their number. Any thread. */
void admit_refuse(struct ingest *ingest, struct device *dev, uint64_t n, int kind,
                  const char *reason);
void admit_refuse_series(struct ingest *ingest, struct device *dev, struct sb_str name, int r);
