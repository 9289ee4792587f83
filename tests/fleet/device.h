/* A simulated device: one MQTT 3.1.1 connection over a real socket, and a buffer of what is not yet
 * acknowledged, sent again in order after every reconnect. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/loop.h"
#include "model.h"

#define DEVICE_QUEUE_MAX 20000 /* messages a device can keep while it is cut off */

struct fleet;

struct message {
	struct message *next;
	int64_t ts_ms;
	uint16_t packet; /* 0: not sent on this connection */
	char members[];
};

enum device_link { LINK_DOWN, LINK_CONNECTING, LINK_GREETING, LINK_UP };

struct device {
	struct fleet *fleet;
	char id[96];
	struct model model;
	struct watch watch;
	enum device_link link;
	uint32_t failures; /* connects in a row that failed */
	int64_t retry_ns, sent_ns;
	int64_t last_ts_ms;
	struct message *first, **end; /* not acknowledged, in order */
	struct message *unsent;       /* the first that is not on this connection yet */
	uint32_t queued, in_flight;
	uint16_t packet;
	struct buffer out;
	uint8_t in[64];
	uint32_t in_n;
};

void device_init(struct device *d, struct fleet *fleet, uint32_t index);
void device_fini(struct device *d);
void device_measure(struct device *d, int64_t ts_ms); /* one more message to send */
void device_connect(struct device *d);                /* if it is down and its time has come */
void device_tick(struct device *d);                   /* keep-alive, once a second or so */
