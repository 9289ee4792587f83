/* Loading one plugin file: checks before, during and after dlopen. Main thread. */
#pragma once
#include <stddef.h>

struct host;

/* 0, or the fault, with one sentence in why; nothing of the file is used then. A file that was
 * loaded stays so until the process ends. */
int plugin_load(struct host *host, const char *path, char *why, size_t cap);
/* The directory itself: only its owner, root or us, may write there. */
int plugin_check_dir(const char *path, char *why, size_t cap);

struct plugin;
/* The counterpart of its init; forgets it, but leaves its code where it is. */
void plugin_end(struct plugin *plugin);
