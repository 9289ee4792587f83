#include "base/conn.h"
#include "stream_peer.h"

static uint32_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static struct peer *somebody(void)
{
	return &peers[chance((uint32_t)n_peers)];
}

/* A plugin that does everything it may to anybody, dead ones included. */
static int abuse(struct peer *p, const char *line, size_t n)
{
	static uint8_t big[40000];
	struct peer *other = chance(2) ? p : somebody();
	switch (chance(10)) {
	case 0:
		streams_close(streams, other->conn);
		break;
	case 1:
		streams_pause(streams, other->conn);
		break;
	case 2:
		streams_resume(streams, other->conn);
		break;
	case 3:
		streams_write(streams, other->conn, (struct sb_bytes){ big, sizeof(big) });
		break;
	case 4:
		streams_pause_all(streams);
		return SB_AGAIN;
	case 5:
		return chance(4) ? 0 : -EPROTO;
	default:
		streams_write(streams, other->conn, (struct sb_bytes){ (const uint8_t *)line, n });
	}
	return 0;
}

static void poke(int *fd)
{
	static char buf[70000];
	struct linger reset = { .l_onoff = 1 };
	if (*fd < 0) {
		*fd = dial();
		return;
	}
	switch (chance(8)) {
	case 0:
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		__attribute__((fallthrough));
	case 1:
		close(*fd);
		*fd = -1;
		break;
	case 2:
		shutdown(*fd, SHUT_WR);
		break;
	case 3:
		memset(buf, 'y', sizeof(buf));
		(void)!send(*fd, buf, chance(sizeof(buf)), MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case 4:
		(void)!recv(*fd, buf, sizeof(buf), MSG_DONTWAIT);
		break;
	default:
		(void)!send(*fd, "some line\nand more", 10 + chance(9),
		            MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void whatever_plugin_and_peers_do_every_connection_ends_once(void **state)
{
	(void)state;
	enum { CLIENTS = 40, STEPS = 30000 };
	int fds[CLIENTS];
	struct sb_listen spec = peer_spec();
	struct streams_stats st;
	memset(fds, -1, sizeof(fds));
	begin(&spec, NULL, 100);
	seed = 42;
	on_line = abuse;
	for (int i = 0; i < STEPS && n_peers < MAX_PEERS - CLIENTS; i++) {
		poke(&fds[chance(CLIENTS)]);
		if (chance(3) == 0)
			assert_int_equal(loop_turn(loop, 0), 0);
		if (chance(8) == 0)
			streams_resume_all(streams);
		if (n_peers > 0 && chance(4) == 0)
			streams_resume(streams, somebody()->conn);
	}
	streams_resume_all(streams);
	for (int i = 0; i < CLIENTS; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	turns(5);
	streams_unlisten(streams, listener_id);
	streams_stats(streams, &st);
	assert_int_equal(st.open_now, 0);
	assert_int_equal(st.closed, st.accepted);
	assert_true(n_peers > 500);
	for (size_t i = 0; i < n_peers; i++)
		assert_int_equal(peers[i].closed, 1);
	finish();
}

static void an_idle_connection_keeps_no_buffers(void **state)
{
	(void)state;
	char buf[100];
	struct sb_listen spec = peer_spec();
	begin(&spec, NULL, 100);
	int fd = dial();
	turns(2);
	say(fd, "half a li");
	turns(2);
	uint32_t at = 0;
	struct conn *c = conn_each(streams, &at);
	assert_non_null(c);
	assert_int_equal(c->tail_n, 9);
	assert_true(c->tail_cap <= 256);
	say(fd, "ne\n");
	assert_int_equal(hear(fd, buf, sizeof(buf)), 12);
	assert_null(c->tail);
	assert_null(c->out);
	assert_true(sizeof(struct conn) <= 176);
	close(fd);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_plugin_and_peers_do_every_connection_ends_once),
		cmocka_unit_test(an_idle_connection_keeps_no_buffers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
