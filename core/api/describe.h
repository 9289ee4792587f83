/* The types of schemas/api.json that several methods and events give, written in one place. */
#pragma once
#include <stdint.h>

#include "base/wire.h"

struct api;
struct device;
struct series;
struct series_point;
struct token_claims;

/* A time in ms since 1970 with its fraction to the microsecond; with its key. */
void describe_time(struct wire *w, const char *key, int64_t ns);
void describe_ns(struct wire *w, int64_t ns); /* without */
/* Milliseconds of a client to ns; INT64_MIN or INT64_MAX beyond what fits. */
int64_t describe_ms_to_ns(double ms);
void describe_point_value(struct wire *w, const struct series_point *p);
/* Device. Takes registry_lock(). */
void describe_device(struct wire *w, struct api *api, struct device *dev);
/* DeviceDetail. */
void describe_detail(struct wire *w, struct api *api, struct device *dev);
/* Series with its newest value. */
void describe_series(struct wire *w, struct api *api, const struct series *s);
/* Point of the newest value; nothing if there is none. */
void describe_latest_point(struct wire *w, struct api *api, const struct device *dev,
                           const struct series *s);
/* {"user","role","expires","must_change"}, and "token" unless NULL. */
void describe_claims(struct wire *w, const struct token_claims *who, const char *token);
