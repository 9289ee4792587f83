#include <systemd/sd-daemon.h>

#include "notify.h"

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_alive(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}
