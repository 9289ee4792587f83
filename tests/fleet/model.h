/* What simulated devices measure: seeded, so that the same fleet says the same again, and shaped
 * like the real thing: daily rhythms, noise, rounding to what a sensor shows, counters that only
 * grow. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum model_kind { MODEL_CLIMATE, MODEL_OCCUPANCY, MODEL_AIR_HANDLER, MODEL_METER };

struct model {
	enum model_kind kind;
	uint64_t random; /* state of this device's generator */
	double a, b, c;  /* slow states of the signals */
	uint64_t energy_wh;
	uint32_t sent;
};

/* The index-th device of a building: its kind, its id (prefix in front). */
void model_init(struct model *m, uint64_t seed, uint32_t index, const char *prefix, char *id,
                size_t cap);
/* The metrics at this time as members of a JSON object, without braces: "temp":21.4,"hum":43 */
size_t model_sample(struct model *m, int64_t ts_ms, char *out, size_t cap);
uint64_t model_random(uint64_t *state);
