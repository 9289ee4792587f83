/* Secrets from people: typed without echo, or one line of standard input. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

int prompt_secret(const char *label, char *out, size_t cap); /* 0, or a fault */
void prompt_random(char out[static 21]);                     /* a password nobody has chosen */
