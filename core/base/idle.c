#include "base/idle.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/own.h"

/* linux/ioprio.h, which older headers lack. */
enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_CLASS_IDLE = 3, IOPRIO_CLASS_SHIFT = 13 };

void idle_enter(void)
{
	const struct sched_param param = { 0 };
	id_t self = (id_t)gettid();
	(void)setpriority(PRIO_PROCESS, self, 19);
	(void)sched_setscheduler(0, SCHED_IDLE, &param);
	(void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
	              IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT);
}
