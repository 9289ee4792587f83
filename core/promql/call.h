/* Functions that are neither over ranges nor of one number: a function each, as function.h says. */
#pragma once

struct eval;
struct node;
struct value;

int call_absent(struct eval *ev, const struct node *node, struct value *out);
int call_absent_over_time(struct eval *ev, const struct node *node, struct value *out);
int call_clamp(struct eval *ev, const struct node *node, struct value *out);
int call_clamp_max(struct eval *ev, const struct node *node, struct value *out);
int call_clamp_min(struct eval *ev, const struct node *node, struct value *out);
int call_label_join(struct eval *ev, const struct node *node, struct value *out);
int call_label_replace(struct eval *ev, const struct node *node, struct value *out);
int call_pi(struct eval *ev, const struct node *node, struct value *out);
int call_round(struct eval *ev, const struct node *node, struct value *out);
int call_scalar(struct eval *ev, const struct node *node, struct value *out);
int call_sort(struct eval *ev, const struct node *node, struct value *out);
int call_sort_desc(struct eval *ev, const struct node *node, struct value *out);
int call_time(struct eval *ev, const struct node *node, struct value *out);
int call_timestamp(struct eval *ev, const struct node *node, struct value *out);
int call_vector(struct eval *ev, const struct node *node, struct value *out);
/* hour(), year() and so on. */
int call_calendar(struct eval *ev, const struct node *node, struct value *out);
