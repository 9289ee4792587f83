/* Compares an oracle with what the platform's API answers, value by value. */
#pragma once

struct options;

/* 0: nothing is lost, duplicated, disordered or altered; 1: something is; or a fault. */
int verify_run(const struct options *options);
