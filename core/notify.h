/* What the service manager is told; nothing where there is none. */
#pragma once

void notify_ready(void);
void notify_reloading(void);            /* until notify_ready() */
void notify_status(const char *status); /* one line for people */
void notify_alive(void);
void notify_stopping(void);
