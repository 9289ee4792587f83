/* How much room the data directory has, and what of it is set aside. */
#pragma once
#include <stdint.h>

struct app;

/* After the data directory is ours. The reserve is made later, by series/keeper.h. */
int room_init(struct app *app);
void room_space(void *app, uint64_t *left, uint64_t *total); /* any thread; 0, 0: unknown */
uint64_t room_low_water(const struct app *app);              /* bytes free; 0: none */
