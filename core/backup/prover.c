#include "backup/prover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <signalbox/error.h>

#include "base/own.h"

#define SETS_MAX 8
#define LOOK_MS  200

extern char **environ;

static int spawn(const struct prover *p, const char *backup, pid_t *pid, int *out)
{
	const char *argv[4 + 2 * SETS_MAX] = { p->program, "--verify", backup };
	int n = 3;
	int pipe_fds[2];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;

	for (int i = 0; p->sets && p->sets[i] && i < SETS_MAX; i++) {
		argv[n++] = "--set";
		argv[n++] = p->sets[i];
	}
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	(void)sigemptyset(&none);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
	int r = -posix_spawnp(pid, p->program, &actions, &attr, (char *const *)(uintptr_t)argv,
	                      environ);

	(void)posix_spawn_file_actions_destroy(&actions);
	(void)posix_spawnattr_destroy(&attr);
	close(pipe_fds[1]);
	if (r < 0)
		close(pipe_fds[0]);
	else
		*out = pipe_fds[0];
	return r;
}

static void take_line(struct prover *p, const char *line)
{
	static const char fault[] = "fault ";

	if (strncmp(line, fault, sizeof(fault) - 1) == 0 && !*p->why)
		(void)snprintf(p->why, sizeof(p->why), "%s", line + sizeof(fault) - 1);
	if (p->line)
		p->line(p->ud, line);
}

/* Complete lines; the rest stays at the front. */
static void take_lines(struct prover *p, char *text, size_t *n)
{
	char *at = text;
	char *end;

	text[*n] = '\0';
	while ((end = strchr(at, '\n'))) {
		*end = '\0';
		take_line(p, at);
		at = end + 1;
	}
	*n = strlen(at);
	memmove(text, at, *n);
}

/* Until it closes its output: 0; -ECANCELED. */
static int listen_to(struct prover *p, int fd)
{
	char text[2048];
	size_t n = 0;

	for (;;) {
		struct pollfd watch = { fd, POLLIN, 0 };
		if (p->go_on && !p->go_on(p->ud))
			return -ECANCELED;
		if (poll(&watch, 1, LOOK_MS) <= 0)
			continue;
		ssize_t got = read(fd, text + n, sizeof(text) - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		n += (size_t)got;
		take_lines(p, text, &n);
		if (n == sizeof(text) - 1)
			n = 0; /* no line of ours is so long */
	}
}

int prover_run(struct prover *p, const char *backup)
{
	_own_(closep) int fd = -1;
	pid_t pid = 0;
	int status = 0;
	int r;

	p->why[0] = '\0';
	r = spawn(p, backup, &pid, &fd);
	if (r < 0) {
		(void)snprintf(p->why, sizeof(p->why), "cannot run %s: %s", p->program,
		               sb_strerror(r));
		return r;
	}
	r = listen_to(p, fd);
	if (r < 0)
		(void)kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r < 0)
		return r;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (!*p->why && WIFSIGNALED(status))
		(void)snprintf(p->why, sizeof(p->why), "%s ended by signal %d", p->program,
		               WTERMSIG(status));
	else if (!*p->why)
		(void)snprintf(p->why, sizeof(p->why), "%s ended with %d", p->program,
		               WEXITSTATUS(status));
	return SB_E_CORRUPT;
}
