#define LOG_MODULE "storage"
#include "room.h"

#include <errno.h>
#include <stdio.h>

#include "app.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "base/reserve.h"

#define LOW_WATER_MOST \
	(1ULL << 30)               /* what a flush of everything in memory needs, many times over */
#define SHARE         20           /* reserve and low water: a twentieth of the file system */
#define RESERVE_LEAST (1ULL << 20) /* a smaller one could not hold a block */

void room_space(void *app, uint64_t *left, uint64_t *total)
{
	file_space(((const struct app *)app)->data, left, total);
}

uint64_t room_low_water(const struct app *app)
{
	const struct settings *s = &app->settings;
	uint64_t left;
	uint64_t total;

	if (s->low_water_bytes != UINT64_MAX)
		return s->low_water_bytes;
	file_space(app->data, &left, &total);
	if (s->low_water_percent)
		return total / 100 * s->low_water_percent;
	return MIN(total / SHARE, LOW_WATER_MOST);
}

int room_init(struct app *app)
{
	_own_(freep) char *path = NULL;
	uint64_t bytes = app->settings.storage_reserve;
	uint64_t left;
	uint64_t total;

	file_space(app->data, &left, &total);
	if (bytes > total / SHARE) {
		bytes = total / SHARE & ~0xfffULL;
		bytes = bytes < RESERVE_LEAST ? 0 : bytes;
		log_info("storage.reserve is %.1f MiB: a twentieth of the file system",
		         (double)bytes / 1048576);
	}
	if (asprintf(&path, "%s/reserve.bin", app->data) < 0)
		return -ENOMEM;
	return reserve_new(&app->reserve, path, bytes);
}
