/* A plugin instance: what `struct sb_host *` is to the host. Its calls never overlap: they run on
 * its loop, which is a shared reactor or a thread of its own. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include <signalbox/plugin.h>

struct instance;
struct loop;

enum instance_state {
	INSTANCE_CREATED,
	INSTANCE_CONFIGURED,
	INSTANCE_RUNNING,
	INSTANCE_DRAINING,
	INSTANCE_STOPPED,
	INSTANCE_FAILED,
	INSTANCE_QUARANTINED,
	INSTANCE_REMOVED, /* the configuration has it no more; its place is kept */
};

/* The instance behind a handle a plugin gave; checks its tag. */
struct instance *instance_of(struct sb_host *handle);
struct sb_host *instance_handle(struct instance *in);
const char *instance_name(const struct instance *in); /* "mqtt", "modbus boiler" */
void *instance_self(const struct instance *in);
const void *instance_ext(const struct instance *in, const char *id); /* table or NULL; any thread */
struct loop *instance_loop(const struct instance *in);
enum instance_state instance_state(const struct instance *in);

/* Run fn on the instance's thread; as loop_post(). */
int instance_post(struct instance *in, void (*fn)(void *ud), void *ud);

/* Services keep state of their own per instance here, under a slot from host_slot(). */
void *instance_get(const struct instance *in, uint32_t slot);
void instance_set(struct instance *in, uint32_t slot, void *state);

/* What the current thread is inside of; every call from host to plugin stands between these two, so
 * that crash, stall and CPU time are attributed. Nests. `function` is a literal:
 * "source.completed". */
struct frame {
	struct instance *instance;
	const char *function;
	struct frame *outer;
	int64_t since_ns;
};
void frame_enter(struct frame *f, struct instance *in, const char *function);
void frame_leave(struct frame *f);
