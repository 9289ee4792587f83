/* Functions over the samples of a range: rate(x[5m]) and its kin. */
#pragma once

struct eval;
struct node;
struct value;
struct window;

int over_eval(struct eval *ev, const struct node *node, struct value *out);

double over_rate(const struct window *w, const double *scalars);
double over_increase(const struct window *w, const double *scalars);
double over_delta(const struct window *w, const double *scalars);
double over_irate(const struct window *w, const double *scalars);
double over_idelta(const struct window *w, const double *scalars);
double over_deriv(const struct window *w, const double *scalars);
double over_predict_linear(const struct window *w, const double *scalars);
double over_changes(const struct window *w, const double *scalars);
double over_resets(const struct window *w, const double *scalars);
double over_avg(const struct window *w, const double *scalars);
double over_sum(const struct window *w, const double *scalars);
double over_min(const struct window *w, const double *scalars);
double over_max(const struct window *w, const double *scalars);
double over_count(const struct window *w, const double *scalars);
double over_last(const struct window *w, const double *scalars);
double over_present(const struct window *w, const double *scalars);
double over_stddev(const struct window *w, const double *scalars);
double over_stdvar(const struct window *w, const double *scalars);
double over_quantile(const struct window *w, const double *scalars);
