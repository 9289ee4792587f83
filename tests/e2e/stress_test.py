"""Many, greedy, deaf and silent peers: each costs what it may, is told why, and the others do not notice."""
import http.client
import os
import re
import resource
import select
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from attack_test import Peer, connect, is_alive, joined, metric, publish, subscribe
from harness import SIGNALBOX, Platform, eventually, run


def memory(p):
    """Bytes of the process itself, without what the kernel keeps for its sockets."""
    with open(f"/proc/{p.process.pid}/smaps_rollup") as f:
        return int(re.search(r"^Private_Dirty:\s+(\d+)", f.read(), re.M)[1]) << 10


def processor(p):
    with open(f"/proc/{p.process.pid}/stat") as f:
        words = f.read().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def show(p, device):
    out = subprocess.run([SIGNALBOX, "device", "show", device, "--data", p.data, "--url", p.url()],
                         capture_output=True, text=True, timeout=60)
    assert out.returncode == 0, out.stderr
    return out.stdout


def refused(p, *args, **kwargs):
    """The answer to a CONNECT: reason code and all text in it."""
    body = Peer(p, connect(*args, version=5, **kwargs)).expect(0x20)
    return body[1], body[2:].decode(errors="replace")


# ---- before anybody is known

def test_silent_and_half_connected_peers_cost_two_kilobytes_and_end_in_time():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(10000, hard - 500)
    half = connect("x" * 40)[:30]
    with Platform("mqtt.connect-timeout-s=10") as p:
        good = joined(p, "good")
        before = memory(p)
        begin = time.monotonic()
        peers = []
        for n in range(count):
            peers.append(socket.create_connection(p.mqtt, timeout=30))
            if n % 2:
                peers[-1].sendall(half)
        assert eventually(lambda: metric(p, "connections{") == count + 1, 20), metric(p, "connections{")
        opened = time.monotonic()
        each = (memory(p) - before) / count
        print(f"# {count} peers, {each:.0f} bytes each", flush=True)
        # A sanitizer adds to each allocation; the same bound holds without it.
        assert each <= 2048, each
        good.send(b"\xc0\0").expect(0xd0)
        assert eventually(lambda: metric(p, "connections{") == 1, 30)
        ended = time.monotonic()
        assert ended - begin > 9 and ended - opened < 13, (begin, opened, ended)
        good.send(b"\xc0\0").expect(0xd0)
        for peer in peers:
            peer.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_silent_tls_peers_cost_no_more():
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-keyout", f"{d}/key", "-out", f"{d}/cert"],
                       check=True, capture_output=True)
        with Platform(f"tls.certificate={d}/cert", f"tls.key={d}/key", "mqtt.listen-tls=127.0.0.1:0") as p:
            before = memory(p)
            peers = [socket.create_connection(p.address("mqtts"), timeout=30) for _ in range(600)]
            assert eventually(lambda: len(os.listdir(f"/proc/{p.process.pid}/fd")) > 600)
            each = (memory(p) - before) / len(peers)
            print(f"# {each:.0f} bytes each", flush=True)
            assert each <= 2048, each
            context = ssl.create_default_context(cafile=f"{d}/cert")
            late = context.wrap_socket(peers[-1], server_hostname="localhost")
            late.sendall(connect("late"))
            assert late.recv(4) == b"\x20\x02\0\0"


def test_silence_ends_at_one_and_a_half_times_the_keepalive():
    with Platform() as p:
        peers = [joined(p, f"k{n}", keepalive=2) for n in range(20)]
        begin = time.monotonic()
        assert peers[0].ended()
        first = time.monotonic() - begin
        assert all(peer.ended() for peer in peers[1:])
        last = time.monotonic() - begin
        assert 2.7 < first and last < 4.4, (first, last)


# ---- descriptors

def test_without_descriptors_it_waits_and_the_console_answers():
    with Platform() as p:
        limit = resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{p.process.pid}/fd"))
        resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE, (used + 90, limit[1]))
        peers = [Peer(p, connect(f"c{n}")) for n in range(200)]
        assert eventually(lambda: metric(p, "stream_accept_pauses_total") >= 1)
        begin, spent = time.monotonic(), processor(p)
        while time.monotonic() - begin < 1.5:
            c = http.client.HTTPConnection(*p.http, timeout=5)
            c.request("GET", "/healthz")
            assert c.getresponse().status == 200
            c.close()
            time.sleep(0.1)
        assert p.call("session.me")["role"] == "admin"
        assert processor(p) - spent < 1.2, processor(p) - spent
        served = [peer for peer in peers if select.select([peer.socket], [], [], 0)[0]]
        assert 20 < len(served) < 120, len(served)
        waiting = [peer for peer in peers if peer not in served]
        for peer in served:
            peer.up()
            peer.socket.close()
        for peer in waiting[:20]:
            peer.up()
        resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE, limit)
        assert waiting[-1].up() and is_alive(p)


# ---- limits say why, to the client and on the device

def test_limits_are_seen_on_the_device():
    with Platform("mqtt.max-messages-per-second=20", "mqtt.max-reconnects-per-minute=4",
                  "mqtt.max-topic-levels=5") as p:
        p.call("device.create", id="d1", password="secret of d1")
        device = joined(p, "x", "d1", "secret of d1", version=5)
        begin = time.monotonic()
        for n in range(50):
            device.send(publish("devices/d1/telemetry", b'{"n":%d}' % n, qos=1, ident=n + 1, version=5))
        for _ in range(50):
            assert device.expect(0x40)[2:3] in (b"", b"\0")
        # Read later, and none lost.
        assert time.monotonic() - begin > 1, time.monotonic() - begin
        assert len(p.points("d1", "n")["n"]) == 50
        assert "max-messages-per-second" in show(p, "d1")
        body = device.send(publish("a/b/c/d/e/f", b"", qos=1, ident=60, version=5)).expect(0x40)
        assert body[2] == 0x90 and b"max-topic-levels" in body, body
        assert "max-topic-levels" in show(p, "d1")
        device.socket.close()
        code = 0
        for _ in range(8):
            peer = Peer(p, connect("x", "d1", "secret of d1", version=5))
            body = peer.expect(0x20)
            code = body[1]
            peer.socket.close()
            if code:
                break
        assert code == 0x9f and b"retry after" in body, body
        assert "flapping" in show(p, "d1"), show(p, "d1")
        assert metric(p, "limit_flapping_total") >= 1 and metric(p, "limit_message_rate_total") >= 1
        assert is_alive(p)


def test_an_address_that_connects_too_fast_is_told_when_to_come_back():
    with Platform("mqtt.connect-rate-per-address=1", "mqtt.connect-burst-per-address=10",
                  "mqtt.max-connections-per-address=12") as p:
        answers = [refused(p, f"c{n}") for n in range(14)]
        assert [code for code, _ in answers[:10]] == [0] * 10
        late = [text for code, text in answers if code == 0x9f]
        assert late and all("connect-rate-per-address" in text and "retry after" in text for text in late), answers
        assert metric(p, "limit_address_rate_total") >= 2


# ---- who does not read

def test_deaf_subscribers_cost_their_quota_and_others_do_not_notice():
    # What a sanitizer keeps of freed memory is nobody's cost.
    env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"}
    with Platform("mqtt.max-queued-bytes=65536", "mqtt.max-out-bytes=65536", env=env) as p:
        deaf = []
        for n in range(20):
            peer = Peer(p)
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.send(connect(f"deaf{n}", clean=False)).up()
            peer.send(subscribe("flood/#", qos=n % 2)).expect(0x90)
            deaf.append(peer)
        reader, source = joined(p, "reader"), joined(p, "source")
        reader.send(subscribe("flood/#", qos=1)).expect(0x90)
        before, heard, worst = memory(p), 0, 0

        for n in range(1500):
            begin = time.monotonic()
            source.send(publish("flood/x", os.urandom(1024), qos=1, ident=n + 1))
            body = reader.expect(0x32)
            reader.send(b"\x40\x02" + body[9:11])
            heard += 1
            worst = max(worst, time.monotonic() - begin)
            source.expect(0x40)
        assert heard == 1500 and worst < 2, worst
        grown = memory(p) - before
        assert grown < 20 * 3 * 65536 + (8 << 20), grown
        assert metric(p, "slow_subscribers_total") == 10
        assert metric(p, "publish_dropped_total") > 1000
        assert metric(p, "limit_queue_total") >= 10
        assert is_alive(p)


def test_the_memory_of_all_queues_has_an_end():
    with Platform("mqtt.max-total-queued-bytes=262144") as p:
        for n in range(10):
            peer = joined(p, f"away{n}", clean=False)
            peer.send(subscribe("big" if n else "little", qos=1)).expect(0x90)
            peer.send(b"\xe0\0").ended()
        source = joined(p, "source")
        for n in range(100):
            source.send(publish("little" if n < 10 else "big", os.urandom(4096) if n >= 10 else b"%d" % n, qos=1,
                                ident=n + 1)).expect(0x40)
        assert metric(p, "queued_bytes{") <= 262144
        assert metric(p, "limit_total_queue_total") > 0
        back = Peer(p, connect("away0", clean=False)).up()
        assert [back.expect(0x32)[-1:] for _ in range(10)] == [b"%d" % n for n in range(10)]


# ---- storms

def test_in_a_storm_kept_sessions_come_back_first():
    with Platform("mqtt.connect-rate=5", "mqtt.connect-burst=100") as p:
        kept = [joined(p, f"kept{n}", clean=False) for n in range(20)]
        for peer in kept:
            peer.socket.close()
        assert eventually(lambda: metric(p, "connections{") == 0)
        codes, hints = [], []

        def strangers(first):
            for n in range(first, first + 60):
                code, text = refused(p, f"stranger{n}")
                codes.append(code)
                hints.extend(int(s) for s in re.findall(r"retry after (\d+) s", text))

        crowd = [threading.Thread(target=strangers, args=(1000 * n,)) for n in range(4)]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
        assert codes.count(0x9f) > 100 and len(hints) == codes.count(0x9f)
        assert max(hints) - min(hints) > 20, hints
        for n in range(20):
            assert Peer(p, connect(f"kept{n}", clean=False)).expect(0x20)[:2] == b"\1\0"


def test_two_clients_with_one_identifier_do_not_fight_for_ever():
    with Platform("mqtt.max-takeovers-per-minute=5") as p:
        twins = [Peer(p, connect("twin", version=5)) for _ in range(8)]
        answers = [twin.expect(0x20) for twin in twins]
        late = [body for body in answers if body[1] == 0x9f]
        assert late and b"two clients use one client identifier" in late[0], answers
        # Who was the last to come in stays.
        assert eventually(lambda: metric(p, "connections{") == 1)
        assert metric(p, "limit_takeovers_total") >= 1
        assert is_alive(p)


if __name__ == "__main__":
    run(globals())
