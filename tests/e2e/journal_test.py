"""The journal on disks and in directories that are not as they should be."""
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

from harness import BUILD, SIGNALBOX, Platform, eventually, mosquitto_pub, run

SHIM = BUILD / "tests" / "e2e" / "slow-disk.so"
SETS = ["series.flush-every=1s", "series.head-max=1M", "journal.segment-size=1M", "log.level=info"]


def send(p, device, n, first=0):
    for number in range(first, first + n):
        body = '{"ts":%d,"values":{"a":%d}}' % (1790000000000 + 1000 * number, number)
        assert mosquitto_pub(p, f"devices/{device}/telemetry", body, "-q", "1", "-i", device).returncode == 0


def values(p, device):
    return [value for _, value, *_ in p.points(device, "a")["a"]]


def inspect(where, *options):
    answer = subprocess.run([SIGNALBOX, "journal", "inspect", where, *options], capture_output=True, text=True,
                            timeout=30)
    return answer.returncode, answer.stdout, answer.stderr


# ---- a disk that takes its time, or fails

class Device:
    """A connection of our own, whose answers are timed."""

    def __init__(self, p, name):
        self.socket = socket.create_connection(p.mqtt, timeout=20)
        variable = b"\x00\x04MQTT\x04\x02\x00\x3c"
        payload = struct.pack("!H", len(name)) + name.encode()
        self.socket.sendall(bytes([0x10, len(variable) + len(payload)]) + variable + payload)
        assert self.packet()[0] == 0x20

    def packet(self):
        head = self.read(2)
        assert head[1] < 128
        return head[0], self.read(head[1])

    def read(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            assert part, "closed"
            data += part
        return data

    def publish(self, number, value):
        topic = b"devices/slow/telemetry"
        body = json.dumps({"ts": 1790000000000 + 1000 * value, "values": {"a": value}}).encode()
        packet = struct.pack("!H", len(topic)) + topic + struct.pack("!H", number) + body
        assert len(packet) < 128
        self.socket.sendall(bytes([0x32, len(packet)]) + packet)

    def ping(self):
        begin = time.monotonic()
        self.socket.sendall(b"\xc0\x00")
        while self.packet()[0] != 0xd0:
            pass
        return time.monotonic() - begin


def preloaded():
    # Sanitizers want to be first.
    asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    with open(BUILD / "core" / "signalboxd", "rb") as f:
        sanitized = b"libasan.so" in f.read(1 << 22)
    return f"{asan}:{SHIM}" if sanitized else str(SHIM)


def test_keep_alive_is_answered_while_the_disk_takes_two_seconds():
    order = pathlib.Path(tempfile.mkstemp(prefix="signalbox-slow-")[1])
    order.unlink()
    with Platform(*SETS, env={"LD_PRELOAD": preloaded(), "SLOW_DISK": str(order)}) as p:
        device, other = Device(p, "slow"), Device(p, "other")
        device.publish(1, 0)
        assert device.packet()[0] == 0x40
        order.write_text("2000 0")
        time.sleep(0.1)
        begin = time.monotonic()
        device.publish(2, 1)
        worst = 0
        acknowledged = threading.Event()

        def wait():
            device.packet()
            acknowledged.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        while not acknowledged.wait(0.05):
            worst = max(worst, other.ping())
            assert time.monotonic() - begin < 15
        waiting.join()
        assert time.monotonic() - begin >= 1.5, "acknowledged before it was on disk"
        assert worst < 1, worst
        print(f"# worst answer {worst * 1000:.0f} ms")
        assert device.ping() < 1

        # It fails: nothing is acknowledged, everybody is answered, and it goes on by itself.
        order.write_text("0 5")
        device.publish(3, 2)
        assert eventually(lambda: p.call("system.info")["health"] == "degraded", 10)
        assert max(other.ping() for _ in range(20)) < 1
        order.unlink()
        assert eventually(lambda: p.call("system.info")["health"] == "ok", 10)
        send(p, "slow", 1, first=5)
        order.write_text("300 0")
        p.kill()  # and ends with a sync under way
        order.unlink()
        p.start()
        assert {0, 1, 5} <= set(values(p, "slow")), values(p, "slow")


# ---- what a journal holds

def test_a_journal_is_inspected_while_it_is_written_and_after():
    with Platform(*SETS) as p:
        send(p, "d1", 12)
        code, out, _ = inspect(p.data, "--json")
        running = json.loads(out)
        assert code == 0 and running["records"] >= 12 and not running["damaged"], out
        assert running["segments"][0]["kinds"].get("points", 0) >= 12, out
        assert p.stop() == 0
        code, out, _ = inspect(p.data)
        assert code == 0 and "tail" in out and "points" in out, out
        code, out, _ = inspect(p.data, "--records", "--json")
        records = [json.loads(line) for line in out.splitlines()]
        assert [r["seq"] for r in records] == list(range(records[0]["seq"], records[-1]["seq"] + 1))
        assert sum(r["kind"] == "points" for r in records) >= 12
        assert inspect(p.data / "nowhere")[0] == 1


# ---- directories that are not ours to use

def refused(p, *words):
    answer = subprocess.run(p.command(), capture_output=True, text=True, timeout=30)
    assert answer.returncode == 1, answer.stderr[-2000:]
    for word in words:
        assert word in answer.stderr, (word, answer.stderr[-3000:])
    assert "ready" not in answer.stdout


def test_what_a_newer_version_wrote_is_left_alone():
    with Platform(*SETS) as p:
        send(p, "d1", 5)
        assert eventually(lambda: list((p.data / "series").glob("*/*/*.blk")))
        assert p.stop() == 0
        keep = p.data.with_name(p.data.name + "-keep")
        shutil.copytree(p.data, keep)

        registry = bytearray((p.data / "registry.db").read_bytes())
        registry[60:64] = (99).to_bytes(4, "big")  # user_version
        (p.data / "registry.db").write_bytes(registry)
        refused(p, "registry.db", "format 99", "newer")
        assert (p.data / "registry.db").read_bytes() == bytes(registry)
        shutil.copy(keep / "registry.db", p.data / "registry.db")

        block = next((p.data / "series").glob("*/*/*.blk"))
        whole = bytearray(block.read_bytes())
        newer = bytearray(whole)
        newer[60:64] = (98).to_bytes(4, "big")
        block.write_bytes(newer)
        refused(p, block.name, "newer")
        assert block.exists() and block.read_bytes() == bytes(newer)
        block.write_bytes(whole)
        p.start()
        assert values(p, "d1") == list(range(5))
        shutil.rmtree(keep)


def test_a_foreign_registry_is_refused_and_not_touched():
    with Platform(*SETS) as p:
        assert p.stop() == 0
        for foreign in (b"this is no database" * 100, None):
            path = p.data / "registry.db"
            path.unlink()
            if foreign:
                path.write_bytes(foreign)
            else:
                subprocess.run(["/usr/bin/python3", "-c", "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); "
                                "d.execute('create table mine(a)'); d.commit()", path], check=True)
            before = path.read_bytes()
            refused(p, str(path))
            assert path.read_bytes() == before
        path.unlink()
        p.start()


def test_a_damaged_registry_is_refused_with_the_remedy():
    with Platform(*SETS) as p:
        for number in range(60):
            p.call("device.create", id=f"device-{number:03d}", name="n" * 120)
        assert p.stop() == 0
        path = p.data / "registry.db"
        whole = path.read_bytes()
        pages = len(whole) // 4096
        assert pages > 4, pages
        bad = bytearray(whole)
        bad[4096:4096 + 64] = os.urandom(64)
        path.write_bytes(bad)
        refused(p, "registry.db", "damaged", "backup restore")
        bad = bytearray(whole)[:len(whole) - 4096 * 2 - 100]
        path.write_bytes(bad)
        refused(p, "registry.db", "damaged", "backup restore")
        path.write_bytes(whole)
        p.start()
        assert len(p.call("device.list", limit=1000)["devices"]) == 60


def test_a_truncated_block_is_set_aside_and_the_rest_is_served():
    with Platform(*SETS) as p:
        send(p, "d1", 3)
        first = eventually(lambda: list((p.data / "series").glob("*/*/*.blk")))
        assert first
        send(p, "d2", 3, first=10)
        assert eventually(lambda: len(list((p.data / "series").glob("*/*/*.blk"))) > 1)
        assert p.stop() == 0
        os.truncate(first[0], 16384)
        p.start()
        assert first[0].with_name(first[0].name + ".bad").exists() and not first[0].exists()
        assert values(p, "d2") == [10, 11, 12]
        assert first[0].name in p.log()


if __name__ == "__main__":
    run(globals())
