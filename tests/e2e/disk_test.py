"""A disk that fills up, for real: a small file system of its own, values that do not compress. What was acknowledged
and not dropped by the policy is there, always; what was dropped is the oldest, and the log names it."""
import contextlib
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

import paho.mqtt.client as mqtt

from harness import Platform, eventually, run

MIB = 1 << 20
SETS = ["series.flush-every=1s", "series.head-max=4M", "journal.segment-size=1M", "log.level=info",
        "storage.retention=0", "provisioning.auto=active"]


@contextlib.contextmanager
def small_disk(mib):
    mount = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-small-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", mount], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", mount], check=False)
        mount.rmdir()


class Publisher:
    """A device that sends numbered values of 40 kB, QoS 1, few at a time, and knows which were acknowledged."""

    def __init__(self, p):
        self.p = p
        self.acked = set()
        self.sent = 0
        self.stamp = 0
        self.flying = {}
        self.chance = random.Random(7)
        self.client = None

    def connect(self):
        self.flying.clear()
        self.client = mqtt.Client("d1", clean_session=True)
        self.client.on_publish = lambda _client, _ud, mid: self.acked.add(self.flying.pop(mid))
        self.client.connect(*self.p.mqtt)

    def close(self):
        with contextlib.suppress(OSError):
            self.client.disconnect()
        self.client = None

    def step(self):
        while len(self.flying) < 8:
            self.stamp = max(self.stamp + 1, int(time.time() * 1000))
            body = {"ts": self.stamp, "values": {"n": self.sent, "text": self.chance.randbytes(20000).hex()}}
            info = self.client.publish("devices/d1/telemetry", json.dumps(body), qos=1)
            if info.rc != mqtt.MQTT_ERR_SUCCESS:
                raise ConnectionError(info.rc)
            self.flying[info.mid] = self.sent
            self.sent += 1
        time.sleep(0.02)  # some 10 MB/s: blocks keep up
        if self.client.loop(0.02) != mqtt.MQTT_ERR_SUCCESS:
            raise ConnectionError

    def send(self, until, seconds=30):
        """Until that is true; False when it did not become true in time."""
        end = time.monotonic() + seconds
        if self.client is None:
            self.connect()
        while not until():
            if time.monotonic() > end:
                return False
            try:
                self.step()
            except (OSError, ConnectionError, ValueError):
                time.sleep(0.2)
                self.connect()
        return True

    def send_until_silence(self, seconds=2.5):
        news = [len(self.acked), time.monotonic()]

        def silent():
            if len(self.acked) != news[0]:
                news[:] = len(self.acked), time.monotonic()
            return time.monotonic() - news[1] > seconds

        assert self.send(silent, 60), "acknowledged for ever"

    def more(self, count, seconds=30):
        goal = len(self.acked) + count
        assert self.send(lambda: len(self.acked) >= goal, seconds), f"{len(self.acked)} of {goal}\n{self.p.log()[-3000:]}"


def numbers(p):
    return [int(point[1]) for point in p.points("d1", "n")["n"]]


def check_tail(p, acked):
    """All that was acknowledged, but for the oldest."""
    def missing():
        have = numbers(p)
        return sorted(n for n in acked if not have or (n >= min(have) and n not in set(have)))

    assert eventually(lambda: not missing()), missing()[:20]
    return numbers(p)


def reserve_on_disk(p):
    path = p.data / "reserve.bin"
    return path.stat().st_blocks * 512 if path.exists() else 0


def test_low_water_drops_the_oldest_values_and_says_so():
    with small_disk(96) as mount, Platform(*SETS, "storage.low-water=50M", "storage.keep=0", data=mount / "data") as p:
        publisher = Publisher(p)
        assert eventually(lambda: reserve_on_disk(p) >= 4 * MIB), "no reserve"
        assert publisher.send(lambda: p.log().count("low water: dropped") >= 12), p.log()[-3000:]
        publisher.close()
        have = check_tail(p, publisher.acked)
        assert min(have) > 0, "the oldest is still there"
        info = p.call("system.info")
        assert info["storage"]["low_water_blocks"] >= 12 and info["storage"]["bytes_free"] > 30 * MIB, info
        line = re.search(r"low water: dropped (\S+\.blk): values from (\S+) to (\S+), (\d+) rows, (\d+) bytes", p.log())
        assert line and not pathlib.Path(line[1]).exists(), line
        assert line[2] <= line[3] and int(line[5]) > 16384
        assert eventually(lambda: p.call("system.info")["health"] == "ok"), p.call("system.info")


def test_a_full_disk_acknowledges_nothing_loses_nothing_and_goes_on():
    with small_disk(96) as mount:
        ballast = mount / "ballast"
        ballast.write_bytes(bytes(40 * MIB))
        with Platform(*SETS, "storage.low-water=10M", "storage.keep=7d", data=mount / "data") as p:
            publisher = Publisher(p)
            assert eventually(lambda: reserve_on_disk(p) >= 4 * MIB), "no reserve"
            publisher.send_until_silence()
            assert len(publisher.acked) > 100
            # Now and then it tries whether there is room again.
            assert eventually(lambda: p.call("system.info")["health"] == "degraded"), p.call("system.info")
            assert p.call("system.info")["storage"]["reserve_held"] < 2 * MIB, p.call("system.info")
            assert "all that is left is younger than storage.keep" in p.log()
            assert not re.search("low water: dropped", p.log())
            assert reserve_on_disk(p) < 2 * MIB  # what is left is for documents alone
            # Documents still find room, and so does the end.
            p.call("device.update", id="d1", name="boiler")
            assert numbers(p)[0] == 0
            check_tail(p, publisher.acked)
            assert p.stop() == 0
            p.start()
            assert check_tail(p, publisher.acked)[0] == 0
            assert p.call("device.get", id="d1")["device"]["device"]["name"] == "boiler"
            p.kill()
            p.start()
            assert check_tail(p, publisher.acked)[0] == 0
            publisher.connect()
            ballast.unlink()
            assert eventually(lambda: reserve_on_disk(p) >= 4 * MIB), p.call("system.info")
            publisher.more(100)
            publisher.close()
            assert check_tail(p, publisher.acked)[0] == 0
            assert p.call("system.info")["health"] == "ok"


def blocks(p):
    return sorted((p.data / "series").glob("*/*/*.blk"))


def test_kills_while_blocks_are_dropped_leave_a_whole_set():
    with small_disk(96) as mount, Platform(*SETS, "storage.low-water=60M", "storage.keep=0", data=mount / "data") as p:
        publisher = Publisher(p)
        chance = random.Random(11)
        for _ in range(5):
            before = p.log().count("low water: dropped")
            assert publisher.send(lambda: p.log().count("low water: dropped") > before), p.log()[-3000:]
            publisher.send(lambda: False, chance.random() / 2)
            p.kill()
            publisher.client = None
            p.start()
            said = int(re.findall(r"(\d+) blocks, \d+ bytes", p.log())[-1])
            assert abs(len(blocks(p)) - said) <= 40, (said, len(blocks(p)))
            check_tail(p, publisher.acked)
        assert not list((p.data / "series").glob("*/*/*.bad"))
        assert "set aside" not in p.log()


def test_retention_drops_what_is_older():
    with small_disk(96) as mount, Platform(*SETS[:-2], "provisioning.auto=active", "storage.retention=3s",
                                           data=mount / "data") as p:
        publisher = Publisher(p)
        publisher.more(20)
        publisher.close()
        assert eventually(lambda: blocks(p), 10)
        assert eventually(lambda: "older than storage.retention" in p.log(), 20), p.log()[-3000:]
        assert eventually(lambda: 0 not in numbers(p)), "dropped, and still there"
        assert p.call("system.info")["storage"]["retention_blocks"] >= 1


if __name__ == "__main__":
    if os.geteuid() != 0:  # a small file system needs no more than a user namespace
        os.execvp("unshare", ["unshare", "-rm", sys.executable, *sys.argv])
    run(globals())
