/* After a start: the records of the last run become sessions again. */
#pragma once

struct server;

/* Reads them all, before anybody connects. Faults are logged; what can be read is restored. */
void recover_sessions(struct server *srv);
/* Retained messages are back too: wills that are due are sent, clocks run on. */
void recover_go_on(struct server *srv);
