/* One thread writes everything of the registry to documents, so that changes of one device are in
 * order and what waited together shares a commit. */
#pragma once
#include <stdint.h>

struct change;
struct device;
struct registry;
struct writer;

int writer_new(struct writer **out, struct registry *reg); /* starts the thread */
struct writer *writer_free(struct writer *w); /* what still waits is answered -ESHUTDOWN */
/* Takes the change on 0. SB_E_OVERLOAD when 4,096 wait. */
int writer_change(struct writer *w, struct change *change);
void writer_dirty(struct writer *w, struct device *dev); /* its document is behind */
int writer_save(struct writer *w);                       /* everything until now; blocks */
