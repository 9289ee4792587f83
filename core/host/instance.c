#include "host/instance.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "host/state.h"
#include "host/worker.h"

#define LOG_MODULE "host"

struct instance *instance_of(struct sb_host *handle)
{
	struct instance *in = (void *)handle;
	if (__builtin_expect(!in || in->tag != INSTANCE_TAG, 0)) {
		log_error(SB_E_STALE, "a plugin calls with a handle that is not its own");
		abort();
	}
	return in;
}

struct sb_host *instance_handle(struct instance *in)
{
	return (void *)in;
}

const char *instance_name(const struct instance *in)
{
	return in->name;
}

void *instance_self(const struct instance *in)
{
	return in->self;
}

const void *instance_ext(const struct instance *in, const char *id)
{
	const char *const *ids = in->descriptor->provides;
	for (size_t i = 0; ids && ids[i] && i < MAX_PROVIDES; i++)
		if (strcmp(ids[i], id) == 0)
			return in->tables[i];
	return NULL;
}

struct loop *instance_loop(const struct instance *in)
{
	return in->worker->loop;
}

enum instance_state instance_state(const struct instance *in)
{
	return (enum instance_state)atomic_load_explicit(&in->state, memory_order_acquire);
}

int instance_post(struct instance *in, void (*fn)(void *ud), void *ud)
{
	return loop_post(in->worker->loop, fn, ud);
}

void *instance_get(const struct instance *in, uint32_t slot)
{
	return slot < MAX_SLOTS ? in->slots[slot] : NULL;
}

void instance_set(struct instance *in, uint32_t slot, void *state)
{
	if (slot < MAX_SLOTS)
		in->slots[slot] = state;
}
