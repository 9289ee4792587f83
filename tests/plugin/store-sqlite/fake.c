#include "store-sqlite/fake.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

static void copy(char *to, size_t cap, struct sb_str s)
{
	(void)snprintf(to, cap, "%.*s", (int)s.n, s.n ? s.p : "");
}

static int32_t timer(struct sb_host *host, int64_t delay_ns, int64_t period_ns, sb_task_fn fn,
                     void *ud, sb_timer *out)
{
	(void)delay_ns;
	(void)period_ns;
	host->timer = fn;
	host->timer_ud = ud;
	*out = 1;
	return 0;
}

static void timer_cancel(struct sb_host *host, sb_timer t)
{
	(void)t;
	host->timer = NULL;
}

static const struct sb_loop loop = {
	.size = sizeof(loop),
	.timer = timer,
	.timer_cancel = timer_cancel,
};

static const void *service(struct sb_host *host, const char *id)
{
	(void)host;
	return strcmp(id, "sb.loop/1") == 0 ? &loop : NULL;
}

static void say(struct sb_host *host, int32_t level, struct sb_str msg, const struct sb_kv *kv,
                uint32_t n)
{
	(void)host;
	(void)level;
	(void)kv;
	(void)n;
	if (getenv("VERBOSE"))
		(void)fprintf(stderr, "# %.*s\n", (int)msg.n, msg.p);
}

static int32_t log_enabled(struct sb_host *host, int32_t level)
{
	(void)host;
	return level >= SB_LOG_INFO;
}

static int32_t fail(struct sb_host *host, int32_t r, struct sb_str why)
{
	copy(host->why, sizeof(host->why), why);
	return r;
}

static void health(struct sb_host *host, int32_t h, struct sb_str why)
{
	__atomic_store_n(&host->health, h, __ATOMIC_RELAXED);
	if (h != SB_HEALTH_OK)
		copy(host->health_why, sizeof(host->health_why), why);
}

static int64_t now_ns(int32_t clock)
{
	struct timespec t;

	(void)clock_gettime(clock == SB_CLOCK_UTC ? CLOCK_REALTIME : CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static const struct sb_core core = {
	.size = sizeof(core),
	.abi_major = SB_ABI_MAJOR,
	.host_name = "fake",
	.host_version = "0",
	.service = service,
	.log = say,
	.log_enabled = log_enabled,
	.fail = fail,
	.health = health,
	.now_ns = now_ns,
};

/* ---- configuration: one string */

static int32_t config_str(const struct sb_config *config, const char *pointer, struct sb_str *out)
{
	if (strcmp(pointer, "/dir") != 0)
		return SB_E_NOT_FOUND;
	*out = fake_str(config->impl);
	return 0;
}

static const struct instance *running;

bool fake_keeps_files(void)
{
	return strcmp(sb_plugin_entry_1.descriptor(0)->id, "store-sqlite") == 0;
}

const struct instance *fake_running(void)
{
	return running;
}

int32_t fake_start(struct instance *in, uint32_t index, const char *dir)
{
	struct sb_config config = { .size = sizeof(config), .impl = dir, .str = config_str };
	int32_t r = sb_plugin_entry_1.init(&core, "store-sqlite.so");

	*in = (struct instance){ 0 };
	running = in;
	in->descriptor = sb_plugin_entry_1.descriptor(index);
	if (r == 0)
		r = in->descriptor->ops->create(&in->host, in->descriptor, &in->self);
	if (r == 0)
		r = in->descriptor->ops->configure(in->self, &config);
	if (r == 0)
		r = in->descriptor->ops->start(in->self);
	in->store = in->descriptor->ops->ext(in->self, "sb.store/1");
	in->docstore = in->descriptor->ops->ext(in->self, "sb.docstore/1");
	return r;
}

void fake_end(struct instance *in)
{
	in->descriptor->ops->stop(in->self);
	in->descriptor->ops->destroy(in->self);
	sb_plugin_entry_1.deinit();
}

void fake_tick(struct instance *in, uint32_t times)
{
	for (uint32_t i = 0; i < times && in->host.timer; i++)
		in->host.timer(in->host.timer_ud);
}

/* ---- folders */

void fake_make_dir(char dir[static 200])
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(dir, 200, "%s/store %% #XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		abort();
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void fake_remove_dir(const char *dir)
{
	(void)nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- a full disk: below SQLite, above the kernel */

static int64_t room = INT64_MAX;

static ssize_t write_some(int fd, const void *p, size_t n, off_t at)
{
	if (room < (int64_t)n) {
		errno = ENOSPC;
		return -1;
	}
	if (room != INT64_MAX)
		room -= (int64_t)n;
	return pwrite(fd, p, n, at);
}

void fake_disk_room(int64_t bytes)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	room = bytes;
	(void)vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_some);
	(void)vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_some);
}
