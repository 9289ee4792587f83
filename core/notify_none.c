#include "notify.h"

void notify_ready(void)
{
}

void notify_alive(void)
{
}

void notify_stopping(void)
{
}
