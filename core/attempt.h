/* One try to put another configuration in force. Main thread. */
#pragma once
#include "changes.h"
#include "settings.h"

struct app;
struct args;
struct conf;
struct inforce;
struct revise;
struct tls;

#define ATTEMPT_ERRORS 64

struct attempt {
	struct app *app;
	struct inforce *inforce;
	struct conf *conf;
	struct settings settings;
	struct tls *tls; /* the new identity */
	bool tls_lives;  /* and there is one to take the place of */
	struct revise *revise;
	struct changes changes;
	char *errors[ATTEMPT_ERRORS]; /* lines of this thread since attempt_listen() */
	size_t n_errors;
};

/* Until log_listen(NULL, NULL). */
void attempt_listen(struct attempt *a);
/* Reads and checks; nothing has changed afterwards. A fault after every mistake was logged. */
int attempt_prepare(struct attempt *a, const struct args *args);
/* Puts all of it in force; a fault: nothing of it is. */
int attempt_apply(struct attempt *a);
void attempt_fini(struct attempt *a);
