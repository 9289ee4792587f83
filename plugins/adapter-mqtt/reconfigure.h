/* Another configuration for a server that runs. */
#pragma once

struct config;
struct server;

/* 0: in force, and who is there by a right that ended is gone. SB_RESTART: something changed that
 * listeners or connections were made with, or were promised; nothing was changed. */
int reconfigure_take(struct server *srv, const struct config *next);
