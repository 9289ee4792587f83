/* Wrong passwords, counted per address and per name, so that guessing is slow and buys no processor
 * time. Two sketches of fixed size: who shares a place with a guesser is limited with it, which
 * only means to be asked to come later; passwords known to be right are never limited. Any
 * thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct guesses;

int guesses_new(struct guesses **out);
struct guesses *guesses_free(struct guesses *guesses);
/* Hashes of address and name, by map_hash(). May one more be tried? */
bool guesses_allow(struct guesses *guesses, uint64_t address, uint64_t name, int64_t now_ns);
void guesses_wrong(struct guesses *guesses, uint64_t address, uint64_t name, int64_t now_ns);
