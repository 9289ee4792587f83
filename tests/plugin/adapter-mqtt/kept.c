#include "kept.h"

int kept_setup(void **state)
{
	struct fake *f = fake_new();
	fake_set(f, "anonymous", 1);
	f->keeps = true;
	fake_start(f);
	*state = f;
	return 0;
}

int kept_teardown(void **state)
{
	fake_free(*state);
	return 0;
}

/* A client whose session is kept; the answer to its CONNECT waits for the record. */
struct peer kept_up(struct fake *f, const char *id, bool present)
{
	struct peer_login login = { .id = id, .version = 5, .keep = true, .expiry_s = 3600 };
	struct peer p = peer_dial(f, 5);
	peer_connect(&p, &login);
	peer_expect_nothing(&p);
	fake_journal_settle(f);
	struct packet ack = peer_expect(&p, PACKET_CONNACK);
	assert_int_equal(ack.body.p[1], 0);
	assert_int_equal(ack.body.p[0], present);
	return p;
}

void kept_subscribe(struct peer *p, const char *filter, uint8_t options)
{
	peer_subscribe(p, filter, options, 0);
	peer_expect_nothing(p);
	fake_journal_settle(p->fake);
	peer_expect(p, PACKET_SUBACK);
}

/* Waits at its topic while nobody is connected. */
void kept_absent(struct fake *f, const char *id, const char *filter, uint8_t qos)
{
	struct peer p = kept_up(f, id, false);
	kept_subscribe(&p, filter, qos);
	peer_disconnect(&p, 0);
	fake_journal_settle(f);
}
