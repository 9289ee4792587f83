"""What strangers may try on the wire: nothing ends or blocks the platform, and nobody acts as somebody else."""
import http.client
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from api_test import refusal
from harness import SIGNALBOXD, Platform, eventually, mosquitto_pub, run


# ---- MQTT 3.1.1 and 5.0, as wrong as one likes

def text(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack(">H", len(b)) + b


def varint(n):
    out = b""
    while True:
        n, digit = n >> 7, n & 127
        out += bytes([digit | (128 if n else 0)])
        if not n:
            return out


def packet(first, body):
    return bytes([first]) + varint(len(body)) + body


def connect(client="", user=None, password=None, will=None, version=4, clean=True, keepalive=0):
    flags = clean << 1 | (will is not None) << 2 | (password is not None) << 6 | (user is not None) << 7
    body = text("MQTT") + bytes([version, flags]) + struct.pack(">H", keepalive) + (b"\0" if version == 5 else b"")
    body += text(client)
    if will:
        body += (b"\0" if version == 5 else b"") + text(will[0]) + text(will[1])
    return packet(0x10, body + b"".join(text(s) for s in (user, password) if s is not None))


def publish(topic, payload, qos=0, ident=1, retain=False, version=4):
    body = text(topic) + (struct.pack(">H", ident) if qos else b"") + (b"\0" if version == 5 else b"")
    return packet(0x30 | qos << 1 | retain, body + payload)


def subscribe(*filters, ident=1, qos=0):
    return packet(0x82, struct.pack(">H", ident) + b"".join(text(f) + bytes([qos]) for f in filters))


class Peer:
    def __init__(self, p, first=None, timeout=30):
        self.socket = socket.create_connection(p.mqtt, timeout=timeout)
        self.data = b""
        if first is not None:
            self.send(first)

    def send(self, data):
        self.socket.sendall(data)
        return self

    def take(self):
        """(first byte, body) of the next packet, or None at the end."""
        while True:
            n, at, shift = 0, 1, 0
            while at < len(self.data):
                n |= (self.data[at] & 127) << shift
                shift, at = shift + 7, at + 1
                if not self.data[at - 1] & 128:
                    if len(self.data) >= at + n:
                        got = self.data[0], self.data[at:at + n]
                        self.data = self.data[at + n:]
                        return got
                    break
            try:
                piece = self.socket.recv(1 << 16)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return None
            self.data += piece

    def expect(self, first):
        while True:
            got = self.take()
            assert got, f"closed before 0x{first:02x}"
            if got[0] == first:
                return got[1]

    def up(self):
        assert self.expect(0x20)[1] == 0
        return self

    def ended(self):
        while True:
            if self.take() is None:
                return True


def joined(p, *args, **kwargs):
    return Peer(p, connect(*args, **kwargs)).up()


def is_alive(p, seconds=5):
    return joined(p).send(b"\xc0\0").expect(0xd0) == b"" and p.process.poll() is None


def metric(p, name):
    c = http.client.HTTPConnection(*p.http, timeout=20)
    c.request("GET", "/metrics")
    return sum(float(line.split()[-1]) for line in c.getresponse().read().decode().splitlines()
               if line.startswith("signalbox_" + name))


# ---- who acts for whom

def test_nameless_peers_do_not_act_for_a_device_with_a_password():
    with Platform() as p:
        spoof = joined(p, "spoof", version=5)
        spoof.send(publish("devices/d1/telemetry", b'{"t":1}', qos=1, version=5)).expect(0x40)
        will = joined(p, "will", will=("devices/d1/telemetry", '{"t":66}'))
        assert eventually(lambda: p.points("d1", "t")["t"])
        p.call("device.update", id="d1", password="secret of d1")
        # Whoever spoke for it until now is out, and comes back without the right to.
        assert spoof.ended()
        spoof = joined(p, "spoof", version=5)
        body = spoof.send(publish("devices/d1/telemetry", b'{"t":2}', qos=1, version=5)).expect(0x40)
        assert body[2] == 0x87, body
        for topic in ("devices/d1/events", "devices/d1/state/desired", "devices/d1/commands/1"):
            assert spoof.send(publish(topic, b"{}", qos=1, version=5)).expect(0x40)[2] == 0x87, topic
        will.socket.close()
        assert Peer(p, connect("w2", will=("devices/d1/telemetry", '{"t":67}'))).expect(0x20)[1] != 0
        assert Peer(p, connect("d1")).expect(0x20)[1] != 0
        assert spoof.send(publish("devices/d2/telemetry", b'{"t":3}', qos=1, version=5)).expect(0x40)[2:3] != b"\x87"
        own = joined(p, "any", "d1", "secret of d1")
        own.send(publish("devices/d1/telemetry", b'{"t":4}', qos=1)).expect(0x40)
        assert eventually(lambda: [point[1] for point in p.points("d1", "t")["t"]] == [1, 4]), p.points("d1", "t")
        detail = json.dumps(p.call("device.get", id="d1"))
        assert "has a credential" in detail, detail


def test_a_suspended_device_is_put_out_and_stays_out():
    with Platform() as p:
        p.call("device.create", id="d1", password="secret of d1")
        device = joined(p, "x", "d1", "secret of d1", version=5)
        device.send(publish("devices/d1/telemetry", b'{"t":1}', qos=1, version=5)).expect(0x40)
        nameless = joined(p, "y")
        nameless.send(publish("devices/d2/telemetry", b'{"t":1}', qos=1)).expect(0x40)
        p.call("device.update", id="d1", state="suspended")
        p.call("device.update", id="d2", state="suspended")
        assert device.expect(0xe0)[0] == 0x98
        assert device.ended() and nameless.ended()
        assert Peer(p, connect("x", "d1", "secret of d1")).expect(0x20)[1] != 0
        nameless = joined(p, "y", version=5)
        for topic in ("devices/d2/telemetry", "devices/d2/events"):
            assert nameless.send(publish(topic, b'{"t":2}', qos=1, version=5)).expect(0x40)[2] == 0x87
        p.call("device.update", id="d1", state="active")
        joined(p, "x", "d1", "secret of d1")
        p.call("device.update", id="d1", password="another one")
        assert Peer(p, connect("x", "d1", "secret of d1")).expect(0x20)[1] != 0


def test_a_credential_has_a_bounded_number_of_sessions():
    with Platform("mqtt.max-device-sessions=5") as p:
        p.call("device.create", id="d1", password="secret of d1")
        peers = [joined(p, f"c{i}", "d1", "secret of d1", clean=False) for i in range(5)]
        assert Peer(p, connect("c9", "d1", "secret of d1", clean=False)).expect(0x20)[1] != 0
        joined(p, "c0", "d1", "secret of d1", clean=False)
        assert peers[0].ended()
        assert is_alive(p)


def test_nothing_is_open_to_other_machines_by_mistake():
    for sets in (["mqtt.listen=0.0.0.0:0"], ["mqtt.listen=[::]:0", "mqtt.anonymous=yes"],
                 ["mqtt.listen-tls=0.0.0.0:0", "mqtt.anonymous=yes"], ["http.listen=0.0.0.0:0"]):
        data = tempfile.mkdtemp(prefix="signalbox-test-")
        line = [str(SIGNALBOXD), "--data", data, "--set", "http.listen=127.0.0.1:0"]
        for one in sets:
            line += ["--set", one]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60)
        shutil.rmtree(data)
        assert done.returncode and "insecure = yes" in done.stderr and not done.stdout, done.stderr


# ---- malformed and greedy

def test_no_bytes_end_the_mqtt_server():
    seeds = [connect("m", "u", "p", ("w", "x")), connect("m", version=5), publish("a/b", b"x" * 40, qos=2),
             publish("devices/d/telemetry", b'{"a":[1,2,{"b":1e999}]}', qos=1), subscribe("a/+/#", "$share/g/x", qos=2),
             packet(0xa2, b"\0\1" + text("a")), b"\xc0\0", b"\xe0\0", packet(0x62, b"\0\1"), packet(0x40, b"\0\1"),
             publish(b"\xff\xfe", b""), publish("x" * 65535, b"y"), packet(0xf0, b"\0"), packet(0x30, b"\xff\xff"),
             b"\x10\xff\xff\xff\xff\x7f", b"\x30\xff\xff\xff\x7f", b"\0" * 64, b"\x82\x80\x00"]
    rng = random.Random(4)
    with Platform() as p:
        for version in (4, 5):
            for n in range(400):
                peer = Peer(p)
                try:
                    if n % 3:
                        peer.send(connect(f"fuzz{n % 7}", version=version, clean=bool(n % 2)))
                    for _ in range(rng.randrange(1, 5)):
                        bad = bytearray(rng.choice(seeds))
                        for _ in range(rng.randrange(4)):
                            bad[rng.randrange(len(bad))] = rng.randrange(256)
                        peer.send(bytes(bad))
                    peer.send(b"\xc0\0")
                except OSError:
                    pass
                peer.socket.close()
        assert is_alive(p)


def test_strangers_cost_little_and_not_for_long():
    with Platform("mqtt.connect-timeout-s=1") as p:
        begin = time.monotonic()
        assert Peer(p, b"\x10\xff\xff\x0f").ended()  # a CONNECT of 256 KiB: refused at its header
        assert time.monotonic() - begin < 0.9
        idle, slow = Peer(p), Peer(p, connect("x" * 100)[:50])
        assert idle.ended() and slow.ended()
        assert 0.8 < time.monotonic() - begin < 5


def test_a_queue_full_of_unacknowledged_messages_blocks_nobody():
    with Platform() as p:
        joined(p).send(publish("kept", b"r", retain=True, qos=1)).expect(0x40)
        greedy, source = joined(p, "greedy"), joined(p, "source")
        greedy.send(subscribe("x", qos=1)).expect(0x90)
        # All but the first message are acknowledged, until there is no room behind the first.
        left, open_ids = 32768, []
        while left:
            n = min(left, 128)
            source.send(b"".join(publish("x", b"m", qos=1, ident=i + 1) for i in range(n)))
            got = [greedy.expect(0x32) for _ in range(n)]
            ids = [body[3:5] for body in got]
            greedy.send(b"".join(packet(0x40, i) for i in (ids if left < 32768 else ids[1:])))
            open_ids += ids[:1] if left == 32768 else []
            for _ in range(n):
                source.expect(0x40)
            left -= n
        greedy.send(subscribe("kept", ident=2, qos=1)).expect(0x90)
        assert is_alive(p)
        greedy.send(packet(0x40, open_ids[0]))
        assert b"kept" in greedy.expect(0x33)


def test_retained_messages_cost_what_they_hold():
    with Platform("mqtt.max-retained=500", "mqtt.max-retained-bytes=1048576") as p:
        peer = joined(p, version=5)
        for n in range(5000):  # made and removed faster than any disk writes that down
            peer.send(publish(f"churn/{n}", b"x", retain=True, version=5))
            peer.send(publish(f"churn/{n}", b"", retain=True, version=5))
        peer.send(b"\xc0\0").expect(0xd0)
        assert eventually(lambda: metric(p, "retained{") == 0)
        for n in range(500):  # a topic of many levels is many nodes
            peer.send(publish("/".join([f"d{n}"] + ["x"] * 63), b"x", retain=True, qos=1, version=5)).expect(0x40)
        assert metric(p, "retained{") < 200
        assert metric(p, "retained_bytes{") <= 1048576
        assert is_alive(p)


def test_subscriptions_cost_what_they_hold():
    with Platform("mqtt.max-subscription-bytes=262144") as p:
        peer = joined(p)
        codes = b""
        for n in range(10):
            filters = ["/".join([f"{n}-{i}"] + ["+"] * 63) for i in range(100)]
            codes += peer.send(subscribe(*filters, ident=n + 1)).expect(0x90)[2:]
        assert 10 < codes.count(b"\0") < 100 and codes.count(b"\x80") == 1000 - codes.count(b"\0")
        assert is_alive(p)


def test_looking_for_retained_messages_does_not_block_others():
    with Platform() as p:
        peer = joined(p)
        for n in range(20000):
            peer.send(publish(f"r/{n}/x", b"x", retain=True))
        peer.send(b"\xc0\0").expect(0xd0)
        other = joined(p, "other")
        for n in range(4):
            peer.send(subscribe(*[f"+/+/none{n}-{i}" for i in range(500)], ident=n + 1))
        worst = 0
        for _ in range(20):
            begin = time.monotonic()
            other.send(b"\xc0\0").expect(0xd0)
            worst = max(worst, time.monotonic() - begin)
        assert worst < 2, worst


def test_who_does_not_read_is_cut_off_and_others_go_on():
    with Platform("mqtt.max-queued-bytes=65536") as p:
        deaf, source = joined(p, "deaf"), joined(p, "source")
        deaf.send(subscribe("flood", qos=1)).expect(0x90)
        for n in range(400):
            source.send(publish("flood", os.urandom(4096), qos=1, ident=n % 60000 + 1)).expect(0x40)
        assert eventually(lambda: metric(p, "slow_subscribers_total") == 1)
        assert is_alive(p)


# ---- HTTP and WebSocket

def test_calls_that_ask_for_too_much_are_refused():
    with Platform() as p:
        for n in range(3):
            mosquitto_pub(p, f"devices/d{n}/telemetry", json.dumps({f"m{i}": i for i in range(50)}), "-q", "1")
        for method, params in [("telemetry.latest", {"devices": ["d0"], "series": ["x"] * 65}),
                               ("telemetry.query", {"device": "d0", "series": ["x"] * 65}),
                               ("telemetry.query", {"device": "d0", "limit": 1e300}),
                               ("telemetry.subscribe", {"devices": ["d0"] * 1001}),
                               ("token.create", {"name": "x", "role": "admin", "ttl": 1e300})]:
            assert refusal(p, method, **params).name == "invalid_params", method
        answer = p.call("telemetry.query", device="d0", bucket=1, limit=100000, **{"from": -9e15, "to": 9e15})
        assert sum(len(s["buckets"]) for s in answer["series"]) == 50
        assert p.call("session.me")["role"] == "admin"


def post(p, user, password, source="127.0.0.1"):
    c = http.client.HTTPConnection(*p.http, timeout=20, source_address=(source, 0))
    c.request("POST", "/api/v1/login", json.dumps({"user": user, "password": password}),
              {"Content-Type": "application/json"})
    return c.getresponse().status


def test_guessing_from_one_machine_locks_nobody_out():
    with Platform() as p:
        p.call("user.create", name="anna", password="one-time password", role="viewer")
        guesses = [post(p, "anna", f"wrong {n}") for n in range(60)]
        assert 429 in guesses and 200 not in guesses
        assert post(p, "anna", "one-time password", source="127.0.0.2") == 200


def test_a_token_cannot_make_itself_live_longer():
    with Platform() as p:
        now = time.time() * 1000
        made = p.call("token.create", name="x", role="viewer", ttl=31536000)
        assert made["expires"] - now < 3600e3 + 5000, made
        assert refusal(p, "token.create", name="x", role="nothing").name == "invalid_params"


def test_what_strangers_say_is_one_line_of_the_log():
    with Platform() as p:
        forged = 'x\nlevel=info module=app msg="forged line"\n\x1b[31m'
        post(p, forged, "x")
        peer = joined(p, version=5)
        peer.send(publish("devices/" + forged.replace("/", "") + "/telemetry", b"{}", qos=1, version=5)).expect(0x40)
        Peer(p, connect(forged)).take()
        mosquitto_pub(p, "devices/d1/telemetry", json.dumps({forged: 1}), "-q", "1")
        assert is_alive(p)
        log = p.log()
        assert "\x1b" not in log and not [line for line in log.splitlines() if line.startswith("level=info module=app msg=\"forged")]


if __name__ == "__main__":
    run(globals())
