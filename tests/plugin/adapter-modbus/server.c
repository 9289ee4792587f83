#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/check.h"

void server_init(struct server *s, int start, int n)
{
	memset(s, 0, sizeof(*s));
	s->listener = -1;
	s->client = -1;
	s->bus = modbus_new_tcp("127.0.0.1", 1502);
	s->map = modbus_mapping_new_start_address((unsigned)start, (unsigned)n, (unsigned)start,
	                                          (unsigned)n, (unsigned)start, (unsigned)n,
	                                          (unsigned)start, (unsigned)n);
	assert_non_null(s->bus);
	assert_non_null(s->map);
}

static void answer(struct server *s, const uint8_t *query, int n)
{
	int unit = query[6];
	s->requests++;
	if (s->is_deaf || unit == 99)
		return;
	if (unit > 100)
		modbus_reply_exception(s->bus, query, MODBUS_EXCEPTION_GATEWAY_TARGET);
	else
		modbus_reply(s->bus, query, n, s->map);
}

static void *serve(void *arg)
{
	struct server *s = arg;
	uint8_t query[MODBUS_TCP_MAX_ADU_LENGTH];
	while (!s->stopping) {
		int fd = accept(s->listener, NULL, NULL);
		if (fd < 0)
			break;
		s->client = fd;
		modbus_set_socket(s->bus, fd);
		while (!s->stopping) {
			int n = modbus_receive(s->bus, query);
			if (n < 0)
				break;
			if (n > 0)
				answer(s, query, n);
		}
		s->client = -1;
		close(fd);
	}
	return NULL;
}

void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(s->port) };
	socklen_t len = sizeof(a);
	int one = 1;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->listener, 4), 0);
	assert_int_equal(getsockname(s->listener, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	s->stopping = false;
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void server_stop(struct server *s)
{
	if (s->listener < 0)
		return;
	s->stopping = true;
	shutdown(s->listener, SHUT_RDWR);
	if (s->client >= 0)
		shutdown(s->client, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	s->listener = -1;
}

void server_fini(struct server *s)
{
	server_stop(s);
	modbus_mapping_free(s->map);
	modbus_free(s->bus);
}
