/* Counters and gauges of the platform and its plugins: as OpenMetrics text, and as list. Api
 * thread. */
#pragma once

struct api;
struct buffer;
struct wire;

void openmetrics_text(struct api *api, struct buffer *out);
void openmetrics_list(struct api *api, struct wire *w); /* array of Metric */
