/* LD_PRELOAD: fdatasync takes as long, or fails, as the file named by SLOW_DISK says while the
 * program runs: "MILLISECONDS ERRNO"; without the file nothing is changed. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void read_order(long *ms, long *error)
{
	const char *name = getenv("SLOW_DISK");
	char text[64] = "";
	char *end = NULL;
	int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;

	*ms = *error = 0;
	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0) {
		*ms = strtol(text, &end, 10);
		*error = strtol(end, NULL, 10);
	}
	close(fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
	static int (*next)(int fd);
	long ms;
	long error;

	if (!next)
		next = (int (*)(int))(uintptr_t)dlsym(RTLD_NEXT, "fdatasync");
	read_order(&ms, &error);
	if (ms) {
		struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
		(void)nanosleep(&t, NULL);
	}
	if (error) {
		errno = (int)error;
		return -1;
	}
	return next(fd);
}
