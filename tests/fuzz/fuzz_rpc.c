/* A message of a client, in JSON or (first byte odd) CBOR: every check before a method runs. The
 * client must choose a password first, so none but session.me does. Sockets and threads are not
 * there. */
#include <stdint.h>
#include <stdlib.h>

#include <signalbox/services.h>

#include "api/form.h"
#include "api/jobs.h"
#include "api/rpc.h"
#include "api/server.h"
#include "api/socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static unsigned answers;

bool session_send(struct session *s, struct buffer *bytes, bool event)
{
	const char *why;

	(void)event;
	json_t *answer = form_take(s->form, bytes->p + SESSION_HEAD, bytes->n - SESSION_HEAD, &why);

	if (!answer || !json_object_get(answer, "id"))
		abort();
	json_decref(answer);
	answers++;
	return true;
}

void session_end(struct session *s, int code, const char *why)
{
	(void)s;
	(void)code;
	(void)why;
}

bool session_is_slow(const struct session *s)
{
	(void)s;
	return false;
}

int jobs_put(struct jobs *jobs, job_fn fn, void *ud)
{
	(void)jobs;
	(void)fn;
	(void)ud;
	return SB_AGAIN;
}

uint32_t jobs_waiting(struct jobs *jobs)
{
	(void)jobs;
	return 0;
}

void server_post(struct api *api, void (*fn)(void *ud), void *ud)
{
	(void)api;
	fn(ud);
}

void server_tick_soon(struct api *api)
{
	(void)api;
}

static struct api *the_api(void)
{
	static struct api api;

	if (!api.rpc && rpc_new(&api.rpc, &api) < 0)
		abort();
	return &api;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct session s = {
		.api = the_api(),
		.who = {
			.subject = "fuzz",
			.role = SB_ROLE_ADMIN,
			.local = true,
			.must_change = true,
			.expires_ns = INT64_MAX,
		},
	};

	if (n == 0)
		return 0;
	s.form = data[0] & 1 ? WIRE_CBOR : WIRE_JSON;
	s.last = &s.first;
	rpc_take(&s, data + 1, n - 1);
	if (s.calls)
		abort();
	return 0;
}
