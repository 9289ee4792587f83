/* Answers that tell what there is: /series, /labels, /label/NAME/values, /metadata. Query thread.
 */
#pragma once
#include <signalbox/types.h>

struct arena;
struct buffer;
struct error;
struct params;
struct store;

/* 0, or -1 and the error. */
int lists_series(struct store *store, const struct params *params, struct buffer *out,
                 struct error *error);
int lists_labels(struct store *store, const struct params *params, struct buffer *out,
                 struct error *error);
int lists_values(struct store *store, const struct params *params, struct sb_str label,
                 struct buffer *out, struct error *error);
int lists_metadata(struct store *store, const struct params *params, struct buffer *out,
                   struct error *error);
