/* signalboxd --verify: is this backup good? One line each on standard output:
 *
 *     step WHAT DONE ALL    how far it is
 *     fault TEXT            something is wrong; all that is found is told
 *     count NAME NUMBER     what is in it
 *     good | bad            the last line */
#pragma once

struct args;

int prove_run(const struct args *args); /* the exit code */
