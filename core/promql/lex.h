/* The words of a query. Slices point into its text. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/types.h>

struct arena;
struct error;

enum lex_kind {
	LEX_END,
	LEX_IDENTIFIER, /* may hold colons */
	LEX_NUMBER,
	LEX_DURATION, /* 5m, 1h30m */
	LEX_STRING,
	LEX_SIGN /* ( ) { } [ ] , : @ and operators */
};

enum lex_sign {                    /* one character is its own sign; these are two */
	        LEX_EQUAL = 256,   /* == */
	        LEX_UNEQUAL,       /* != */
	        LEX_LESS_EQUAL,    /* <= */
	        LEX_GREATER_EQUAL, /* >= */
	        LEX_MATCH,         /* =~ */
	        LEX_NO_MATCH       /* !~ */
};

struct lex {
	struct sb_str text;
	uint32_t at; /* behind the word that was read */
	struct arena *arena;
	struct error *error;
	/* the word */
	enum lex_kind kind;
	uint32_t from; /* where it begins */
	int sign;
	struct sb_str word; /* of a string: what it stands for, in the arena */
	double number;
	int64_t duration_ms;
};

/* Reads the next word; -1: error was set. */
int lex_next(struct lex *lex);
/* "1h30m"; -1 if it is none, or longer than 200 years. */
int64_t lex_duration(struct sb_str text);
