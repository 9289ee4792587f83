/* The list of plugin files that may be loaded, by their SHA-256: lines as sha256sum writes them. */
#pragma once
#include <stddef.h>

/* 0: listed, or there is no list (list NULL). -EPERM with a sentence in why otherwise. */
int allow_check(const char *list, const char *path, int fd, char *why, size_t cap);
