/* The newest value of every series, by source time. Any thread. */
#pragma once
#include <stdint.h>

struct catalog;
struct latest;
struct row;
struct series;
struct series_latest;

int latest_new(struct latest **out, struct catalog *catalog);
struct latest *latest_free(struct latest *l);
void latest_row(struct latest *l, const struct row *row); /* rows in order of arrival */
void latest_offer(struct latest *l,
                  const struct row *row); /* an old row: only if there is none as new */
/* Values of these columns (a mask) from these times, both included, are deleted. */
void latest_forget(struct latest *l, uint32_t stream, uint64_t columns, int64_t from_ns,
                   int64_t last_ns);
void latest_get(struct latest *l, const struct series *s, struct series_latest *out);
