/* Payload types of journal records: the first byte of each payload. A number, once given, keeps its
 * meaning for ever. */
#pragma once

enum record_type {
	RECORD_POINTS = 1,     /* i64 base_ns, rows (model/row.h) to the end */
	RECORD_SERIES = 2,     /* a series, or a column of it, exists (series/catalog) */
	RECORD_DELETE = 3,     /* a range of a stream is deleted */
	RECORD_CHECKPOINT = 4, /* everything up to a sequence number is in blocks */
	RECORD_PLUGIN = 5,     /* opaque bytes of a plugin instance */
	RECORD_DEVICE = 6,     /* a device exists (registry) */
};
