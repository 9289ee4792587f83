#include "fleet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/own.h"
#include "device.h"

#define TICK_NS         (10 * NS_PER_MS)
#define CONNECTS_A_TICK 40 /* 4,000 a second: a fleet does not storm unless it was cut off */

struct run {
	struct fleet fleet;
	struct watch signals;
	struct timer tick, second;
	int64_t begin_ns, end_ns; /* end_ns: no more messages from then on; 0: for ever */
	uint64_t due;             /* messages that should have been made by now */
	double due_exact;
	int64_t last_ns;
	uint32_t next, next_connect;
	bool ending;
};

static double rate_now(const struct run *run, int64_t now)
{
	const struct options *o = &run->fleet.options;
	double at = (double)(now - run->begin_ns) / 1e9;

	if (o->burst_factor > 0 && at >= o->burst_start_s && at < o->burst_start_s + o->burst_s)
		return o->rate * o->burst_factor;
	return o->rate;
}

static bool all_settled(const struct run *run)
{
	return run->fleet.acknowledged == run->fleet.made;
}

static void on_tick(struct timer *t)
{
	struct run *run = container_of(t, struct run, tick);
	struct fleet *fleet = &run->fleet;
	int64_t now = clock_mono();
	int64_t now_ms = clock_utc() / NS_PER_MS;

	for (uint32_t i = 0; i < CONNECTS_A_TICK; i++) {
		device_connect(&fleet->devices[run->next_connect]);
		run->next_connect = (run->next_connect + 1) % fleet->options.devices;
	}
	if (run->end_ns && now >= run->end_ns)
		run->ending = true;
	if (run->ending) {
		int64_t last = run->end_ns + (int64_t)fleet->options.settle_s * NS_PER_S;
		if (all_settled(run) || now >= last)
			loop_stop(fleet->loop);
		return;
	}
	run->due_exact += rate_now(run, now) * (double)(now - run->last_ns) / 1e9;
	run->last_ns = now;
	while (run->due < (uint64_t)run->due_exact) {
		device_measure(&fleet->devices[run->next], now_ms);
		run->next = (run->next + 1) % fleet->options.devices;
		run->due++;
	}
}

static void say(const struct run *run, FILE *out, const char *end)
{
	const struct fleet *f = &run->fleet;

	(void)fprintf(
		out,
		"%6.1f s  connected %u/%u  sent %llu  acknowledged %llu  waiting %llu  sent again %llu  "
		"reconnects %llu%s",
		(double)(clock_mono() - run->begin_ns) / 1e9, f->up, f->options.devices,
		(unsigned long long)f->made, (unsigned long long)f->acknowledged,
		(unsigned long long)(f->made - f->acknowledged), (unsigned long long)f->resent,
		(unsigned long long)f->reconnects, end);
	(void)fflush(out);
}

static void on_second(struct timer *t)
{
	struct run *run = container_of(t, struct run, second);

	for (uint32_t i = 0; i < run->fleet.options.devices; i++)
		device_tick(&run->fleet.devices[i]);
	if (!run->fleet.options.quiet)
		say(run, stderr, isatty(STDERR_FILENO) ? "   \r" : "\n");
}

static void on_signal(struct watch *w, uint32_t events)
{
	struct run *run = container_of(w, struct run, signals);
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof(info)) > 0)
		loop_stop(run->fleet.loop);
}

static int signals_watch(struct run *run)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	run->signals = (struct watch){ .fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
		                       .fn = on_signal };
	if (run->signals.fd < 0)
		return -errno;
	return loop_watch(run->fleet.loop, &run->signals, EPOLLIN);
}

static int run_init(struct run *run, const struct options *o)
{
	struct fleet *f = &run->fleet;
	struct rlimit limit;
	int r;

	f->options = *o;
	f->broker = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(o->port) };
	if (inet_pton(AF_INET, o->host, &f->broker.sin_addr) != 1) {
		(void)fprintf(stderr, "signalbox-fleet: %s is not a numeric IPv4 address\n",
		              o->host);
		return -EINVAL;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	r = loop_new(&f->loop, "fleet");
	if (r == 0)
		r = oracle_create(&f->oracle, o->oracle);
	if (r == 0)
		r = signals_watch(run);
	f->devices = r == 0 ? calloc(o->devices, sizeof(*f->devices)) : NULL;
	if (!f->devices)
		return r < 0 ? r : -ENOMEM;
	for (uint32_t i = 0; i < o->devices; i++)
		device_init(&f->devices[i], f, i);
	return 0;
}

static int run_fini(struct run *run)
{
	struct fleet *f = &run->fleet;
	int r;

	for (uint32_t i = 0; f->devices && i < f->options.devices; i++)
		device_fini(&f->devices[i]);
	free(f->devices);
	r = oracle_finish(&f->oracle);
	if (r < 0)
		(void)fprintf(stderr, "signalbox-fleet: the oracle is incomplete: %s\n",
		              strerror(-r));
	if (run->signals.fd > 0)
		close(run->signals.fd);
	loop_free(f->loop);
	return r;
}

int fleet_run(const struct options *options)
{
	struct run run = { .fleet = { .options = *options } };
	int r = run_init(&run, options);
	bool settled;

	if (r == 0) {
		run.begin_ns = run.last_ns = clock_mono();
		if (options->duration_s > 0)
			run.end_ns = run.begin_ns + (int64_t)(options->duration_s * 1e9);
		run.tick.fn = on_tick;
		run.second.fn = on_second;
		loop_timer(run.fleet.loop, &run.tick, TICK_NS, TICK_NS);
		loop_timer(run.fleet.loop, &run.second, NS_PER_S, NS_PER_S);
		r = loop_run(run.fleet.loop);
		timer_end(&run.tick);
		timer_end(&run.second);
		say(&run, stdout, "\n");
		if (run.fleet.skipped)
			(void)printf("%llu messages were not sent: a device's buffer was full\n",
			             (unsigned long long)run.fleet.skipped);
	}
	settled = all_settled(&run);
	int end = run_fini(&run);
	if (r < 0 || end < 0)
		return r < 0 ? r : end;
	return settled || options->duration_s <= 0 ? 0 : 1;
}
