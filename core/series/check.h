/* Whether everything in blocks can be read. */
#pragma once

struct blocks;
struct catalog;
struct series_check;

int check_run(const struct blocks *blocks, struct catalog *catalog, struct series_check *check);
