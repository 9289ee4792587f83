/* The half that stores documents: "docs-sqlite". */
#pragma once

struct sb_core;
struct sb_ops;

extern const struct sb_ops docs_ops;
void docs_init(const struct sb_core *core);
