/* sum by (a) (...) and its kin. */
#pragma once
#include <stdint.h>

struct eval;
struct node;
struct value;

int aggregate_eval(struct eval *ev, const struct node *node, struct value *out);
/* As Prometheus interpolates it; puts the values in order. */
double aggregate_quantile(double q, double *values, uint32_t n);
