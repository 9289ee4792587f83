"""MQTT with clients that others wrote: mosquitto_pub and mosquitto_sub, paho for Python and C, npm mqtt."""
import pathlib
import socket
import subprocess
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import BUILD, Platform, eventually, mosquitto_pub, npm_install, run

HERE = pathlib.Path(__file__).parent


class Subscriber:
    """mosquitto_sub in the background; lines() are the messages it printed."""

    def __init__(self, platform, *options):
        host, port = platform.mqtt
        self.process = subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-h", host, "-p", str(port), "-d", *options],
                                        stdout=subprocess.PIPE, text=True)
        self.log, self.messages = [], []
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        assert self.logged("Subscribed"), self.log

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                mine = line.startswith(("Client ", "Subscribed"))
                (self.log if mine else self.messages).append(line.rstrip("\n"))
                self.changed.notify_all()

    def logged(self, text, seconds=10):
        with self.changed:
            return self.changed.wait_for(lambda: any(text in line for line in self.log), seconds)

    def lines(self, count, seconds=10):
        with self.changed:
            self.changed.wait_for(lambda: len(self.messages) >= count, seconds)
            return self.messages[:count]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()


class Closed(Platform):
    """Without anonymous clients."""

    def command(self):
        return [word.replace("mqtt.anonymous=yes", "mqtt.anonymous=no") for word in super().command()]


def ok(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result


def test_every_qos_and_version_reaches_a_subscriber():
    with Platform() as p, Subscriber(p, "-t", "plain/#", "-t", "devices/+/telemetry", "-q", "2", "-v") as s:
        for version in ("mqttv311", "mqttv5"):
            for qos in ("0", "1", "2"):
                ok(mosquitto_pub(p, "plain/x", f"{version} {qos}", "-q", qos, "-V", version))
                ok(mosquitto_pub(p, "devices/d1/telemetry", '{"t": %s}' % qos, "-q", qos, "-V", version))
        lines = s.lines(12)
        assert lines[0] == "plain/x mqttv311 0" and lines[-1] == 'devices/d1/telemetry {"t": 2}', lines
        assert len(p.points("d1", "t")["t"]) == 6


def test_wildcards_match_as_the_standard_says():
    with Platform() as p, Subscriber(p, "-t", "a/+/c", "-t", "b/#", "-t", "+", "-v") as s:
        for topic in ("a/b/c", "a/b", "b", "b/x/y", "a/b/c/d", "/x", "top"):
            ok(mosquitto_pub(p, topic, "m"))
        ok(mosquitto_pub(p, "b/end", "m"))
        assert s.lines(5) == ["a/b/c m", "b m", "b/x/y m", "top m", "b/end m"]


def test_retained_messages_come_at_once_and_survive_kill_9():
    with Platform() as p:
        ok(mosquitto_pub(p, "r/one", "1", "-r", "-q", "1"))
        ok(mosquitto_pub(p, "r/two", "2", "-r", "-q", "2", "-V", "mqttv5"))
        ok(mosquitto_pub(p, "r/three", "3", "-r", "-q", "1"))
        ok(mosquitto_pub(p, "r/three", "", "-r", "-q", "1"))
        p.kill()
        p.start()
        with Subscriber(p, "-t", "r/#", "-v", "-F", "%r %t %p") as s:
            assert sorted(s.lines(2)) == ["1 r/one 1", "1 r/two 2"]


def test_a_will_is_sent_when_its_client_dies():
    with Platform() as p, Subscriber(p, "-t", "last/+", "-v") as s:
        with Subscriber(p, "-t", "x", "--will-topic", "last/words", "--will-payload", "gone", "--will-qos", "1"):
            pass
        assert s.lines(1) == ["last/words gone"]


def test_properties_of_5_0_are_forwarded():
    with Platform() as p, Subscriber(p, "-t", "props", "-V", "5", "-F", "%C|%R|%D|%P|%E|%p") as s:
        ok(mosquitto_pub(p, "props", "m", "-V", "5", "-D", "publish", "content-type", "text/plain", "-D", "publish",
                         "response-topic", "answer/here", "-D", "publish", "correlation-data", "c1", "-D", "publish",
                         "user-property", "k", "v", "-D", "publish", "message-expiry-interval", "77"))
        assert s.lines(1)[0].replace(" ", "") == "text/plain|answer/here|c1|k:v|77|m"


def test_a_persistent_session_gets_what_it_missed():
    with Platform() as p:
        host, port = p.mqtt
        with Subscriber(p, "-t", "missed/#", "-q", "1", "-i", "keeper", "-c"):
            pass
        for n in range(50):
            ok(mosquitto_pub(p, "missed/x", str(n), "-q", "1"))
        with Subscriber(p, "-t", "missed/#", "-q", "1", "-i", "keeper", "-c") as s:
            assert s.lines(50) == [str(n) for n in range(50)], s.messages


def test_a_newer_connection_of_the_same_client_wins():
    with Platform() as p, socket.create_connection(p.mqtt) as old, socket.create_connection(p.mqtt) as new:
        hello = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04same"
        for s in (old, new):
            s.settimeout(10)
            s.sendall(hello)
            assert s.recv(100)[:1] == b"\x20"
        said = old.recv(200)
        assert said[0] == 0xE0 and said[2] == 0x8E, said
        assert old.recv(10) == b""
        new.sendall(b"\xc0\x00")
        assert new.recv(10) == b"\xd0\x00"


def test_silence_is_cut_within_a_second_of_one_and_a_half_keep_alives():
    with Platform() as p:
        s = socket.create_connection(p.mqtt)
        s.sendall(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x02\x00\x01k")
        assert s.recv(10) == b"\x20\x02\x00\x00"
        begin = time.monotonic()
        s.settimeout(10)
        assert s.recv(10) == b""
        took = time.monotonic() - begin
        assert 2.9 <= took <= 4.2, took


def test_who_does_not_say_connect_in_time_is_cut():
    with Platform("mqtt.connect-timeout-s=2") as p:
        s = socket.create_connection(p.mqtt)
        s.sendall(b"\x10\x0d\x00\x04MQ")
        s.settimeout(10)
        begin = time.monotonic()
        assert s.recv(10) == b""
        assert 1.5 <= time.monotonic() - begin <= 4


def test_what_is_refused_says_why():
    with Platform() as p:
        bad = mosquitto_pub(p, "devices/d1/telemetry", '{"t":', "-q", "1", "-V", "5", "-d")
        assert "RC:153" in bad.stdout, bad.stdout
        bad = mosquitto_pub(p, "devices/d1/nonsense", "x", "-q", "1", "-V", "5", "-d")
        assert "RC:144" in bad.stdout, bad.stdout
        # 3.1.1 has no words for it and must not send it for ever.
        ok(mosquitto_pub(p, "devices/d1/telemetry", '{"t":', "-q", "1"))
        fates = p.call("device.get", id="d1")["device"]["device"]["fates"]
        assert fates["quarantined"]["count"] == 2, fates
        assert fates["refused"]["count"] == 1 and "nonsense" in fates["refused"]["reason"], fates


def test_without_anonymous_nobody_comes_in_without_credentials():
    with Closed() as p:
        refused = mosquitto_pub(p, "devices/d1/telemetry", '{"t": 1}', "-q", "1")
        assert refused.returncode != 0, refused.stdout


def test_devices_with_a_password_speak_for_themselves_only():
    with Closed() as p:
        p.call("device.create", id="d1", password="long enough secret")
        p.call("device.create", id="d2", password="another long secret")
        login = ("-u", "d1", "-P", "long enough secret", "-q", "1", "-V", "5", "-d")
        out = ok(mosquitto_pub(p, "devices/d1/telemetry", '{"t": 1}', *login)).stdout
        assert "RC:0" in out, out
        out = mosquitto_pub(p, "devices/d2/telemetry", '{"t": 1}', *login).stdout
        assert "RC:135" in out, out
        wrong = mosquitto_pub(p, "devices/d1/telemetry", '{"t": 1}', "-u", "d1", "-P", "wrong", "-q", "1")
        assert wrong.returncode != 0


def test_shared_subscriptions_divide_the_work():
    with Platform() as p:
        host, port = p.mqtt
        clients, counts = [], [0, 0]
        for k in range(2):
            c = paho.Client(f"worker{k}", protocol=paho.MQTTv5)
            c.on_message = lambda _c, _u, _m, k=k: counts.__setitem__(k, counts[k] + 1)
            ready = []
            c.on_subscribe = lambda *a, ready=ready: ready.append(1)
            c.connect(host, port)
            c.loop_start()
            assert eventually(c.is_connected)
            c.subscribe("$share/crew/job/#", qos=1)
            assert eventually(lambda: ready)
            clients.append(c)
        sender = paho.Client("sender", protocol=paho.MQTTv5)
        sender.connect(host, port)
        sender.loop_start()
        for n in range(200):
            sender.publish(f"job/{n}", str(n), qos=1)
        assert eventually(lambda: sum(counts) == 200), counts
        assert counts == [100, 100], counts
        for c in [*clients, sender]:
            c.disconnect()
            c.loop_stop()


def test_subscription_identifiers_and_options_work_with_paho():
    with Platform() as p:
        got, ready = [], []
        c = paho.Client("subid", protocol=paho.MQTTv5)
        c.on_message = lambda _c, _u, m: got.append((m.topic, m.retain, m.properties.SubscriptionIdentifier))
        c.on_subscribe = lambda *a: ready.append(1)
        c.connect(*p.mqtt)
        c.loop_start()
        assert eventually(c.is_connected)
        for number, topic in ((5, "id/#"), (6, "id/+")):
            props = Properties(PacketTypes.SUBSCRIBE)
            props.SubscriptionIdentifier = number
            c.subscribe(topic, options=paho.SubscribeOptions(qos=1, retainAsPublished=True), properties=props)
        assert eventually(lambda: len(ready) == 2)
        c.publish("id/x", "m", qos=1, retain=True)
        assert eventually(lambda: got), got
        topic, retain, ids = got[0]
        assert topic == "id/x" and retain and sorted(ids) == [5, 6], got
        c.disconnect()
        c.loop_stop()


def test_the_paho_c_client_works():
    with Platform() as p:
        out = subprocess.run([BUILD / "tests" / "e2e" / "mqtt-paho", "tcp://%s:%d" % p.mqtt], capture_output=True,
                             text=True, timeout=60)
        assert out.returncode == 0, out.stdout + out.stderr


def test_npm_mqtt_works():
    npm_install(HERE)
    with Platform() as p:
        out = subprocess.run(["node", HERE / "mqtt_node.mjs", "mqtt://%s:%d" % p.mqtt], capture_output=True, text=True,
                             timeout=60)
        assert out.returncode == 0, out.stdout + out.stderr


if __name__ == "__main__":
    run(globals())
