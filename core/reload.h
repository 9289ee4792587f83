/* Another configuration while the platform runs: all of it, or nothing of it. What is wrong with it
 * is logged with file, line, key and remedy, and the one before stays in force. */
#pragma once

struct api_platform;
struct app;
struct args;
struct reload;

extern const struct api_platform reload_platform; /* for the API; ud is the struct reload */

/* Keeps args. What app->conf and app->settings say is taken for what is in force. */
int reload_new(struct reload **out, struct app *app, const struct args *args);
struct reload *reload_free(struct reload *rl);
/* From here on people may ask for it; just before app->loop runs. */
void reload_open(struct reload *rl);
void reload_signalled(struct reload *rl); /* SIGHUP; main thread */
