/* Where a thread stood when a signal hit it. One file per machine. */
#pragma once
#include <stdint.h>

uintptr_t crash_pc(const void *ucontext); /* 0: unknown */
