/* What the service manager is told; nothing where there is none. */
#pragma once

void notify_ready(void);
void notify_alive(void);
void notify_stopping(void);
