/* The half that stores blocks: "store-sqlite". */
#pragma once

struct sb_core;
struct sb_ops;

extern const struct sb_ops store_ops;
void store_init(const struct sb_core *core);
