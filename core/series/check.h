/* Whether everything in blocks can be read. */
#pragma once

struct blocks;
struct series_check;

int check_run(const struct blocks *blocks, struct series_check *check);
