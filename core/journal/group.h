/* A group on its way: what goes in, and who is told afterwards. Journal thread. */
#pragma once

struct journal;
struct journal_commit;

/* Everything that waits, definitions first; *out may have no records. */
int group_gather(struct journal *j, struct journal_commit **out);
void group_publish(struct journal *j, struct journal_commit *commit); /* it is on disk */
void group_fail(struct journal *j, int r); /* it is not; definitions stay for the next */
