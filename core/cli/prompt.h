/* Secrets from people: typed without echo, or one line of standard input. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

int prompt_secret(const char *label, char *out, size_t cap); /* 0, or a fault */
int prompt_bytes(unsigned char *out, size_t n);              /* random; -EIO */
void prompt_random(char out[static 21]);                     /* a password nobody has chosen */
