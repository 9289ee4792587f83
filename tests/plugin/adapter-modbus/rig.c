#include "rig.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/own.h"
#include "unit/check.h"

struct rig rig;

static struct sb_host *const handle = (struct sb_host *)&rig;

static void copy(char *to, size_t cap, struct sb_str s)
{
	snprintf(to, cap, "%.*s", (int)s.n, s.p ? s.p : "");
}

/* ---- sb.core/1 */

static void say(struct sb_host *h, int32_t level, struct sb_str msg, const struct sb_kv *kv,
                uint32_t n)
{
	(void)h, (void)level, (void)msg, (void)kv, (void)n;
}

static int32_t wants(struct sb_host *h, int32_t level)
{
	(void)h, (void)level;
	return 1;
}

static int32_t fail_why(struct sb_host *h, int32_t r, struct sb_str why)
{
	assert_ptr_equal(h, handle);
	copy(rig.why, sizeof(rig.why), why);
	return r;
}

static void health(struct sb_host *h, int32_t state, struct sb_str why)
{
	(void)h;
	rig.health_state = state;
	copy(rig.health, sizeof(rig.health), why);
}

static int64_t now_ns(int32_t clock)
{
	return clock == SB_CLOCK_UTC ? clock_utc() : clock_mono();
}

/* ---- sb.loop/1 */

struct task {
	struct timer timer;
	sb_task_fn fn;
	void *ud;
};
static struct task *tasks[16];

static void on_timer(struct timer *t)
{
	struct task *task = container_of(t, struct task, timer), copy_of = *task;
	for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
		tasks[i] = tasks[i] == task ? NULL : tasks[i];
	free(task);
	copy_of.fn(copy_of.ud);
}

static int32_t timer(struct sb_host *h, int64_t delay, int64_t period, sb_task_fn fn, void *ud,
                     sb_timer *out)
{
	(void)h;
	assert_int_equal(period, 0);
	for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
		if (tasks[i])
			continue;
		tasks[i] = calloc(1, sizeof(struct task));
		assert_non_null(tasks[i]);
		*tasks[i] = (struct task){ .timer.fn = on_timer, .fn = fn, .ud = ud };
		loop_timer(rig.loop, &tasks[i]->timer, delay, 0);
		*out = i + 1;
		return 0;
	}
	fail_msg("too many timers");
	return -ENOMEM;
}

static void timer_cancel(struct sb_host *h, sb_timer id)
{
	(void)h;
	if (id == 0 || !tasks[id - 1])
		return;
	timer_end(&tasks[id - 1]->timer);
	free(tasks[id - 1]);
	tasks[id - 1] = NULL;
}

static int32_t post(struct sb_host *h, sb_task_fn fn, void *ud)
{
	(void)h;
	return loop_post(rig.loop, fn, ud);
}

/* ---- sb.telemetry/1 */

static struct sb_batch *acquire(struct sb_host *h, uint32_t points, uint32_t bytes)
{
	(void)h;
	if (rig.is_full)
		return NULL;
	struct sb_batch *b = calloc(1, sizeof(*b));
	assert_non_null(b);
	b->size = sizeof(*b);
	b->cap = points;
	b->blob_cap = bytes;
	b->points = calloc(points + 1, sizeof(*b->points));
	b->blob = calloc(1, bytes + 1);
	rig.batches_out++;
	return b;
}

static void drop(struct sb_host *h, struct sb_batch *b)
{
	(void)h;
	rig.batches_out--;
	free(b->points);
	free(b->blob);
	free(b);
}

static int32_t commit(struct sb_host *h, struct sb_batch *b)
{
	assert_true(b->count > 0 && b->count <= b->cap && b->blob_len <= b->blob_cap);
	assert_true(b->device != 0);
	for (uint32_t i = 0; i < b->count && rig.n_points < RIG_POINTS; i++) {
		const struct sb_point *p = &b->points[i];
		struct rig_point *out = &rig.points[rig.n_points++];
		assert_in_range(p->series, 1, rig.n_series);
		assert_true(rig.series[p->series - 1].device == b->device);
		*out = (struct rig_point){ p->series, p->ts_ns, p->type, p->quality, p->v, "" };
		if (p->type == SB_T_STR)
			copy(out->text, sizeof(out->text),
			     sb_str_of((const char *)b->blob + p->v.blob.off, p->v.blob.len));
	}
	drop(h, b);
	return 0;
}

static int32_t resolve_series(struct sb_host *h, const struct sb_series_key *key, sb_series *out)
{
	(void)h;
	assert_true(rig.n_series < RIG_SERIES);
	struct rig_series *s = &rig.series[rig.n_series++];
	copy(s->name, sizeof(s->name), key->name);
	copy(s->unit, sizeof(s->unit), key->unit);
	s->type = key->type;
	s->device = key->device;
	*out = rig.n_series;
	return 0;
}

/* ---- sb.devices/1 */

static int32_t resolve_device(struct sb_host *h, struct sb_str id, sb_device *out)
{
	(void)h;
	if (rig.is_unknown)
		return SB_E_UNKNOWN_DEVICE;
	*out = 1000 + id.n;
	return 0;
}

static int32_t session_up(struct sb_host *h, sb_device d, const struct sb_kv *kv, uint32_t n)
{
	(void)h, (void)d, (void)kv, (void)n;
	rig.ups++;
	return 0;
}

static int32_t session_down(struct sb_host *h, sb_device d, int32_t why, struct sb_str detail)
{
	(void)h, (void)d, (void)why;
	rig.downs++;
	copy(rig.down_detail, sizeof(rig.down_detail), detail);
	return 0;
}

static void seen(struct sb_host *h, sb_device d)
{
	(void)h, (void)d;
	rig.seen++;
}

static void fate(struct sb_host *h, sb_device d, int32_t what, struct sb_str reason)
{
	(void)h, (void)d, (void)what;
	rig.fates++;
	copy(rig.fate_reason, sizeof(rig.fate_reason), reason);
}

/* ---- sb.metrics/1 */

static uint64_t *counter(struct sb_host *h, const char *name, const char *help)
{
	static uint64_t cells[16];
	static size_t n;
	(void)h, (void)name, (void)help;
	return &cells[n++ % ARRAY_LEN(cells)];
}

/* ---- configuration */

static int32_t get_text(const struct sb_config *c, const char *pointer, struct sb_str *out)
{
	(void)c;
	const char *text = NULL;
	if (strcmp(pointer, "/connect") == 0)
		text = rig.connect;
	else if (strcmp(pointer, "/profiles") == 0)
		text = rig.profiles;
	else if (strncmp(pointer, "/device/", 8) == 0)
		text = rig.devices[strtol(pointer + 8, NULL, 10)];
	if (!text)
		return SB_E_NOT_FOUND;
	*out = sb_str_of(text, strlen(text));
	return 0;
}

static int32_t get_whole(const struct sb_config *c, const char *pointer, int64_t *out)
{
	(void)c, (void)pointer;
	*out = 200 * NS_PER_MS; /* timeout */
	return 0;
}

static int32_t get_length(const struct sb_config *c, const char *pointer, uint32_t *out)
{
	(void)c, (void)pointer;
	for (*out = 0; rig.devices[*out]; ++*out)
		;
	return 0;
}

static const void *service(struct sb_host *h, const char *id)
{
	static const struct sb_loop loop = {
		.size = sizeof(loop), .timer = timer, .timer_cancel = timer_cancel, .post = post
	};
	static const struct sb_telemetry telemetry = { .size = sizeof(telemetry),
		                                       .acquire = acquire,
		                                       .commit = commit,
		                                       .abandon = drop,
		                                       .resolve = resolve_series };
	static const struct sb_devices devices = { .size = sizeof(devices),
		                                   .resolve = resolve_device,
		                                   .session_up = session_up,
		                                   .session_down = session_down,
		                                   .seen = seen,
		                                   .fate = fate };
	static const struct sb_metrics metrics = { .size = sizeof(metrics), .counter = counter };
	const struct {
		const char *id;
		const void *table;
	} all[] = { { "sb.loop/1", &loop },
		    { "sb.telemetry/1", &telemetry },
		    { "sb.devices/1", &devices },
		    { "sb.metrics/1", &metrics } };
	(void)h;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (strcmp(all[i].id, id) == 0)
			return all[i].table;
	}
	return NULL;
}

/* ---- the life of an instance */

int rig_begin(const char *so)
{
	static const struct sb_core core = { .size = sizeof(core),
		                             .abi_major = SB_ABI_MAJOR,
		                             .host_name = "test",
		                             .host_version = "1",
		                             .service = service,
		                             .log = say,
		                             .log_enabled = wants,
		                             .fail = fail_why,
		                             .health = health,
		                             .now_ns = now_ns };
	struct sb_config config = {
		.size = sizeof(config), .str = get_text, .i64 = get_whole, .length = get_length
	};
	void *lib = dlopen(so, RTLD_NOW | RTLD_LOCAL);
	assert_non_null(lib);
	const struct sb_entry *entry = dlsym(lib, "sb_plugin_entry_1");
	assert_non_null(entry);
	assert_int_equal(entry->init(&core, so), 0);
	const struct sb_descriptor *d = entry->descriptor(0);
	assert_int_equal(d->flags & SB_RUN_THREAD, SB_RUN_THREAD);
	rig.ops = d->ops;
	assert_int_equal(loop_new(&rig.loop, "rig"), 0);
	assert_int_equal(rig.ops->create(handle, d, &rig.self), 0);
	return rig.ops->configure(rig.self, &config);
}

int rig_start(void)
{
	return rig.ops->start(rig.self);
}

void rig_end(void)
{
	rig.ops->stop(rig.self);
	loop_turn(rig.loop, 0); /* a task that was posted before the stop finds it stopped */
	for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
		assert_null(tasks[i]);
	assert_int_equal(rig.batches_out, 0);
	rig.ops->destroy(rig.self);
	rig.loop = loop_free(rig.loop);
}

bool rig_until(bool (*holds)(void), int ms)
{
	int64_t until = clock_mono() + ms * NS_PER_MS;
	while (!holds()) {
		if (clock_mono() >= until)
			return false;
		assert_int_equal(loop_turn(rig.loop, 5 * NS_PER_MS), 0);
	}
	return true;
}

const struct rig_point *rig_point(const char *name, uint32_t from)
{
	const struct rig_point *found = NULL;
	for (uint32_t i = from; i < rig.n_points; i++) {
		if (strcmp(rig.series[rig.points[i].series - 1].name, name) == 0)
			found = &rig.points[i];
	}
	return found;
}

uint32_t rig_count(const char *name, int quality, uint32_t from)
{
	uint32_t n = 0;
	for (uint32_t i = from; i < rig.n_points; i++) {
		const struct rig_point *p = &rig.points[i];
		n += p->quality == quality && strcmp(rig.series[p->series - 1].name, name) == 0;
	}
	return n;
}
