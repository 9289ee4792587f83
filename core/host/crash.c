#include "host/crash.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/own.h"
#include "host/crash_pc.h"
#include "host/frame.h"
#include "host/state.h"

#define MAX_MODULES 64
#define STACK_BYTES (64u << 10)

static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

/* A signal handler finds nothing by argument, so this belongs to the process. */
static struct {
	_Atomic int fd; /* -1: no record wanted */
	atomic_flag is_written;
	struct sigaction before[ARRAY_LEN(signals)];
	struct {
		uintptr_t from, to, base;
		char name[64];
	} modules[MAX_MODULES];
	_Atomic size_t n_modules;
} state = { .fd = -1, .is_written = ATOMIC_FLAG_INIT };

static __thread void *stack;

/* ---- in the handler: only what is async-signal-safe */

struct text {
	char p[1024];
	size_t n;
};

static void put(struct text *t, const char *s)
{
	while (s && *s && t->n < sizeof(t->p))
		t->p[t->n++] = *s++;
}

static void put_number(struct text *t, uint64_t v, unsigned base)
{
	char digits[24];
	size_t n = 0;
	do
		digits[n++] = "0123456789abcdef"[v % base];
	while (v /= base);
	while (n && t->n < sizeof(t->p))
		t->p[t->n++] = digits[--n];
}

static void put_place(struct text *t, uintptr_t pc)
{
	size_t n = atomic_load(&state.n_modules);
	for (size_t i = 0; i < n; i++) {
		if (pc < state.modules[i].from || pc >= state.modules[i].to)
			continue;
		put(t, state.modules[i].name);
		put(t, "+0x");
		put_number(t, pc - state.modules[i].base, 16);
		return;
	}
	put(t, "0x");
	put_number(t, pc, 16);
}

static void put_record(struct text *t, int sig, uintptr_t pc)
{
	const struct frame_slot *s = frame_here();
	const struct instance *in = s ? atomic_load(&s->instance) : NULL;
	if (s && !in)
		in = atomic_load(&s->home);
	const char *function = s ? atomic_load(&s->function) : NULL;
	struct timespec now = { 0 };
	clock_gettime(CLOCK_REALTIME, &now);
	put(t, "time=");
	put_number(t, (uint64_t)now.tv_sec, 10);
	put(t, "\nsignal=");
	put_number(t, (uint64_t)sig, 10);
	put(t, "\nthread=");
	put(t, s ? s->thread : "");
	put(t, "\nplugin=");
	put(t, in ? in->descriptor->id : s ? atomic_load(&s->subject) : NULL);
	put(t, "\nversion=");
	put(t, in ? in->descriptor->version : NULL);
	put(t, "\ninstance=");
	put(t, in ? in->name : NULL);
	put(t, "\nfunction=");
	put(t, function);
	put(t, "\nplace=");
	put_place(t, pc);
	put(t, "\n");
}

static void put_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

static void on_crash(int sig, siginfo_t *info, void *ucontext)
{
	int saved = errno;
	int fd = atomic_load(&state.fd);
	if (fd >= 0 && !atomic_flag_test_and_set(&state.is_written)) {
		struct text t = { .n = 0 };
		put(&t, "signalbox crashed\n");
		size_t head = t.n;
		put_record(&t, sig, crash_pc(ucontext));
		put_all(fd, t.p + head, t.n - head);
		fsync(fd);
		for (size_t i = 0; i + 1 < t.n; i++)
			if (t.p[i] == '\n')
				t.p[i] = ' ';
		put_all(STDERR_FILENO, t.p, t.n);
	}
	/* Back to what was there before: a fault comes again by itself, a raised signal does not.
	 */
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (signals[i] == sig)
			sigaction(sig, &state.before[i], NULL);
	if (info->si_code <= 0)
		raise(sig);
	errno = saved;
}

/* ---- outside */

void crash_begin(int fd)
{
	struct sigaction sa = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
	sa.sa_sigaction = on_crash;
	sigemptyset(&sa.sa_mask);
	atomic_flag_clear(&state.is_written);
	atomic_store(&state.fd, fd);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &sa, &state.before[i]);
	crash_stack_begin();
}

void crash_end(void)
{
	atomic_store(&state.fd, -1);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaction(signals[i], &state.before[i], NULL);
}

struct search {
	uintptr_t inside;
	const char *path;
};

static int note_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	const struct search *search = arg;
	uintptr_t from = UINTPTR_MAX;
	uintptr_t to = 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		if (ph->p_type != PT_LOAD)
			continue;
		from = MIN(from, info->dlpi_addr + ph->p_vaddr);
		to = MAX(to, info->dlpi_addr + ph->p_vaddr + ph->p_memsz);
	}
	if (search->inside < from || search->inside >= to)
		return 0;
	size_t n = atomic_load(&state.n_modules);
	for (size_t i = 0; i < n; i++)
		if (state.modules[i].from == from)
			return 1;
	if (n == MAX_MODULES)
		return 1;
	state.modules[n].from = from;
	state.modules[n].to = to;
	state.modules[n].base = info->dlpi_addr;
	const char *name = strrchr(search->path, '/');
	name = name ? name + 1 : search->path;
	strncpy(state.modules[n].name, name, sizeof(state.modules[n].name) - 1);
	atomic_store(&state.n_modules, n + 1);
	return 1;
}

void crash_map_module(const char *path, const void *inside)
{
	struct search search = { (uintptr_t)inside, path };
	dl_iterate_phdr(note_module, &search);
}

void crash_stack_begin(void)
{
	stack_t now;
	if (stack || sigaltstack(NULL, &now) < 0 || !(now.ss_flags & SS_DISABLE))
		return;
	void *p = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
	               MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	if (p == MAP_FAILED)
		return;
	const stack_t ours = { .ss_sp = p, .ss_size = STACK_BYTES };
	if (sigaltstack(&ours, NULL) < 0)
		munmap(p, STACK_BYTES);
	else
		stack = p;
}

void crash_stack_end(void)
{
	if (!stack)
		return;
	const stack_t none = { .ss_flags = SS_DISABLE };
	sigaltstack(&none, NULL);
	munmap(stack, STACK_BYTES);
	stack = NULL;
}
