/* Operators between two parts of a query. */
#pragma once

struct eval;
struct node;
struct value;

int binary_eval(struct eval *ev, const struct node *node, struct value *out);
