/* Series chosen by devices and names, one after the other in an order that survives restarts: by
 * number of the device, then of the series. What is made meanwhile comes where its number says.
 * Any thread, one at a time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "registry/query.h"

struct device;
struct registry;
struct series;

#define SELECT_NAMES_MAX 64

struct select {
	struct registry *registry;
	/* A series that was not refused by query and names; NULL: all. */
	bool (*match)(void *ud, const struct device *dev, const struct series *s);
	void *ud;

	bool by_query, retired; /* else the devices below; retired: the query asks for them */
	struct query query;
	uint32_t *devices; /* numbers, ascending */
	uint32_t n_devices, cap_devices;
	struct sb_str names[SELECT_NAMES_MAX]; /* borrowed */
	uint32_t n_names;

	uint32_t from_device, from_series; /* nothing before */
	int64_t now_ns;
	struct device *dev; /* whose series are in the list */
	struct series **list;
	uint32_t n, at, cap;
};

void select_init(struct select *sel, struct registry *registry); /* no device yet */
void select_fini(struct select *sel);
/* Devices by the words of device.list; "" is all. What query_parse() answers. */
int select_query(struct select *sel, struct sb_str words);
/* One more device. SB_E_UNKNOWN_DEVICE, -ENOMEM. */
int select_device(struct select *sel, struct sb_str id);
/* Only series of these names: * is any text, ? one byte; the name itself always matches. The text
 * must live as long. SB_E_RANGE: too many. Without names, all. */
int select_name(struct select *sel, struct sb_str glob);
bool select_is_glob(struct sb_str name);
/* Starts over: nothing before this series of this device; 0, 0: the first. */
void select_seek(struct select *sel, uint32_t device_no, uint32_t series_no);
/* 1: the next one; 0: there is none; -ENOMEM. */
int select_next(struct select *sel, struct device **dev, struct series **s);
/* The same a device at a time: its series by number, until the next call. Those before the place
 * sought are left out. 1, 0, -ENOMEM. */
int select_next_device(struct select *sel, struct device **dev, struct series *const **list,
                       uint32_t *n);
