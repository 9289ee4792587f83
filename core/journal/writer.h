/* The journal thread: gathers groups, makes them durable, tells everybody. */
#pragma once
struct journal;

int writer_start(struct journal *j);
void writer_stop(struct journal *j); /* everything published before is committed, or failed */
