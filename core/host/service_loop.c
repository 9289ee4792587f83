#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/map.h"
#include "base/own.h"
#include "host/frame.h"
#include "host/service.h"
#include "host/state.h"
#include "host/worker.h"

#define LOG_MODULE  "host"
#define MAX_WATCHES 4096
#define MAX_TIMERS  4096
#define MAX_POSTS   16384

struct fd_watch {
	struct worker_remains remains; /* first: freed through it */
	struct watch watch;
	struct instance *instance;
	sb_fd_fn fn;
	void *ud;
	bool is_dead;
};

struct timer_task {
	struct worker_remains remains; /* first: freed through it */
	struct timer timer;
	struct instance *instance;
	sb_task_fn fn;
	void *ud;
	uint64_t id;
	bool is_once, is_dead;
};

static int misused(struct instance *in, const char *what)
{
	return log_error(-EXDEV, "%s calls %s outside its own thread", in->name, what);
}

/* ---- descriptors */

static uint32_t to_epoll(uint32_t events)
{
	return (events & SB_READ ? EPOLLIN : 0u) | (events & SB_WRITE ? EPOLLOUT : 0u);
}

static void on_events(struct watch *w, uint32_t events)
{
	struct fd_watch *fw = container_of(w, struct fd_watch, watch);
	if (fw->is_dead)
		return;
	uint32_t seen = (events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP) ? SB_READ : 0u) |
	                (events & EPOLLOUT ? SB_WRITE : 0u) |
	                (events & (EPOLLHUP | EPOLLERR) ? SB_HANGUP : 0u);
	struct frame f;
	frame_enter(&f, fw->instance, "fd callback");
	fw->fn(fw->ud, fw->watch.fd, seen);
	frame_leave(&f);
}

static int end_watch(struct instance *in, struct fd_watch *fw)
{
	int r = loop_watch(in->worker->loop, &fw->watch, 0);
	map_remove_u64(in->fds, (uint64_t)fw->watch.fd);
	fw->is_dead = true;
	worker_bury(in->worker, &fw->remains);
	return r;
}

static int begin_watch(struct instance *in, int fd, uint32_t events, sb_fd_fn fn, void *ud)
{
	if (map_count(in->fds) >= MAX_WATCHES)
		return log_error(SB_E_QUOTA, "%s watches %d descriptors already", in->name,
		                 MAX_WATCHES);
	_own_(freep) struct fd_watch *fw = calloc(1, sizeof(*fw));
	if (!fw)
		return -ENOMEM;
	fw->watch.fd = fd;
	fw->watch.fn = on_events;
	fw->instance = in;
	fw->fn = fn;
	fw->ud = ud;
	int r = map_put_u64(in->fds, (uint64_t)fd, fw);
	if (r < 0)
		return r;
	r = loop_watch(in->worker->loop, &fw->watch, to_epoll(events));
	if (r < 0) {
		map_remove_u64(in->fds, (uint64_t)fd);
		return r;
	}
	(void)steal(fw);
	return 0;
}

static int32_t watch_fd(struct sb_host *h, int32_t fd, uint32_t events, sb_fd_fn fn, void *ud)
{
	struct instance *in = instance_of(h);
	if (!loop_is_here(in->worker->loop))
		return misused(in, "watch_fd");
	if (fd < 0)
		return -EBADF;
	struct fd_watch *fw = map_find_u64(in->fds, (uint64_t)fd);
	if (!(events & (SB_READ | SB_WRITE)))
		return fw ? end_watch(in, fw) : 0;
	if (!fn)
		return -EINVAL;
	if (!fw)
		return begin_watch(in, fd, events, fn, ud);
	if (fw->fn != fn || fw->ud != ud)
		return -EEXIST;
	return loop_watch(in->worker->loop, &fw->watch, to_epoll(events));
}

/* ---- timers */

static void end_timer(struct timer_task *t)
{
	timer_end(&t->timer);
	map_remove_u64(t->instance->timers, t->id);
	t->is_dead = true;
	worker_bury(t->instance->worker, &t->remains);
}

static void on_due(struct timer *timer)
{
	struct timer_task *t = container_of(timer, struct timer_task, timer);
	if (t->is_dead)
		return;
	if (t->is_once)
		end_timer(t);
	struct frame f;
	frame_enter(&f, t->instance, "timer callback");
	t->fn(t->ud);
	frame_leave(&f);
}

static int32_t begin_timer(struct sb_host *h, int64_t delay_ns, int64_t period_ns, sb_task_fn fn,
                           void *ud, sb_timer *out)
{
	struct instance *in = instance_of(h);
	if (!loop_is_here(in->worker->loop))
		return misused(in, "timer");
	if (!fn || delay_ns < 0 || period_ns < 0)
		return -EINVAL;
	if (map_count(in->timers) >= MAX_TIMERS)
		return log_error(SB_E_QUOTA, "%s has %d timers already", in->name, MAX_TIMERS);
	struct timer_task *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->timer.fn = on_due;
	t->instance = in;
	t->fn = fn;
	t->ud = ud;
	t->is_once = period_ns == 0;
	t->id = ++in->next_timer;
	int r = map_put_u64(in->timers, t->id, t);
	if (r < 0) {
		free(t);
		return r;
	}
	loop_timer(in->worker->loop, &t->timer, delay_ns, period_ns);
	if (out)
		*out = t->id;
	return 0;
}

static void cancel_timer(struct sb_host *h, sb_timer id)
{
	struct instance *in = instance_of(h);
	if (!loop_is_here(in->worker->loop)) {
		misused(in, "timer_cancel");
		return;
	}
	struct timer_task *t = id ? map_find_u64(in->timers, id) : NULL;
	if (t)
		end_timer(t);
}

/* ---- posts */

struct post {
	struct instance *instance;
	uint32_t life;
	sb_task_fn fn;
	void *ud;
};

static bool is_live(const struct instance *in)
{
	int state = atomic_load_explicit(&in->state, memory_order_acquire);
	return state == INSTANCE_RUNNING || state == INSTANCE_DRAINING ||
	       state == INSTANCE_CONFIGURED;
}

static void on_post(void *ud)
{
	struct post post = *(struct post *)ud;
	free(ud);
	atomic_fetch_sub_explicit(&post.instance->posts_waiting, 1, memory_order_relaxed);
	if (!is_live(post.instance) || post.life != atomic_load(&post.instance->life))
		return;
	struct frame f;
	frame_enter(&f, post.instance, "posted task");
	post.fn(post.ud);
	frame_leave(&f);
}

static int32_t post(struct sb_host *h, sb_task_fn fn, void *ud)
{
	struct instance *in = instance_of(h);
	if (!fn)
		return -EINVAL;
	if (!is_live(in))
		return -ESHUTDOWN;
	if (atomic_fetch_add_explicit(&in->posts_waiting, 1, memory_order_relaxed) >= MAX_POSTS) {
		atomic_fetch_sub_explicit(&in->posts_waiting, 1, memory_order_relaxed);
		atomic_fetch_add_explicit(&in->posts_refused, 1, memory_order_relaxed);
		return SB_AGAIN;
	}
	struct post *p = malloc(sizeof(*p));
	int r = -ENOMEM;
	if (p) {
		*p = (struct post){ in, atomic_load(&in->life), fn, ud };
		r = loop_post(in->worker->loop, on_post, p);
	}
	if (r == 0)
		return 0;
	free(p);
	atomic_fetch_sub_explicit(&in->posts_waiting, 1, memory_order_relaxed);
	return r;
}

/* ---- threads of the plugin */

static int32_t enter_thread(struct sb_host *h, const char *name)
{
	frame_adopt(instance_of(h), name);
	return 0;
}

static void leave_thread(struct sb_host *h)
{
	(void)h;
	frame_adopt(NULL, NULL);
}

static void heartbeat(struct sb_host *h)
{
	(void)h;
	frame_beat();
}

void service_loop_end(struct instance *in)
{
	size_t at = 0;
	struct fd_watch *fw = NULL;
	while (in->fds && (fw = map_each(in->fds, &at))) {
		log_debug("%s left descriptor %d watched", in->name, fw->watch.fd);
		end_watch(in, fw);
		at = 0;
	}
	at = 0;
	struct timer_task *t = NULL;
	while (in->timers && (t = map_each(in->timers, &at))) {
		end_timer(t);
		at = 0;
	}
}

const struct sb_loop *service_loop(void)
{
	static const struct sb_loop table = {
		.size = sizeof(table),
		.watch_fd = watch_fd,
		.timer = begin_timer,
		.timer_cancel = cancel_timer,
		.post = post,
		.thread_enter = enter_thread,
		.thread_leave = leave_thread,
		.heartbeat = heartbeat,
	};
	return &table;
}
