/* What a series of a device is called in PromQL. Its name becomes the metric: every byte that no
 * metric may have becomes _, a digit in front gets one. Labels: device (its id), name, model, site,
 * tags (",a,b,", so that tags=~".*,a,.*" finds one), unit; and series, the name as it is, only
 * where the metric differs from it. So no two series are called the same, and every metric leads
 * back to its series. Any thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

#include "promql/labels.h"

struct arena;
struct device;
struct node;
struct registry;
struct series;

#define NAMING_METRIC_MAX 300

struct naming_device { /* texts of a device, copied under the registry's lock */
	char id[129], name[129], model[65], site[65], tags[260];
	const struct labels *labels; /* once they were needed */
};

void naming_device(struct naming_device *out, struct registry *reg, const struct device *dev);
/* Has it numbers? Texts cannot be in PromQL. */
bool naming_is_numeric(const struct series *s);
size_t naming_metric(char out[NAMING_METRIC_MAX], struct sb_str name);
/* May series of this device match? */
bool naming_device_matches(const struct naming_device *dev, const struct node *selector);
/* The labels if they match, made in the arena; NULL: they do not, or the arena is full. */
const struct labels *naming_labels(struct naming_device *dev, const struct series *s,
                                   const struct node *selector, struct arena *a);
