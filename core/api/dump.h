/* Raw points of many series for export: device by device, in order of time, series by number, so
 * that what a device sent together stands together. A page at a time; between pages there is only
 * the position. Query thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/dump_form.h"
#include "api/position.h"
#include "api/select.h"

struct series_db;

struct dump {
	/* given */
	struct select *select;
	struct series_db *series;
	struct dump_form form;
	bool (*stop)(void *ud); /* asked for every chunk that is read */
	void *ud;
	uint64_t points_max; /* in a page */
	size_t bytes_max;    /* a page ends behind them */
	struct position at;  /* series_no is not used: inside a device, skip points at ts_ns */
	/* answered */
	uint64_t points;
	const char *device; /* where it ended; NULL: nowhere */
};

/* Appends to out. 1: there is more, behind d->at; 0: that was all; -ECANCELED: stopped; a fault. */
int dump_page(struct dump *d, struct buffer *out);
