#include "notify.h"

void notify_ready(void)
{
}

void notify_reloading(void)
{
}

void notify_status(const char *status)
{
	(void)status;
}

void notify_alive(void)
{
}

void notify_stopping(void)
{
}
