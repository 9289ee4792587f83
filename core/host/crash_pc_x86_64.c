#include <ucontext.h>

#include "host/crash_pc.h"

uintptr_t crash_pc(const void *ucontext)
{
	const ucontext_t *uc = ucontext;
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}
