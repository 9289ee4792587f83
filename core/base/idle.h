/* The calling thread gives way to everything else: processor and disk. What cannot be had is done
 * without. */
#pragma once

void idle_enter(void);
