#include "host/crash_pc.h"

uintptr_t crash_pc(const void *ucontext)
{
	(void)ucontext;
	return 0;
}
