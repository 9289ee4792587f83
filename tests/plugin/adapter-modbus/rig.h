/* A host of one instance: the plugin's .so through its ABI, on a real loop, with services that
 * write down what they are told. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/plugin.h>

#define RIG_SERIES 64
#define RIG_POINTS 4096

struct rig_series {
	char name[64], unit[16];
	uint32_t type;
	sb_device device;
};

struct rig_point {
	sb_series series;
	int64_t ts_ns;
	uint8_t type, quality;
	union sb_value v;
	char text[64];
};

struct rig { /* one at a time */
	struct loop *loop;
	const struct sb_ops *ops;
	void *self;
	const char *connect, *profiles, *timeout;
	const char *devices[8];
	struct rig_series series[RIG_SERIES];
	uint32_t n_series;
	struct rig_point points[RIG_POINTS];
	uint32_t n_points;
	bool is_full, is_unknown; /* no batches; no device is accepted */
	uint32_t ups, downs, fates, seen, batches_out;
	char down_detail[128], fate_reason[160], why[512], health[200];
	int32_t health_state;
};

extern struct rig rig;

/* create and configure; r of configure. */
int rig_begin(const char *so);
int rig_start(void);
void rig_end(void);
/* Turns until the condition holds or so many milliseconds are over; whether it held. */
bool rig_until(bool (*holds)(void), int ms);
/* The last point of this name since point `from`; NULL if there is none. */
const struct rig_point *rig_point(const char *name, uint32_t from);
uint32_t rig_count(const char *name, int quality, uint32_t from);
