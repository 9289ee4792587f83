#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "properties.h"
#include "reason.h"
#include "server.h"

/* What a client and the server tell each other in properties, and what follows from it. */

static struct packet sub(struct peer *p, const char *filter, uint8_t options)
{
	peer_subscribe(p, filter, options, 0);
	return peer_expect(p, PACKET_SUBACK);
}

static struct peer with(struct fake *f, const char *id, const void *props, size_t n)
{
	return peer_up(f,
	               &(struct peer_login){ .id = id, .version = 5, .props = props, .props_n = n },
	               NULL);
}

/* The CONNACK of a client that says this about itself. */
static struct packet connack(struct peer *p, struct fake *f, const void *props, size_t n)
{
	*p = peer_dial(f, 5);
	peer_connect(p,
	             &(struct peer_login){ .id = "c", .version = 5, .props = props, .props_n = n });
	return peer_expect(p, PACKET_CONNACK);
}

/* The value of a property in a block, NULL if it is not there. Only strings and numbers. */
static const uint8_t *find(struct sb_bytes block, uint8_t want)
{
	struct cursor c = cursor_of(block);

	while (cursor_left(&c)) {
		uint8_t id = cursor_u8(&c);
		const uint8_t *value = c.p;
		switch (id) {
		case PROPERTY_ASSIGNED_CLIENT_ID:
		case PROPERTY_RESPONSE_INFORMATION:
		case PROPERTY_SERVER_REFERENCE:
		case PROPERTY_REASON_STRING:
			assert_true(cursor_string(&c).n > 0);
			break;
		case PROPERTY_SESSION_EXPIRY:
		case PROPERTY_MAXIMUM_PACKET:
			cursor_u32(&c);
			break;
		case PROPERTY_RETAIN_AVAILABLE:
			cursor_u8(&c);
			break;
		default:
			cursor_u16(&c);
		}
		assert_false(c.bad);
		if (id == want)
			return value;
	}
	return NULL;
}

static struct sb_bytes block_of(struct packet pk, size_t at)
{
	struct cursor c = cursor_of((struct sb_bytes){ pk.body.p + at, pk.body.n - at });
	return cursor_bytes(&c, cursor_varint(&c));
}

static bool says(struct packet pk, size_t at, uint8_t id, const char *text)
{
	const uint8_t *v = find(block_of(pk, at), id);
	return v && strlen(text) == (size_t)(v[0] << 8 | v[1]) &&
	       memcmp(v + 2, text, strlen(text)) == 0;
}

static const uint8_t takes_aliases[] = { PROPERTY_TOPIC_ALIAS_MAXIMUM, 0, 1 };

static void clients_that_take_aliases_get_them(void **state)
{
	struct fake *f = *state;
	struct peer p = with(f, "p", takes_aliases, 3), q = peer_plain(f, "q", 5);
	struct peer_message m;
	sub(&p, "#", 1);
	sub(&q, "#", 1);
	peer_publish(&q, "a/long/topic", "1", 0, 0, NULL, 0);
	m = peer_expect_publish(&p, "a/long/topic", "1");
	assert_int_equal(m.alias, 1);
	m = peer_expect_publish(&q, "a/long/topic", "1");
	assert_int_equal(m.alias, 0);
	peer_publish(&q, "a/long/topic", "2", 2, 1, NULL, 0);
	m = peer_expect_publish(&p, "", "2");
	assert_int_equal(m.alias, 1);
	assert_int_equal(m.qos, 1);
	/* Never one beyond its maximum, and none where it would save nothing. */
	peer_publish(&q, "other/topic", "3", 0, 0, NULL, 0);
	assert_int_equal(peer_expect_publish(&p, "other/topic", "3").alias, 0);
	peer_publish(&q, "abc", "4", 0, 0, NULL, 0);
	assert_int_equal(peer_expect_publish(&p, "abc", "4").alias, 0);
	/* Who comes more often gets the place. */
	bool moved = false;
	for (int i = 0; i < 20 && !moved; i++) {
		peer_publish(&q, "other/topic", "5", 0, 0, NULL, 0);
		m = peer_expect_publish(&p, "other/topic", "5");
		moved = m.alias == 1;
	}
	assert_true(moved);
	peer_publish(&q, "other/topic", "6", 0, 0, NULL, 0);
	assert_int_equal(peer_expect_publish(&p, "", "6").alias, 1);
}

static void aliases_towards_a_client_end_with_its_connection(void **state)
{
	struct fake *f = *state;
	struct peer_login login = { .id = "p",
		                    .version = 5,
		                    .keep = true,
		                    .expiry_s = 100,
		                    .props = takes_aliases,
		                    .props_n = 3 };
	struct peer p = peer_up(f, &login, NULL), q = peer_plain(f, "q", 5);
	sub(&p, "#", 1);
	peer_publish(&q, "a/long/topic", "1", 2, 1, NULL, 0);
	assert_int_equal(peer_expect_publish(&p, "a/long/topic", "1").alias, 1);
	fake_hangup(p.conn);
	p = peer_up(f, &login, NULL);
	struct peer_message m = peer_expect_publish(&p, "a/long/topic", "1");
	assert_true(m.dup);
	fake_hangup(p.conn);
	login.props_n = 0;
	p = peer_up(f, &login, NULL);
	assert_int_equal(peer_expect_publish(&p, "a/long/topic", "1").alias, 0);
}

static void an_alias_is_left_out_where_it_makes_a_packet_too_large(void **state)
{
	struct fake *f = *state;
	struct peer_login login = {
		.id = "p", .version = 5, .max_packet = 30, .props = takes_aliases, .props_n = 3
	};
	struct peer p = peer_up(f, &login, NULL), q = peer_plain(f, "q", 5);
	sub(&p, "#", 0);
	peer_publish(&q, "a/long/topic", "payload-12", 0, 0, NULL, 0);
	assert_int_equal(peer_expect_publish(&p, "a/long/topic", "payload-12").alias, 1);
	peer_publish(&q, "a/long/topic2", "payload-12", 0, 0, NULL, 0);
	assert_int_equal(peer_expect_publish(&p, "a/long/topic2", "payload-12").alias, 0);
}

static void nothing_larger_than_the_client_takes_is_sent(void **state)
{
	struct fake *f = *state;
	struct peer p =
		peer_up(f, &(struct peer_login){ .id = "p", .version = 5, .max_packet = 25 }, NULL);
	uint8_t b[400] = { 0x82, 0, 0, 0, 0, 9, 0 };
	struct writer w = writer_of(b, sizeof(b));
	/* 40 filters: a SUBACK of 45 bytes. */
	writer_u16(&w, 9);
	writer_u8(&w, 0);
	for (int i = 0; i < 40; i++)
		writer_bytes(&w, "\0\1a\0", 4);
	struct sb_bytes packet = writer_seal(&w, 0x82);
	peer_raw(&p, packet.p, packet.n);
	peer_expect_nothing(&p);
	w = writer_of(b, sizeof(b));
	writer_u16(&w, 9);
	writer_u8(&w, 0);
	for (int i = 0; i < 40; i++)
		writer_bytes(&w, "\0\1b", 3);
	packet = writer_seal(&w, 0xa2);
	peer_raw(&p, packet.p, packet.n);
	peer_expect_nothing(&p);
	assert_int_equal(fake_metric(f, "answers_dropped"), 2);
	/* They had their effect. */
	peer_publish(&p, "a", "x", 0, 0, NULL, 0);
	peer_expect_publish(&p, "a", "x");
	/* Answers without their words. */
	struct packet pk;
	peer_subscribe(&p, "a#", 0, 0);
	assert_int_equal(peer_expect(&p, PACKET_SUBACK).body.n, 4);
	peer_unsubscribe(&p, "a#");
	assert_int_equal(peer_expect(&p, PACKET_UNSUBACK).body.n, 4);
	peer_publish(&p, "$x", "x", 2, 1, NULL, 0);
	assert_int_equal(peer_expect(&p, PACKET_PUBACK).body.n, 3);
	peer_publish(&p, "$x", "x", 4, 1, NULL, 0);
	assert_int_equal(peer_expect(&p, PACKET_PUBREC).body.n, 3);
	peer_ack(&p, PACKET_PUBREC, 9);
	assert_int_equal(peer_expect(&p, PACKET_PUBREL).body.n, 3);
	peer_ack(&p, PACKET_PUBREL, 9);
	assert_int_equal(peer_expect(&p, PACKET_PUBCOMP).body.n, 3);
	peer_raw(&p, "\xc0\1\0", 3);
	pk = peer_expect(&p, PACKET_DISCONNECT);
	assert_int_equal(pk.total, 3);
	assert_int_equal(pk.body.p[0], REASON_MALFORMED);
}

static void a_client_that_takes_no_connack_is_refused(void **state)
{
	struct fake *f = *state;
	struct peer p;
	static const uint8_t tiny[] = { PROPERTY_MAXIMUM_PACKET, 0, 0, 0, 10 };
	struct packet pk = connack(&p, f, tiny, sizeof(tiny));
	assert_int_equal(pk.body.p[1], REASON_TOO_LARGE);
	assert_int_equal(pk.total, 5);
	assert_true(p.conn->closing);
	fake_turn(f);
	assert_int_equal(fake_metric(f, "sessions"), 0);
}

static void payloads_that_claim_to_be_text_are_looked_at(void **state)
{
	struct fake *f = *state;
	struct peer p = peer_plain(f, "p", 5);
	static const uint8_t text[] = { PROPERTY_PAYLOAD_FORMAT, 1 };
	static const uint8_t bytes[] = { PROPERTY_PAYLOAD_FORMAT, 0 };
	sub(&p, "a", 0);
	peer_publish(&p, "a", "\xff", 2, 1, text, 2);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBACK, 1), REASON_BAD_PAYLOAD);
	peer_publish(&p, "a", "\xff", 4, 2, text, 2);
	assert_int_equal(peer_expect_ack(&p, PACKET_PUBREC, 2), REASON_BAD_PAYLOAD);
	peer_publish(&p, "a", "\xff", 0, 0, text, 2);
	peer_expect_nothing(&p);
	assert_int_equal(fake_metric(f, "publish_refused"), 3);
	peer_publish(&p, "a", "caf\xc3\xa9", 0, 0, text, 2);
	peer_expect_publish(&p, "a", "caf\xc3\xa9");
	peer_publish(&p, "a", "\xff", 0, 0, bytes, 2);
	peer_expect_publish(&p, "a", "\xff");
	/* U+0000 is text. */
	peer_raw(&p, "\x30\x09\0\1a\2\1\1x\0y", 11);
	assert_memory_equal(peer_expect(&p, PACKET_PUBLISH).body.p + 6, "x\0y", 3);
}

static void a_response_topic_has_no_wildcards(void **state)
{
	struct fake *f = *state;
	static const uint8_t bad[] = { PROPERTY_RESPONSE_TOPIC, 0, 3, 'a', '/', '#' };
	struct peer p = peer_plain(f, "p", 5);
	peer_publish(&p, "a", "x", 0, 0, bad, sizeof(bad));
	peer_expect_closed(&p, REASON_PROTOCOL_ERROR);
	struct peer_login login = { .id = "p",
		                    .version = 5,
		                    .will_topic = "w",
		                    .will_payload = "x",
		                    .will_props = bad,
		                    .will_props_n = sizeof(bad) };
	p = peer_dial(f, 5);
	peer_connect(&p, &login);
	assert_int_equal(peer_expect(&p, PACKET_CONNACK).body.p[1], REASON_PROTOCOL_ERROR);
	assert_true(p.conn->closing);
}

static void response_information_is_given_when_it_is_asked_for(void **state)
{
	struct fake *f = *state;
	struct peer p;
	static const uint8_t ask[] = { PROPERTY_REQUEST_RESPONSE, 1 };
	static const uint8_t dont[] = { PROPERTY_REQUEST_RESPONSE, 0 };
	struct packet pk = connack(&p, f, ask, 2);
	assert_true(says(pk, 2, PROPERTY_RESPONSE_INFORMATION, "responses/c"));
	fake_hangup(p.conn);
	pk = connack(&p, f, dont, 2);
	assert_null(find(block_of(pk, 2), PROPERTY_RESPONSE_INFORMATION));
	fake_hangup(p.conn);
	pk = connack(&p, f, NULL, 0);
	assert_null(find(block_of(pk, 2), PROPERTY_RESPONSE_INFORMATION));
	/* A device may not subscribe there, so that it is not told to. */
	p = peer_dial(f, 5);
	peer_connect(&p, &(struct peer_login){ .id = "d1",
	                                       .user = "device:d1",
	                                       .version = 5,
	                                       .props = ask,
	                                       .props_n = 2 });
	pk = peer_expect(&p, PACKET_CONNACK);
	assert_null(find(block_of(pk, 2), PROPERTY_RESPONSE_INFORMATION));
}

static void requests_find_their_way_back(void **state)
{
	struct fake *f = *state;
	struct peer asker = peer_plain(f, "asker", 5), other = peer_plain(f, "other", 5);
	static const uint8_t props[] = { PROPERTY_RESPONSE_TOPIC,   0, 3, 'r', '/', 'a',
		                         PROPERTY_CORRELATION_DATA, 0, 2, 0,   0xff };
	sub(&asker, "r/a", 1);
	sub(&other, "q", 1);
	peer_publish(&asker, "q", "how?", 0, 0, props, sizeof(props));
	struct peer_message m = peer_expect_publish(&other, "q", "how?");
	assert_int_equal(m.props_n, sizeof(props));
	assert_memory_equal(m.props, props, sizeof(props));
	peer_publish(&other, "r/a", "so", 0, 0, props + 6, 5);
	m = peer_expect_publish(&asker, "r/a", "so");
	assert_memory_equal(m.props, props + 6, 5);
}

static void reasons_are_said_unless_the_client_wants_none(void **state)
{
	struct fake *f = *state;
	static const uint8_t quiet[] = { PROPERTY_REQUEST_PROBLEM, 0 };
	struct peer p = peer_plain(f, "p", 5), q = with(f, "q", quiet, 2);
	struct packet pk = sub(&p, "a#", 0);
	assert_int_equal(pk.body.p[pk.body.n - 1], REASON_BAD_FILTER);
	assert_non_null(find(block_of(pk, 2), PROPERTY_REASON_STRING));
	pk = sub(&q, "a#", 0);
	assert_int_equal(pk.body.n, 4);
	peer_unsubscribe(&p, "a#");
	pk = peer_expect(&p, PACKET_UNSUBACK);
	assert_non_null(find(block_of(pk, 2), PROPERTY_REASON_STRING));
	peer_unsubscribe(&q, "a#");
	assert_int_equal(peer_expect(&q, PACKET_UNSUBACK).body.n, 4);
	peer_publish(&p, "$x", "x", 2, 1, NULL, 0);
	pk = peer_expect(&p, PACKET_PUBACK);
	assert_non_null(find(block_of(pk, 3), PROPERTY_REASON_STRING));
	peer_publish(&q, "$x", "x", 4, 1, NULL, 0);
	pk = peer_expect(&q, PACKET_PUBREC);
	assert_int_equal(pk.body.n, 3);
	peer_ack(&p, PACKET_PUBREC, 700);
	pk = peer_expect(&p, PACKET_PUBREL);
	assert_int_equal(pk.body.p[2], REASON_ID_NOT_FOUND);
	assert_non_null(find(block_of(pk, 3), PROPERTY_REASON_STRING));
	peer_ack(&q, PACKET_PUBREC, 700);
	assert_int_equal(peer_expect(&q, PACKET_PUBREL).body.n, 3);
	peer_ack(&p, PACKET_PUBREL, 700);
	pk = peer_expect(&p, PACKET_PUBCOMP);
	assert_non_null(find(block_of(pk, 3), PROPERTY_REASON_STRING));
	peer_ack(&q, PACKET_PUBREL, 700);
	assert_int_equal(peer_expect(&q, PACKET_PUBCOMP).body.n, 3);
	/* CONNACK and DISCONNECT may say why even then. */
	peer_raw(&q, "\xc0\1\0", 3);
	pk = peer_expect(&q, PACKET_DISCONNECT);
	assert_non_null(find(block_of(pk, 1), PROPERTY_REASON_STRING));
	/* The server never asks for another session expiry here. */
	assert_null(find(block_of(pk, 1), PROPERTY_SESSION_EXPIRY));
}

static void the_connack_tells_what_differs(void **state)
{
	struct fake *f = *state;
	struct peer p;
	static const uint8_t forever[] = { PROPERTY_SESSION_EXPIRY, 0xff, 0xff, 0xff, 0xff };
	struct packet pk = connack(&p, f, NULL, 0);
	struct sb_bytes block = block_of(pk, 2);
	assert_int_equal(pk.body.p[0], 0);
	assert_null(find(block, PROPERTY_SESSION_EXPIRY));
	assert_null(find(block, PROPERTY_SERVER_KEEPALIVE));
	assert_null(find(block, PROPERTY_RETAIN_AVAILABLE));
	assert_non_null(find(block, PROPERTY_RECEIVE_MAXIMUM));
	assert_non_null(find(block, PROPERTY_MAXIMUM_PACKET));
	fake_hangup(p.conn);
	pk = connack(&p, f, forever, sizeof(forever));
	const uint8_t *v = find(block_of(pk, 2), PROPERTY_SESSION_EXPIRY);
	assert_non_null(v);
	assert_memory_equal(v, "\0\x09\x3a\x80", 4);
}

static void a_server_keep_alive_replaces_the_clients(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	fake_set(f, "anonymous", 1);
	fake_set(f, "keepalive_max_s", 20);
	fake_start(f);
	struct peer p;
	struct packet pk = connack(&p, f, NULL, 0);
	const uint8_t *v = find(block_of(pk, 2), PROPERTY_SERVER_KEEPALIVE);
	assert_non_null(v);
	assert_memory_equal(v, "\0\x14", 2);
	fake_seconds(f, 29);
	assert_false(p.conn->closed);
	fake_seconds(f, 3);
	peer_expect_closed(&p, REASON_KEEPALIVE);
	/* One below the maximum is the client's own, and an old client is not told. */
	p = peer_up(f, &(struct peer_login){ .id = "k", .version = 5, .keepalive_s = 10 }, NULL);
	struct peer old = peer_plain(f, "old", 4);
	fake_seconds(f, 16);
	peer_expect_closed(&p, REASON_KEEPALIVE);
	fake_seconds(f, 100);
	assert_false(old.conn->closed);
	fake_free(f);
}

static void without_retained_messages_nobody_retains(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	fake_set(f, "anonymous", 1);
	fake_set(f, "max_retained", 0);
	fake_start(f);
	struct peer p;
	struct packet pk = connack(&p, f, NULL, 0);
	const uint8_t *v = find(block_of(pk, 2), PROPERTY_RETAIN_AVAILABLE);
	assert_non_null(v);
	assert_int_equal(*v, 0);
	peer_publish(&p, "a", "x", 1, 0, NULL, 0);
	peer_expect_closed(&p, REASON_NO_RETAIN);
	p = peer_dial(f, 5);
	peer_connect(&p, &(struct peer_login){ .id = "w",
	                                       .version = 5,
	                                       .will_topic = "w",
	                                       .will_payload = "x",
	                                       .will_retain = true });
	assert_int_equal(peer_expect(&p, PACKET_CONNACK).body.p[1], REASON_NO_RETAIN);
	fake_free(f);
}

static void a_stopping_server_names_another(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	strcpy(f->redirect, "b.example:8883");
	fake_set(f, "anonymous", 1);
	fake_start(f);
	struct peer p = peer_plain(f, "p", 5), q;
	sb_plugin_entry_1.descriptor(0)->ops->drain(f->srv, 0);
	struct packet pk = peer_expect(&p, PACKET_DISCONNECT);
	assert_int_equal(pk.body.p[0], REASON_USE_ANOTHER);
	assert_true(says(pk, 1, PROPERTY_SERVER_REFERENCE, "b.example:8883"));
	pk = connack(&q, f, NULL, 0);
	assert_int_equal(pk.body.p[1], REASON_USE_ANOTHER);
	assert_true(says(pk, 2, PROPERTY_SERVER_REFERENCE, "b.example:8883"));
	assert_true(q.conn->closing);
	fake_free(f);
}

static void a_server_that_has_moved_says_where_to(void **state)
{
	struct fake *f = fake_new();
	(void)state;
	strcpy(f->redirect, "b.example");
	fake_set(f, "anonymous", 1);
	fake_set(f, "redirect_always", 1);
	fake_start(f);
	struct peer p;
	struct packet pk = connack(&p, f, NULL, 0);
	assert_int_equal(pk.body.p[1], REASON_MOVED);
	assert_true(says(pk, 2, PROPERTY_SERVER_REFERENCE, "b.example"));
	struct peer old = peer_dial(f, 4);
	peer_connect(&old, &(struct peer_login){ .id = "o", .version = 4 });
	assert_int_equal(peer_expect(&old, PACKET_CONNACK).body.p[1], 3);
	fake_free(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, peer_setup, peer_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(clients_that_take_aliases_get_them),
		TEST(aliases_towards_a_client_end_with_its_connection),
		TEST(an_alias_is_left_out_where_it_makes_a_packet_too_large),
		TEST(nothing_larger_than_the_client_takes_is_sent),
		TEST(a_client_that_takes_no_connack_is_refused),
		TEST(payloads_that_claim_to_be_text_are_looked_at),
		TEST(a_response_topic_has_no_wildcards),
		TEST(response_information_is_given_when_it_is_asked_for),
		TEST(requests_find_their_way_back),
		TEST(reasons_are_said_unless_the_client_wants_none),
		TEST(the_connack_tells_what_differs),
		cmocka_unit_test(a_server_keep_alive_replaces_the_clients),
		cmocka_unit_test(without_retained_messages_nobody_retains),
		cmocka_unit_test(a_stopping_server_names_another),
		cmocka_unit_test(a_server_that_has_moved_says_where_to),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
