/* What an entry of a session's queue can be; for the files of inflight.h. */
#pragma once

#include "inflight.h"

enum {
	INFLIGHT_WAITING,
	INFLIGHT_WANTS_PUBACK,
	INFLIGHT_WANTS_PUBREC,
	INFLIGHT_WANTS_PUBCOMP,
	INFLIGHT_DONE
};

#define INFLIGHT_COST 48
#define INFLIGHT_MAX  32768

int inflight_grow(struct inflight *f);
