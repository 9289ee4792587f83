/* Clients that do right, a server that is killed at any moment, and what came of it compared with
 * what was promised: thousands of steps by chance, the same chance every time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kept.h"

enum { STEPS = 6000, SUBSCRIBERS = 3, MOST = 8000, FLYING = 12 };

static uint64_t chance_state;

static uint32_t chance(uint32_t below)
{
	chance_state = chance_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(chance_state >> 33) % below;
}

struct flying {
	uint32_t number; /* 0: free */
	uint16_t id;
	uint8_t qos;
	bool released;
};

struct publisher {
	struct peer peer;
	bool up, known;
	struct flying flying[FLYING]; /* in order */
	uint32_t n, numbers[3];       /* by QoS: the newest */
	uint32_t acknowledged;
	uint16_t last_id;
};

struct subscriber {
	struct peer peer;
	bool up, known;
	uint8_t qos;
	char id[8];
	bool holds[65536]; /* identifiers of QoS 2 that wait for PUBREL */
	struct {
		uint8_t type;
		uint16_t id;
	} owed[512];
	uint32_t n_owed;
	uint32_t newest[3], times[3][MOST]; /* by QoS of the publish */
};

struct world {
	struct fake *fake;
	struct publisher from;
	struct subscriber to[SUBSCRIBERS];
	uint32_t kills;
};

/* ---- clients */

static bool connect_as(struct world *w, struct peer *p, const char *id, bool *known)
{
	struct packet pk;
	struct peer_login login = { .id = id, .version = 5, .keep = true, .expiry_s = 100000 };
	*p = peer_dial(w->fake, 5);
	peer_connect(p, &login);
	fake_journal_settle(w->fake);
	if (!peer_next(p, &pk))
		return false;
	assert_int_equal(pk.type, PACKET_CONNACK);
	assert_int_equal(pk.body.p[1], 0);
	assert_int_equal(pk.body.p[0], *known);
	*known = true;
	return true;
}

static void send_flying(struct publisher *f, const struct flying *fl, bool dup)
{
	char topic[8], text[16];
	if (fl->released) {
		peer_ack(&f->peer, PACKET_PUBREL, fl->id);
		return;
	}
	snprintf(topic, sizeof(topic), "t/%u", fl->qos);
	snprintf(text, sizeof(text), "%u", fl->number);
	peer_publish(&f->peer, topic, text, (uint8_t)(fl->qos << 1 | (dup ? DUP : 0)), fl->id, NULL,
	             0);
}

static void publisher_up(struct world *w)
{
	struct publisher *f = &w->from;
	if (!connect_as(w, &f->peer, "from", &f->known))
		return;
	f->up = true;
	for (uint32_t i = 0; i < f->n; i++)
		send_flying(f, &f->flying[i], true);
}

static void publish(struct publisher *f)
{
	if (f->n == FLYING || f->numbers[1] >= MOST - 1 || f->numbers[2] >= MOST - 1)
		return;
	struct flying *fl = &f->flying[f->n++];
	*fl = (struct flying){ .qos = (uint8_t)(1 + chance(2)), .id = ++f->last_id };
	if (!fl->id)
		fl->id = f->last_id = 1;
	fl->number = ++f->numbers[fl->qos];
	send_flying(f, fl, false);
}

static void publisher_reads(struct publisher *f)
{
	struct packet pk;
	while (f->up && peer_next(&f->peer, &pk)) {
		uint16_t id = (uint16_t)(pk.body.p[0] << 8 | pk.body.p[1]);
		uint32_t i = 0;
		while (i < f->n && f->flying[i].id != id)
			i++;
		if (i == f->n)
			continue; /* an answer to what was sent twice */
		if (pk.type == PACKET_PUBREC) {
			f->flying[i].released = true;
			send_flying(f, &f->flying[i], false);
			continue;
		}
		assert_int_equal(pk.type, f->flying[i].qos == 1 ? PACKET_PUBACK : PACKET_PUBCOMP);
		memmove(&f->flying[i], &f->flying[i + 1], (f->n - i - 1) * sizeof(f->flying[0]));
		f->n--;
		f->acknowledged++;
	}
}

static void subscriber_up(struct world *w, struct subscriber *s)
{
	bool first = !s->known;
	s->n_owed = 0;
	s->up = connect_as(w, &s->peer, s->id, &s->known);
	if (first && s->up)
		kept_subscribe(&s->peer, "t/+", s->qos);
}

static void take(struct subscriber *s, const struct peer_message *m)
{
	uint32_t qos = (uint32_t)(m->topic[2] - '0');
	uint32_t number = (uint32_t)atoi(m->payload);
	uint8_t wanted = s->qos < qos ? s->qos : (uint8_t)qos;
	assert_int_equal(m->qos, wanted);
	assert_true(number <= s->newest[qos] + 1); /* none is left out */
	s->newest[qos] = number > s->newest[qos] ? number : s->newest[qos];
	s->times[qos][number]++;
	if (wanted == 2)
		assert_int_equal(s->times[qos][number], 1);
}

static void owe(struct subscriber *s, uint8_t type, uint16_t id)
{
	assert_true(s->n_owed < 512);
	s->owed[s->n_owed].type = type;
	s->owed[s->n_owed++].id = id;
}

static void subscriber_reads(struct subscriber *s)
{
	while (s->up && s->peer.conn->out_n) {
		if (s->peer.conn->out[0] >> 4 != PACKET_PUBLISH) {
			struct packet pk;
			assert_true(peer_next(&s->peer, &pk));
			assert_int_equal(pk.type, PACKET_PUBREL);
			uint16_t id = (uint16_t)(pk.body.p[0] << 8 | pk.body.p[1]);
			s->holds[id] = false;
			owe(s, PACKET_PUBCOMP, id);
			continue;
		}
		struct peer_message m = peer_expect_publish(&s->peer, NULL, NULL);
		if (m.qos == 1)
			take(s, &m);
		else if (!s->holds[m.id])
			take(s, &m);
		if (m.qos == 2)
			s->holds[m.id] = true;
		owe(s, m.qos == 1 ? PACKET_PUBACK : PACKET_PUBREC, m.id);
	}
}

static void subscriber_answers(struct subscriber *s, uint32_t n)
{
	for (uint32_t i = 0; i < n && i < s->n_owed && s->up; i++)
		peer_ack(&s->peer, s->owed[i].type, s->owed[i].id);
	if (n > s->n_owed)
		n = s->n_owed;
	memmove(s->owed, s->owed + n, (s->n_owed - n) * sizeof(s->owed[0]));
	s->n_owed -= n;
}

/* ---- steps */

static void kill_server(struct world *w)
{
	w->fake->slack = chance(20);
	fake_journal_kill(w->fake);
	w->from.up = false;
	for (uint32_t i = 0; i < SUBSCRIBERS; i++)
		w->to[i].up = false;
	w->kills++;
}

static void hang_up(struct peer *p, bool *up)
{
	if (!*up)
		return;
	*up = false;
	if (chance(2))
		peer_disconnect(p, 0);
	else
		fake_hangup(p->conn);
}

static void step(struct world *w)
{
	struct subscriber *s = &w->to[chance(SUBSCRIBERS)];
	switch (chance(40)) {
	case 0:
		if (!chance(4))
			kill_server(w);
		break;
	case 1:
		hang_up(&s->peer, &s->up);
		break;
	case 2:
		if (!chance(3))
			hang_up(&w->from.peer, &w->from.up);
		break;
	case 3:
	case 4:
	case 5:
		if (!w->from.up)
			publisher_up(w);
		break;
	case 6:
		if (!s->up)
			subscriber_up(w, s);
		break;
	case 7:
		w->fake->snapshot(w->fake->snapshot_ud, chance((uint32_t)w->fake->position + 1));
		break;
	case 8:
		fake_seconds(w->fake, 1);
		break;
	case 9 ... 20:
		fake_complete(w->fake, 1 + chance(6), 0);
		fake_turn(w->fake);
		break;
	case 21 ... 28:
		if (w->from.up)
			publish(&w->from);
		break;
	default:
		publisher_reads(&w->from);
		subscriber_reads(s);
		if (chance(3))
			subscriber_answers(s, 1 + chance(20));
	}
}

static void finish(struct world *w)
{
	for (int round = 0; round < 4000; round++) {
		bool done = !w->from.n;
		if (!w->from.up)
			publisher_up(w);
		fake_journal_settle(w->fake);
		publisher_reads(&w->from);
		for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
			struct subscriber *s = &w->to[i];
			if (!s->up)
				subscriber_up(w, s);
			subscriber_reads(s);
			done = done && !s->n_owed;
			subscriber_answers(s, 512);
		}
		fake_turn(w->fake);
		if (done)
			return;
	}
	fail_msg("it never ends");
}

static void check(const struct world *w)
{
	for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
		const struct subscriber *s = &w->to[i];
		for (uint32_t qos = 1; qos <= 2; qos++)
			for (uint32_t n = 1; n <= w->from.numbers[qos]; n++)
				assert_true(s->times[qos][n] > 0);
	}
}

static void play(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	chance_state = seed;
	w->fake = fake_new();
	fake_set(w->fake, "anonymous", 1);
	fake_set(w->fake, "max_queued_bytes", 1 << 30);
	fake_set(w->fake, "max_queued_messages", 16384);
	w->fake->keeps = true;
	fake_start(w->fake);
	for (uint32_t i = 0; i < SUBSCRIBERS; i++) {
		w->to[i].qos = i ? 2 : 1;
		snprintf(w->to[i].id, sizeof(w->to[i].id), "to%u", i);
		subscriber_up(w, &w->to[i]);
	}
	for (uint32_t i = 0; i < STEPS; i++)
		step(w);
	finish(w);
	check(w);
	print_message("seed %u: %u kills, %u messages\n", (unsigned)seed, w->kills,
	              w->from.acknowledged);
	assert_true(w->kills > 10 && w->from.acknowledged > 100);
	fake_free(w->fake);
	free(w);
}

static void nothing_is_lost_or_twice_or_out_of_order(void **state)
{
	const char *seeds = getenv("KILLS_SEEDS");
	uint64_t n = seeds ? strtoull(seeds, NULL, 10) : 6;
	(void)state;
	for (uint64_t seed = 1; seed <= n; seed++)
		play(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_or_twice_or_out_of_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
