/* What backups look like in answers. */
#pragma once
#include <stddef.h>

struct api;
struct wire;

void backup_give_plan(struct wire *w, const struct api *api); /* an object */
/* True: something is wrong with them, and what. */
int backup_is_ill(const struct api *api, char *why, size_t cap);
