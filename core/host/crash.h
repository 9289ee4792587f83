/* What is written when the process dies of a signal: plugin, instance and function from the
 * thread's frame, the place from the program counter. Signal handlers belong to the process, so
 * does this. */
#pragma once

/* Installs the handlers; the record of a crash goes to fd. crash_end() restores what was before. */
void crash_begin(int fd);
void crash_end(void);
/* The code of the file that `inside` points into goes by this path's name. */
void crash_map_module(const char *path, const void *inside);
/* A stack for the handler, for the calling thread; end gives it back. */
void crash_stack_begin(void);
void crash_stack_end(void);
