#include "bus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "unit.h"
#include "value.h"

#define SECOND          1000000000LL
#define BACKOFF_LAST    (60 * SECOND)
#define FULL_RETRY      (2 * SECOND)
#define SILENCES_CLOSED 6 /* of all units in a row: a connection that is dead without saying so */
#define MAX_BITS        2000

static void step(struct bus *b);

static int64_t now_mono(const struct bus *b)
{
	return b->services.core->now_ns(SB_CLOCK_MONOTONIC);
}

/* ---- coming back */

static void on_post(void *ud)
{
	struct bus *b = ud;
	b->is_posted = false;
	step(b);
}

static void on_timer(void *ud)
{
	struct bus *b = ud;
	b->timer = 0;
	step(b);
}

static void come_back_at(struct bus *b, int64_t when_ns)
{
	const struct services *s = &b->services;
	int64_t delay = when_ns - now_mono(b);
	if (delay <= 0 && !b->is_posted)
		b->is_posted = s->loop->post(s->host, on_post, b) == 0;
	if (b->is_posted)
		return;
	if (b->timer)
		s->loop->timer_cancel(s->host, b->timer);
	b->timer = 0;
	s->loop->timer(s->host, delay > 0 ? delay : 0, 0, on_timer, b, &b->timer);
}

static int64_t with_jitter(const struct bus *b, int64_t ns)
{
	/* The low bits of the clock are as good as chance for spreading reconnects. */
	uint64_t chance = (uint64_t)now_mono(b) * 0x9E3779B97F4A7C15u >> 40;
	return ns - ns / 4 + ns / 2 * (int64_t)(chance & 1023) / 1024;
}

/* ---- health */

static void tell_health(struct bus *b, const char *detail)
{
	const struct services *s = &b->services;
	uint32_t n_up = 0;
	for (uint32_t i = 0; i < b->n_units; i++)
		n_up += b->units[i].is_up;
	if (b->has_health && n_up == b->n_up)
		return;
	char text[200];
	int n = snprintf(text, sizeof(text), "%u of %u devices answer%s%.120s", n_up, b->n_units,
	                 n_up < b->n_units ? ": " : "", n_up < b->n_units ? detail : "");
	int health = n_up == b->n_units ? SB_HEALTH_OK : n_up ? SB_HEALTH_DEGRADED : SB_HEALTH_DOWN;
	b->n_up = n_up;
	b->has_health = true;
	s->core->health(s->host, health, sb_str_of(text, (size_t)n));
}

/* ---- the bus */

static void lose(struct bus *b, const char *detail)
{
	link_close(b->link);
	int64_t next = b->backoff_ns > 0 ? b->backoff_ns * 2 : SECOND;
	b->backoff_ns = next < BACKOFF_LAST ? next : BACKOFF_LAST;
	b->retry_ns = now_mono(b) + with_jitter(b, b->backoff_ns);
	b->silences = 0;
	for (uint32_t i = 0; i < b->n_units; i++)
		unit_down(&b->units[i], SB_DOWN_ERROR, detail);
	tell_health(b, detail);
}

/* Is the bus there? Otherwise comes back when it may be. */
static bool connect_bus(struct bus *b)
{
	if (link_is_open(b->link))
		return true;
	if (now_mono(b) < b->retry_ns) {
		come_back_at(b, b->retry_ns);
		return false;
	}
	int r = link_connect(b->link);
	if (r < 0) {
		if (b->backoff_ns == 0)
			services_say(&b->services, SB_LOG_WARN, "cannot connect: %s",
			             sb_strerror(r));
		lose(b, sb_strerror(r));
		come_back_at(b, b->retry_ns);
		return false;
	}
	++*b->services.connects;
	for (uint32_t i = 0; i < b->n_units; i++) /* everybody is asked at once */
		b->units[i].retry_ns = b->units[i].backoff_ns = 0;
	return true;
}

static struct unit *next_unit(struct bus *b, uint32_t *request, int64_t *due_ns)
{
	struct unit *best = NULL;
	*due_ns = INT64_MAX;
	for (uint32_t i = 0; i < b->n_units; i++) {
		int64_t due;
		uint32_t q = unit_next(&b->units[i], &due);
		if (due >= *due_ns)
			continue;
		*due_ns = due;
		*request = q;
		best = &b->units[i];
	}
	return best;
}

/* Asks for the data of one request and hands it on. */
static void poll_unit(struct bus *b, struct unit *u, uint32_t request, struct sb_batch *batch)
{
	const struct services *s = &b->services;
	union {
		uint16_t registers[VALUE_MAX_REGISTERS];
		uint8_t bits[MAX_BITS];
	} data = { 0 };
	int r = unit_read(u, request, b->link, &data);
	int code = link_exception(b->link);
	if (r == LINK_EXCEPTION && (code == 10 || code == 11))
		r = LINK_SILENCE; /* a gateway says that the device does not answer it */
	if (r == LINK_OK || r == LINK_EXCEPTION) {
		b->silences = 0;
		b->backoff_ns = 0;
		if (r == LINK_OK)
			unit_take(u, request, batch, &data);
		else
			unit_refused(u, request, batch, code);
		tell_health(b, "");
		return;
	}
	s->telemetry->abandon(s->host, batch);
	if (r == LINK_SILENCE) {
		unit_silent(u, request, link_error(b->link));
		tell_health(b, link_error(b->link));
		if (++b->silences < SILENCES_CLOSED)
			return;
	}
	services_say(s, SB_LOG_WARN, "the bus is lost: %s", link_error(b->link));
	lose(b, link_error(b->link));
}

static void step(struct bus *b)
{
	const struct services *s = &b->services;
	uint32_t request = 0;
	uint32_t points;
	uint32_t bytes;
	int64_t due_ns;
	if (b->is_stopped || b->is_posted)
		return;
	for (uint32_t i = 0; i < b->n_units; i++)
		unit_pay(&b->units[i]);
	if (!connect_bus(b))
		return;
	struct unit *u = next_unit(b, &request, &due_ns);
	if (due_ns > now_mono(b)) {
		come_back_at(b, due_ns);
		return;
	}
	unit_room(u, request, &points, &bytes);
	struct sb_batch *batch = s->telemetry->acquire(s->host, points, bytes);
	b->is_full = !batch;
	if (!batch) {
		++*s->backpressure;
		come_back_at(b, now_mono(b) + FULL_RETRY); /* or sooner, by bus_writable() */
		return;
	}
	poll_unit(b, u, request, batch);
	come_back_at(b, 0);
}

void bus_start(struct bus *b)
{
	b->is_stopped = false;
	come_back_at(b, 0);
}

void bus_stop(struct bus *b)
{
	b->is_stopped = true;
	if (b->timer)
		b->services.loop->timer_cancel(b->services.host, b->timer);
	b->timer = 0;
	for (uint32_t i = 0; i < b->n_units; i++) {
		struct unit *u = &b->units[i];
		if (u->is_up)
			b->services.devices->session_down(b->services.host, u->device,
			                                  SB_DOWN_CLEAN, SB_STR("stopped"));
		u->is_up = false;
	}
	if (b->link)
		link_close(b->link);
}

void bus_writable(struct bus *b)
{
	if (b->is_full)
		come_back_at(b, 0);
}

void bus_fini(struct bus *b)
{
	for (uint32_t i = 0; i < b->n_units; i++)
		unit_fini(&b->units[i]);
	free(b->units);
	b->units = NULL;
	b->n_units = 0;
	b->link = link_free(b->link);
}
