"""Devices for the storage bench: a gateway that brings what many of them measured, minute by minute, as fast as it is
acknowledged; and what else a platform does meanwhile."""
import itertools
import socket
import struct
import subprocess
import threading
import time

from servers import BUILD

BEGIN_MS = 1764547200000
WINDOW = 500


def packet(head, body):
    size = len(body)
    length = bytes((size,)) if size < 128 else bytes((size & 127 | 128, size >> 7))
    return bytes((head,)) + length + body


class Gateway:
    def __init__(self, server):
        self.link = socket.create_connection(("127.0.0.1", server.port))
        self.link.sendall(packet(0x10, b"\0\4MQTT\4\2\0\0" + b"\0\7gateway"))
        if self.take(4)[3]:
            raise RuntimeError("the gateway is refused")
        self.ids = itertools.cycle(range(1, 60001))

    def take(self, n):
        got = b""
        while len(got) < n:
            more = self.link.recv(n - len(got))
            if not more:
                raise RuntimeError("the server hung up")
            got += more
        return got

    def give(self, messages):
        """(topic, payload) each; returns when all are acknowledged."""
        for at in range(0, len(messages), WINDOW):
            some = messages[at:at + WINDOW]
            self.link.sendall(b"".join(
                packet(0x32, struct.pack("!H", len(topic)) + topic + struct.pack("!H", next(self.ids)) + payload)
                for topic, payload in some))
            self.take(4 * len(some))


def minutes(server, devices, minutes, look):
    """Four series a device, one point a minute each. What look() said after each tenth of it."""
    gateway = Gateway(server)
    topics = [b"devices/meter-%05d/telemetry" % i for i in range(devices)]
    seen = []
    for minute in range(minutes):
        ms = BEGIN_MS + minute * 60000
        messages = []
        for i, topic in enumerate(topics):
            wave = (i * 31 + minute * 7) % 97
            messages.append((topic, b'{"ts":%d,"values":{"temperature":%d.%d,"humidity":%d.5,"power":%d.%d,"energy":%d}}' % (
                ms + i * 7919 % 60000, 18 + wave % 5, wave % 10, 40 + wave % 7, 200 + wave, wave % 10,
                minute * 11 + i)))
        gateway.give(messages)
        if minute % max(1, minutes // 20) == 0 or minute == minutes - 1:
            seen.append(look())
    gateway.link.close()
    return seen


class Chores:
    """Whatever of these the platform knows, again and again: `with Chores(server) as c: …`, c.done counts them."""
    WORK = (("backup", "create"), ("storage", "compact"), ("storage", "scrub"))

    def __init__(self, server):
        self.server = server
        self.stop = threading.Event()
        self.done = {}
        self.thread = threading.Thread(target=self.work)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def work(self):
        for number in itertools.count():
            for words in self.WORK:
                if self.stop.is_set():
                    return
                self.one(words, number)

    def one(self, words, number):
        target = [str(self.server.dir / f"backup-{number}")] if words[0] == "backup" else []
        done = subprocess.run([BUILD / "core" / "cli" / "signalbox", *words, *target, "--data", self.server.data],
                              capture_output=True, check=False)
        name = " ".join(words)
        if done.returncode == 0:
            self.done[name] = self.done.get(name, 0) + 1
        else:
            time.sleep(0.05)
