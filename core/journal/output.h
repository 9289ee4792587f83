/* Groups to segments, and what to do when the disk says no. Journal thread. */
#pragma once

struct journal;
struct journal_commit;

/* Goes on in the newest segment of the last run, if it can. */
void output_resume(struct journal *j);
/* Durable, or a fault after a fresh segment failed too. */
int output_commit(struct journal *j, struct journal_commit *commit);
/* Begins a fresh segment. SB_AGAIN: none is ready yet. */
int output_renew(struct journal *j);
void output_close(struct journal *j);
