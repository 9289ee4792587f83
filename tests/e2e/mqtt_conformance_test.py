"""Rules of MQTT 3.1.1 and 5.0 against the real server, byte by byte. plugins/adapter-mqtt/CONFORMANCE.md names what
each test shows."""
import struct
import time

from harness import Platform, eventually, run
from mqtt_raw import CONNACK, DISCONNECT, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, Raw, packet, text

server = Platform()


def up(client, version=5, **options):
    raw = Raw(server.mqtt, client, version, **options)
    assert raw.code == 0, raw.code
    return raw


def test_versions_that_are_not_spoken_are_refused_with_the_code_of_their_time():
    for name, level, code in (("MQTT", 3, 1), ("MQTT", 6, 0x84), ("MQIsdp", 3, 1)):
        with Raw(server.mqtt) as raw:
            raw.send(packet(0x10, text(name) + bytes([level, 2, 0, 0]) + (b"\0" if level > 4 else b"") + text("c")))
            assert raw.expect(CONNACK)[1] == code
            assert raw.next() is None
    with Raw(server.mqtt) as raw:
        raw.send(packet(0x10, text("HTTP") + b"\4\2\0\0" + text("c")))
        assert raw.next() is None


def test_packets_may_come_in_any_pieces():
    with up("whole") as whole, Raw(server.mqtt) as pieces:
        assert whole.subscribe("pieces") == [0]
        stream = pieces.connect("pieces") + packet(0x30, text("pieces") + b"\0one") + packet(
            0x30, text("pieces") + b"\0two") + b"\xc0\0"
        for at in range(len(stream) - 20):
            pieces.send(stream[at:at + 1])
        pieces.send(stream[len(stream) - 20:])
        assert pieces.expect(CONNACK)[1] == 0
        assert pieces.expect(PINGRESP) == b""
        assert [whole.message().payload for _ in range(2)] == [b"one", b"two"]


def test_what_breaks_the_rules_is_closed_with_its_reason_or_silently():
    long = packet(0x30, text("a") + bytes(300000))
    cases = [
        (b"\x36\x05\0\1a\0\1", 0x81), (b"\x38\x04\0\1a\0", 0x81), (b"\x32\x06\0\1a\0\0\0", 0x81),
        (b"\x30\x04\0\1+\0", 0x90), (b"\x30\x04\0\1\xff\0", 0x81), (b"\x62\x01\0", 0x81), (b"\x60\x02\0\1", 0x81),
        (b"\x80\x07\0\1\0\0\1a\0", 0x81), (b"\x82\x07\0\1\0\0\1a\3", 0x81), (b"\x82\x03\0\1\0", 0x82),
        (b"\xa0\x06\0\1\0\0\1a", 0x81), (b"\xa2\x03\0\1\0", 0x82), (b"\xc1\0", 0x81), (b"\xf0\x02\x18\0", 0x82),
        (b"\x00\0", 0x82), (b"\x20\x02\0\0", 0x82), (b"\xd0\0", 0x82), (b"\x10\x02\0\0", 0x82),
        (b"\x30\xff\xff\xff\xff\x01", 0x81), (b"\x30\x80\0", 0x81), (long[:200], 0x95),
    ]
    for number, (data, reason) in enumerate(cases):
        # Each a client of its own: who comes back too often is held off.
        with up(f"five{number}") as five:
            five.send(data)
            assert five.closed() == reason, (data, reason)
            assert five.last["reason"], data
        with up(f"four{number}", 4) as four:
            four.send(data)
            assert four.closed() is None, data


def test_every_qos_is_completed_both_ways():
    for version in (4, 5):
        with up("sub", version) as sub, up("pub", version) as pub:
            assert sub.subscribe(("q/#", 2)) == [2]
            pub.publish("q/0", "zero").publish("q/1", "one", 1, 7)
            assert pub.answer(PUBACK, 7) == 0
            pub.publish("q/2", "two", 2, 8).publish("q/2", "two", 2, 8, dup=True)
            assert [pub.answer(PUBREC, 8) for _ in range(2)] == [0, 0]
            pub.ack(PUBREL, 8)
            assert pub.answer(PUBCOMP, 8) == 0
            zero, one, two = (sub.message() for _ in range(3))
            assert [(m.qos, m.payload, m.dup) for m in (zero, one, two)] == [(0, b"zero", False), (1, b"one", False),
                                                                             (2, b"two", False)]
            sub.ack(PUBACK, one.id).ack(PUBREC, two.id)
            sub.answer(PUBREL, two.id)
            sub.ack(PUBCOMP, two.id).quiet()


def test_a_session_goes_on_where_it_broke():
    for version in (4, 5):
        options = {"clean": False, **({"session_expiry": 60} if version == 5 else {})}
        sub = up("kept", version, **options)
        assert sub.subscribe(("kept", 2)) == [2]
        with up("other", version) as pub:
            pub.publish("kept", "1", 1, 1).publish("kept", "2", 2, 2).publish("kept", "3", 2, 3)
            first, second, third = (sub.message() for _ in range(3))
            sub.ack(PUBREC, second.id)
            sub.answer(PUBREL, second.id)
            sub.close()
            # Released, so that it is never sent again; the others are, in their order, and marked.
            sub = up("kept", version, **options)
            assert sub.present == 1
            got = [sub.next() for _ in range(3)]
            assert [kind for kind, _, _ in got] == [PUBLISH, PUBREL, PUBLISH], got
            assert got[0][1] & 8 and got[2][1] & 8
            assert got[1][2][:2] == struct.pack(">H", second.id)
            sub.ack(PUBACK, first.id).ack(PUBCOMP, second.id).ack(PUBREC, third.id)
            sub.answer(PUBREL, third.id)
            sub.ack(PUBCOMP, third.id).quiet()
        sub.send(b"\xe0\0").close()
        sub = up("kept", version, clean=True)
        assert sub.present == 0
        sub.close()


def test_subscriptions_are_answered_replaced_and_removed():
    with up("five") as five, up("four", 4) as four:
        assert five.subscribe(("a", 2), ("b#", 1), ("+/c", 0), id=300) == [2, 0x8F, 0]
        assert four.subscribe(("a", 2), ("b#", 1), ("+/c", 0), id=300) == [2, 0x80, 0]
        assert five.subscribe(("a", 1), subscription_id=70000) == [1]
        assert five.subscribe(("#", 0), subscription_id=5) == [0]
        four.publish("a", "x", 2, 1)
        message = five.message()
        assert message.qos == 1 and sorted(message.properties["subscription_id"]) == [5, 70000]
        assert five.unsubscribe("nothing", "#", "a", id=9) == [0x11, 0, 0]
        four.publish("a", "y")
        five.quiet()
        five.send(packet(0x82, b"\0\1\0" + text("$share/g/a") + b"\4"))
        assert five.closed() == 0x82


def test_options_of_5_0_are_kept():
    with up("own") as own, up("other") as other:
        assert own.subscribe(("opt/#", 0x04)) == [0]
        assert other.subscribe(("opt/#", 0x08)) == [0]
        own.publish("opt/x", "kept", retain=True)
        assert other.message().retain
        own.quiet()
        # Retain handling: 2 never, 1 for a new subscription only, 0 always.
        assert own.subscribe(("opt/x", 0x20)) == [0]
        own.quiet()
        assert own.subscribe(("opt/x", 0x10)) == [0]
        own.quiet()
        assert own.subscribe("opt/x") == [0]
        assert own.message().retain
        assert own.subscribe(("opt/+", 0x10)) == [0]
        assert own.message().retain
        own.publish("opt/x", "", retain=True)
        assert own.message().payload == b""


def test_properties_arrive_as_they_were_sent():
    user = [("k", "1"), ("a", "ä"), ("k", "2")]
    with up("from") as sender, up("to") as sub, up("old", 4) as old:
        assert sub.subscribe("props") == [0] and old.subscribe("props") == [0]
        sender.publish("props", "text", user=user, content_type="text/plain", payload_format=1, response_topic="back",
                       correlation_data=b"\0\xff", message_expiry=100)
        got = sub.message().properties
        assert got == {"user": user, "content_type": b"text/plain", "payload_format": 1, "response_topic": b"back",
                       "correlation_data": b"\0\xff", "message_expiry": got["message_expiry"]}, got
        assert 99 <= got["message_expiry"] <= 100
        assert old.message().payload == b"text"
        sender.publish("props", b"\xff", 1, 3, payload_format=1)
        assert sender.answer(PUBACK, 3) == 0x99
        sub.quiet()


def test_messages_expire():
    keep = {"clean": False, "session_expiry": 60}
    up("late", **keep).close()
    with up("late", **keep) as sub, up("sender") as sender:
        assert sub.subscribe(("late/#", 1)) == [1]
        sub.send(b"\xe0\0").close()
        sender.publish("late/short", "s", 1, 1, message_expiry=1).publish("late/long", "l", 1, 2, message_expiry=90)
        sender.publish("late/kept", "r", 1, 3, retain=True, message_expiry=1)
        assert [sender.answer(PUBACK, n) for n in (1, 2, 3)] == [0, 0, 0]
        time.sleep(2.1)
        with up("late", **keep) as again:
            message = again.message()
            assert message.payload == b"l" and 80 <= message.properties["message_expiry"] <= 88, message.properties
            again.ack(PUBACK, message.id).quiet()
            assert again.subscribe("late/kept") == [0]
            again.quiet()


def test_aliases_save_the_topic_both_ways():
    with up("short", alias_maximum=2) as sub, up("sender") as sender:
        assert sender.granted["alias_maximum"] > 0
        assert sub.subscribe("a/topic/of/some/length") == [0]
        sender.publish("a/topic/of/some/length", "1", alias=3).publish("", "2", alias=3)
        first, second = sub.message(), sub.message()
        assert first.topic == "a/topic/of/some/length" and 1 <= first.properties["alias"] <= 2
        assert second.topic == "" and second.properties["alias"] == first.properties["alias"]
        sender.publish("", "3", alias=4)
        assert sender.closed() == 0x82
    with up("sender") as sender:
        sender.publish("x", "1", alias=0)
        assert sender.closed() == 0x94


def test_windows_and_sizes_are_kept_both_ways():
    with up("narrow", receive_maximum=1, maximum_packet=60) as sub, up("sender") as sender:
        assert sub.subscribe(("w", 1)) == [1]
        sender.publish("w", "1", 1, 1).publish("w", bytes(100), 1, 2).publish("w", "3", 1, 3)
        message = sub.message()
        assert message.payload == b"1"
        sub.quiet()
        sub.ack(PUBACK, message.id)
        assert sub.message().payload == b"3"
    with up("sender") as sender:
        # Without waiting for the disk more than the window is sent: the server ends it.
        window = sender.granted["receive_maximum"]
        stream = b"".join(packet(0x34, text("devices/w/telemetry") + struct.pack(">H", n + 1) + b'\0{"t": 1}')
                          for n in range(window + 1))
        sender.send(stream)
        frame = sender.next()
        while frame and frame[0] == PUBREC:
            frame = sender.next()
        assert frame and frame[0] == DISCONNECT and frame[2][0] == 0x93, frame


def test_wills_wait_and_carry_their_properties():
    with up("watcher") as watcher:
        assert watcher.subscribe(("last", 1)) == [1]
        with up("gone", clean=False, session_expiry=60, will=("last", "words", 1, 0),
                will_properties={"will_delay": 1, "user": [("k", "v")], "message_expiry": 30}):
            pass
        watcher.quiet()
        message = watcher.message()
        assert message.payload == b"words" and message.properties["user"] == [("k", "v")]
        assert 29 <= message.properties["message_expiry"] <= 30
        # A client that is back in time, or says goodbye, leaves none.
        options = {"clean": False, "session_expiry": 60, "will": ("last", "words", 0, 0)}
        up("gone", will_properties={"will_delay": 1}, **options).close()
        with up("gone", **options) as back:
            back.send(b"\xe0\0")
            assert back.next() is None
        time.sleep(1.5)
        watcher.quiet()


def test_a_group_passes_over_a_member_that_takes_nothing():
    with up("stalled", receive_maximum=1) as stalled, up("busy") as busy, up("sender") as sender:
        for member in (stalled, busy):
            assert member.subscribe(("$share/crew/job", 1)) == [1]
        for n in range(1, 21):
            sender.publish("job", str(n), 1, n)
        assert [sender.answer(PUBACK, n) for n in range(1, 21)] == [0] * 20
        held = stalled.message()
        got = []
        for _ in range(19):
            message = busy.message()
            got.append(int(message.payload))
            busy.ack(PUBACK, message.id)
        assert got == sorted(got)
        # Its session ends: what it did not acknowledge is done by the other.
        stalled.send(b"\xe0\0")
        assert busy.message().payload == held.payload


def test_a_request_is_answered():
    with up("asker", request_response=1) as asker, up("answerer") as answerer:
        place = asker.granted["response_information"].decode()
        assert asker.subscribe(place + "/#") == [0] and answerer.subscribe("request") == [0]
        asker.publish("request", "?", response_topic=place + "/1", correlation_data=b"c7")
        asked = answerer.message().properties
        answerer.publish(asked["response_topic"].decode(), "!", correlation_data=asked["correlation_data"])
        message = asker.message()
        assert message.topic == place + "/1" and message.properties["correlation_data"] == b"c7"


def test_connects_are_answered_in_full():
    with up("") as nameless:
        assert nameless.granted["assigned_id"]
    with Raw(server.mqtt, "c", auth_method="SCRAM-SHA-1") as raw:
        assert raw.code == 0x8C and raw.granted["reason"] and raw.next() is None
    with Raw(server.mqtt, "c", maximum_packet=8) as raw:
        assert raw.code == 0x95
    with Raw(server.mqtt, "", 4, clean=False) as raw:
        assert raw.code == 2 and raw.next() is None
    with up("quiet", request_problem=0) as raw:
        raw.publish("$no", "x", 1, 1)
        assert raw.expect(PUBACK) == b"\0\1\x87"


def test_a_retained_message_survives_with_what_is_left_of_its_time():
    with up("keeper") as keeper:
        keeper.publish("r/kept", "x", 1, 1, retain=True, message_expiry=500, user=[("k", "v")])
        assert keeper.answer(PUBACK, 1) in (0, 0x10)
    server.kill()
    server.start()
    with up("keeper") as keeper:
        assert keeper.subscribe("r/#") == [0]
        message = keeper.message()
        assert message.retain and message.properties["user"] == [("k", "v")]
        assert 400 <= message.properties["message_expiry"] <= 500


def test_a_stopping_server_says_where_to_go():
    with Platform("mqtt.redirect=b.example:8883") as p:
        with Raw(p.mqtt, "five") as five, Raw(p.mqtt, "four", 4) as four:
            p.process.terminate()
            assert five.closed() == 0x9C
            assert five.last["server_reference"] == b"b.example:8883"
            assert four.closed() is None
        assert eventually(lambda: p.process.poll() is not None, 20)
    with Platform("mqtt.redirect=b.example", "mqtt.redirect_always=yes") as p:
        with Raw(p.mqtt, "five") as five, Raw(p.mqtt, "four", 4) as four:
            assert five.code == 0x9D and five.granted["server_reference"] == b"b.example"
            assert four.code == 3


if __name__ == "__main__":
    with server:
        run(globals())
