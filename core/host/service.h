/* The service tables the host itself provides, and the look-up by id. */
#pragma once
#include <signalbox/services.h>

struct host;
struct instance;

const void *service_find(const struct host *host, const char *id);
const struct sb_core *service_core(void);
const struct sb_loop *service_loop(void);
const struct sb_stream *service_stream(void);
const struct sb_metrics *service_metrics(void);

/* [inst] Before ops.stop: ends its listeners, so that the plugin hears of its connections' end. */
void service_stream_end(struct instance *in);
/* [inst] After ops.stop: ends watches and timers the instance left behind. */
void service_loop_end(struct instance *in);
