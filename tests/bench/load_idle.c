/* Connections that only stay, plain or with TLS, until stdin ends. */
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "load.h"
#include "loop.h"

#define OPENERS 16

static void on_packet(struct client *c, const struct client_packet *p)
{
	client_fail("client %u: packet type %u", c->number, p->type);
}

static void stay(void)
{
	char c;

	loop_say("connected");
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

/* The whole connection belongs to OpenSSL, which may block here. */
static void open_tls(SSL_CTX *context, const struct sockaddr_in *to, uint32_t number)
{
	uint8_t packet[64] = { 0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0 };
	uint8_t answer[4];
	int n = snprintf((char *)packet + 14, sizeof(packet) - 14, "idle-%06u", number);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	packet[13] = (uint8_t)n;
	packet[1] = (uint8_t)(12 + n);
	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		client_fail("connect: %m");
	SSL *ssl = SSL_new(context);
	if (!ssl || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1)
		client_fail("TLS handshake of client %u", number);
	if (SSL_write(ssl, packet, 14 + n) <= 0 || SSL_read(ssl, answer, 4) != 4 || answer[3])
		client_fail("client %u: no CONNACK", number);
}

struct opener {
	pthread_t thread;
	SSL_CTX *context;
	const struct loop *loop;
	uint32_t first, clients;
};

static void *open_share(void *arg)
{
	const struct opener *o = arg;

	for (uint32_t i = o->first; i < o->clients; i += OPENERS)
		open_tls(o->context, &o->loop->to, i);
	return NULL;
}

/* Several handshakes at a time, so that the server is not waiting for this program. */
static void open_all_tls(const struct loop *loop, uint32_t clients)
{
	static struct opener openers[OPENERS];
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	for (uint32_t i = 0; i < OPENERS; i++) {
		openers[i] = (struct opener){
			.context = context, .loop = loop, .first = i, .clients = clients
		};
		if (pthread_create(&openers[i].thread, NULL, open_share, &openers[i]))
			client_fail("no thread");
	}
	for (uint32_t i = 0; i < OPENERS; i++)
		pthread_join(openers[i].thread, NULL);
}

void load_idle(const struct load *load)
{
	struct loop loop = { 0 };

	loop_init(&loop, (uint16_t)load->port);
	if (load->tls) {
		open_all_tls(&loop, load->clients);
		stay();
		return;
	}
	struct client *clients = calloc(load->clients, sizeof(*clients));
	for (uint32_t i = 0; i < load->clients; i++)
		clients[i] = (struct client){ .number = i, .kind = "idle", .on_packet = on_packet };
	loop_connect(&loop, clients, load->clients, true);
	stay();
}
