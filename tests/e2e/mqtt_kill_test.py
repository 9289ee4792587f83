"""kill -9 in the middle of everything: publishers with QoS 1 and 2, subscribers that stay and that come and go,
retained messages, wills. Each client keeps its own half of the protocol right, so that what is lost, twice or out
of order afterwards is the server's doing. MQTT_KILLS says how often (3; the long run is 20)."""
import collections
import os
import random
import socket
import struct
import threading
import time

from harness import Platform, eventually, run

KILLS = int(os.environ.get("MQTT_KILLS", "3"))
PUBLISHERS, WINDOW = 2, 12
PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 3, 4, 5, 6, 7
TOPICS = [("q1", 1), ("q2", 2), ("telemetry", 1), ("retained", 1)]


def text(s):
    return struct.pack(">H", len(s)) + s.encode()


def frame(first, body):
    n, length = len(body), b""
    while True:
        length += bytes([n % 128 | (0x80 if n > 127 else 0)])
        n //= 128
        if not n:
            return bytes([first]) + length + body


class Client(threading.Thread):
    """A 3.1.1 client with a session that is kept; comes back whenever its connection is gone."""

    def __init__(self, world, name):
        super().__init__(name=name, daemon=True)
        self.world, self.sock, self.buffer, self.connects = world, None, b"", 0
        self.fault = None
        self.start()

    def run(self):
        while not self.world.over and not self.fault:
            try:
                self.connect()
                self.session()
            except (OSError, EOFError):
                pass
            except Exception as e:  # pylint: disable=broad-except
                self.fault = repr(e)
            finally:
                if self.sock:
                    self.sock.close()
            time.sleep(self.pause())

    def pause(self):
        return 0.02

    def connect(self):
        self.buffer = b""
        self.sock = socket.create_connection(self.world.address, 5)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(5)
        self.send(frame(0x10, text("MQTT") + b"\x04\x00" + struct.pack(">H", 0) + text(self.name)))
        kind, _, body = self.packet()
        if kind != 2 or body[1]:
            raise EOFError
        if bool(body[0]) != (self.connects > 0):
            self.fault = f"connect {self.connects + 1}: session present is {body[0]}"
        self.connects += 1
        self.sock.settimeout(0.02)

    def send(self, data):
        self.sock.sendall(data)

    def packet(self):
        while True:
            for n in range(2, 6):
                if len(self.buffer) >= n and self.buffer[n - 1] < 128:
                    length = sum((b & 127) << 7 * i for i, b in enumerate(self.buffer[1:n]))
                    if len(self.buffer) >= n + length:
                        first, body = self.buffer[0], self.buffer[n:n + length]
                        self.buffer = self.buffer[n + length:]
                        return first >> 4, first & 15, body
                    break
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.buffer += data


class Publisher(Client):
    def __init__(self, world, number):
        self.sent = {topic: 0 for topic in self.topics(number)}
        self.flying = collections.OrderedDict()  # identifier: [topic, payload, QoS, PUBREC came]
        self.last_id, self.number = 0, number
        super().__init__(world, f"publisher-{number}")

    @staticmethod
    def topics(number):
        return {f"load/{number}/{name}" if name != "telemetry" else f"devices/kill{number}/telemetry": qos
                for name, qos in TOPICS}

    def publish(self, ident, dup):
        topic, payload, qos, released = self.flying[ident]
        if released:
            self.send(bytes([PUBREL << 4 | 2, 2]) + struct.pack(">H", ident))
            return
        retain = topic.endswith("retained")
        self.send(frame(PUBLISH << 4 | dup << 3 | qos << 1 | retain,
                        text(topic) + struct.pack(">H", ident) + payload))

    def more(self):
        while len(self.flying) < WINDOW:
            topic, qos = list(self.topics(self.number).items())[self.last_id % len(TOPICS)]
            self.last_id = self.last_id % 65535 + 1
            self.sent[topic] += 1
            n = self.sent[topic]
            payload = b'{"n":%d}' % n + (b"" if "devices" in topic else b" " * (n * 37 % 600))
            self.flying[self.last_id] = [topic, payload, qos, False]
            self.publish(self.last_id, 0)

    def session(self):
        for ident in list(self.flying):
            self.publish(ident, 1)
        while not self.world.over:
            if not self.world.closing:
                self.more()
            try:
                kind, _, body = self.packet()
            except TimeoutError:
                continue
            ident = struct.unpack(">H", body[:2])[0]
            entry = self.flying.get(ident)
            if kind == PUBREC and entry:
                entry[3] = True
                self.publish(ident, 0)
            elif entry and kind == (PUBACK if entry[2] == 1 else PUBCOMP):
                del self.flying[ident]


class Subscriber(Client):
    """Gets everything; `flighty` ones leave without a word now and then."""

    def __init__(self, world, name, qos, flighty=False, lazy=0):
        self.qos, self.flighty, self.lazy = qos, flighty, lazy
        self.received = collections.defaultdict(list)  # topic: numbers in order of arrival
        self.qos2 = set()
        self.wills = []
        self.random = random.Random(name)
        self.subscribed = threading.Event()
        super().__init__(world, name)

    def pause(self):
        return self.random.uniform(0.1, 0.5) if self.flighty and not self.world.closing else 0.02

    def take(self, topic, payload):
        if topic.startswith("will/"):
            self.wills.append(payload.decode())
        else:
            self.received[topic].append(int(payload.strip()[5:-1]))

    def on_publish(self, flags, body):
        n = struct.unpack(">H", body[:2])[0]
        topic, qos = body[2:2 + n].decode(), flags >> 1 & 3
        ident, payload = body[2 + n:4 + n], body[4 + n:]
        if qos == 1:
            self.take(topic, payload)
            return bytes([PUBACK << 4, 2]) + ident
        if qos == 0:
            raise AssertionError(f"QoS 0 of {topic}")
        if ident not in self.qos2:
            self.qos2.add(ident)
            self.take(topic, payload)
        return bytes([PUBREC << 4, 2]) + ident

    def session(self):
        owed = []
        until = time.monotonic() + (self.random.uniform(0.2, 0.8) if self.flighty else 1e9)
        if not self.subscribed.is_set():
            filters = b"".join(text(f) + bytes([self.qos]) for f in ("load/#", "devices/#", "will/#"))
            self.send(frame(0x82, b"\x00\x01" + filters))
        while not self.world.over and (time.monotonic() < until or self.world.closing):
            try:
                kind, flags, body = self.packet()
            except TimeoutError:
                kind = 0
            if kind == 9:
                self.subscribed.set()
            elif kind == PUBLISH:
                owed.append(self.on_publish(flags, body))
            elif kind == PUBREL:
                self.qos2.discard(body[:2])
                owed.append(bytes([PUBCOMP << 4, 2]) + body[:2])
            if owed and (not kind or len(owed) > self.lazy):
                self.send(b"".join(owed))
                owed = []


class World:
    over = closing = False
    address = None


def wait_for(what, condition, clients, timeout=40):
    end = time.monotonic() + timeout
    while not condition():
        faults = [f"{c.name}: {c.fault}" for c in clients if c.fault]
        assert not faults, faults
        assert time.monotonic() < end, (what, [(c.name, c.connects, len(getattr(c, 'flying', ()))) for c in clients])
        time.sleep(0.02)


def with_will(address, name, expiry, delay):
    """A 5.0 client that only has a will; returns its socket."""
    sock = socket.create_connection(address, 5)
    props = b"\x11" + struct.pack(">I", expiry) if expiry else b""
    will_props = b"\x18" + struct.pack(">I", delay) if delay else b""
    body = text("MQTT") + b"\x05" + bytes([2 | 4 | 8]) + b"\x00\x00" + bytes([len(props)]) + props + text(name)
    body += bytes([len(will_props)]) + will_props + text("will/" + name) + text(name)
    sock.sendall(frame(0x10, body))
    assert sock.recv(256)[0] == 0x20
    return sock


def retained(address):
    """What a new client is given of the retained topics."""
    found = {}
    sock = socket.create_connection(address, 5)
    sock.sendall(frame(0x10, text("MQTT") + b"\x04\x02\x00\x00" + text("looks")))
    sock.sendall(frame(0x82, b"\x00\x01" + text("load/+/retained") + b"\x00"))
    sock.settimeout(0.5)
    reader = Client.__new__(Client)
    reader.sock, reader.buffer = sock, b""
    try:
        while len(found) < PUBLISHERS:
            kind, flags, body = reader.packet()
            if kind == PUBLISH and flags & 1:
                n = struct.unpack(">H", body[:2])[0]
                found[body[2:2 + n].decode()] = int(body[2 + n:].strip()[5:-1])
    except TimeoutError:
        pass
    sock.close()
    return found


def acknowledged(publisher, topic):
    """The highest number of a topic before which nothing flies any more."""
    flying = [int(e[1].strip()[5:-1]) for e in list(publisher.flying.values()) if e[0] == topic]
    return min(flying) - 1 if flying else publisher.sent[topic]


def check(subscriber, topic, count):
    got, first = subscriber.received[topic], []
    seen = set()
    for n in got:
        if n not in seen:
            seen.add(n)
            first.append(n)
    who = f"{subscriber.name} {topic}"
    assert len(seen) == count, f"{who}: {count - len(seen)} lost of {count}: {sorted(set(range(1, count + 1)) - seen)[:9]}"
    assert first == sorted(first), f"{who}: out of order at {next(a for a, b in zip(first, sorted(first)) if a != b)}"
    if topic.endswith("q2") and subscriber.qos == 2:
        twice = [n for n, c in collections.Counter(got).items() if c > 1]
        assert not twice, f"{who}: twice {twice[:9]}"


def test_nothing_is_lost_twice_or_out_of_order_when_the_server_is_killed():
    world, wills = World(), []
    platform = Platform("log.level=info", "mqtt.max-reconnects-per-minute=0", "mqtt.max-queued-bytes=67108864",
                        "mqtt.max-queued-messages=16384")
    with platform:
        world.address = platform.mqtt
        subscribers = [Subscriber(world, "stays-2", 2, lazy=5), Subscriber(world, "stays-1", 1),
                       Subscriber(world, "flighty-2", 2, flighty=True, lazy=3)]
        clients = list(subscribers)
        wait_for("subscribed", lambda: all(s.subscribed.is_set() for s in subscribers), clients)
        publishers = [Publisher(world, i) for i in range(PUBLISHERS)]
        clients += publishers
        for kill in range(KILLS):
            names = [(f"brief{kill}", 0, 0), (f"kept{kill}", 60, 0), (f"delayed{kill}", 60, 1)]
            held = [with_will(platform.mqtt, *n) for n in names]
            wills += [n[0] for n in names]
            before = sum(p.sent["load/%d/q2" % p.number] for p in publishers)
            wait_for("load", lambda: sum(p.sent["load/%d/q2" % p.number] for p in publishers) > before + 250, clients)
            floor = {t: acknowledged(p, t) for p in publishers for t in p.sent if t.endswith("retained")}
            platform.kill()
            for sock in held:
                sock.close()
            platform.start()
            world.address = platform.mqtt
            found = retained(platform.mqtt)
            for topic, n in floor.items():
                assert found.get(topic, 0) >= n, f"retained {topic}: {found.get(topic)}, {n} was acknowledged"
        world.closing = True
        wait_for("all acknowledged", lambda: not any(p.flying for p in publishers), clients)

        def complete():
            return all(len(set(s.received[t])) >= n for s in subscribers for p in publishers for t, n in p.sent.items())
        try:
            wait_for("all received", complete, clients, 15)
        except AssertionError as e:
            if "all received" not in str(e):
                raise
        eventually(lambda: all(set(s.wills) >= set(wills) for s in subscribers), 10)
        for subscriber in subscribers:
            assert set(subscriber.wills) >= set(wills), f"{subscriber.name}: wills {set(wills) - set(subscriber.wills)}"
        time.sleep(0.3)  # whatever comes too often
        world.over = True
        for c in clients:
            c.join(5)
        for subscriber in subscribers:
            for publisher in publishers:
                for topic, count in publisher.sent.items():
                    check(subscriber, topic, count)
        total = sum(sum(p.sent.values()) for p in publishers)
        print(f"# {KILLS} kills, {total} messages to {len(subscribers)} subscribers, "
              f"{sum(c.connects for c in clients)} connects, ready again in {platform.ready_seconds:.2f} s")


if __name__ == "__main__":
    run(globals())
