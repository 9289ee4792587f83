"""SIGKILL, and each third time SIGTERM, under load. Values go to blocks every second and journal files are small, so
that it comes in the middle of a flush, a compaction, a checkpoint or the recycling of a segment. FLUSH_KILL_SECONDS=60
FLUSH_KILL_DEVICES=1000 FLUSH_KILL_RATE=5000 for more."""
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time

from harness import FLEET, Platform, eventually, mosquitto_pub, run
from kill_test import free_port, verify

SECONDS = int(os.environ.get("FLUSH_KILL_SECONDS", "14"))
DEVICES = int(os.environ.get("FLUSH_KILL_DEVICES", "300"))
RATE = int(os.environ.get("FLUSH_KILL_RATE", "1500"))
SETS = ["series.flush-every=1s", "series.head-max=1M", "journal.segment-size=1M", "log.level=info"]


def blocks(p):
    return len(list((p.data / "series").glob("*/*/*.blk")))


def kill_again_and_again(p, until):
    chance = random.Random(7)
    times = 0
    while time.monotonic() < until:
        time.sleep(1.2 + 1.2 * chance.random())
        if times % 3 == 2:
            assert p.stop() == 0, "while devices send"
        else:
            p.kill()
        p.start()
        times += 1
    return times


def test_kills_while_values_go_to_blocks_lose_nothing():
    port = free_port()
    oracle = pathlib.Path(tempfile.mkstemp(prefix="signalbox-oracle-")[1])
    try:
        with Platform(f"mqtt.listen=127.0.0.1:{port}", *SETS, "storage.compaction=2") as p:
            fleet = subprocess.Popen([FLEET, "run", "--devices", str(DEVICES), "--broker", f"127.0.0.1:{port}",
                                      "--rate", str(RATE), "--duration", str(SECONDS), "--oracle", oracle, "--quiet"],
                                     stdout=subprocess.PIPE, text=True)
            times = kill_again_and_again(p, time.monotonic() + SECONDS)
            out, _ = fleet.communicate(timeout=SECONDS + 60)
            print("# " + out.strip().replace("\n", "\n# "))
            print(f"# {times} times, {blocks(p)} blocks")
            assert fleet.returncode == 0, "not everything was acknowledged"
            assert eventually(lambda: any(p.data.glob("series/*/*/r[1-9]*.blk")), 30), "nothing was compacted"
            assert verify(p, oracle) == 0
            p.kill()
            p.start()
            assert verify(p, oracle) == 0
            segments = len(list((p.data / "journal").glob("seg-*.log")))
            assert eventually(lambda: len(list((p.data / "journal").glob("seg-*.log"))) <= 6, 10), segments
    finally:
        oracle.unlink()


def test_a_lost_journal_costs_nothing_that_comes_later():
    port = free_port()
    with Platform(f"mqtt.listen=127.0.0.1:{port}", *SETS) as p:
        for number in range(5):
            assert mosquitto_pub(p, "devices/d1/telemetry", '{"a":%d}' % number, "-q", "1", "-i", "d1").returncode == 0
        assert eventually(lambda: blocks(p) > 0 and p.call("system.info")["series"]["head_rows"] == 0)
        assert p.stop() == 0
        shutil.rmtree(p.data / "journal")
        p.start()
        assert mosquitto_pub(p, "devices/d1/telemetry", '{"a":77}', "-q", "1", "-i", "d1").returncode == 0
        p.kill()
        p.start()
        values = [value for _, value, *_ in p.points("d1", "a")["a"]]
        assert values[-1] == 77 and len(values) == 6, values


def accepted(p, device):
    return p.call("device.get", id=device)["device"]["device"]["fates"]["accepted"]["count"]


def fates(p, device):
    return {name: fate["count"] for name, fate in p.call("device.get", id=device)["device"]["device"]["fates"].items()}


def test_counters_are_exact_after_kills():
    """Values of one device, some of them late, some in blocks and some not yet when it is killed."""
    with Platform(*SETS, "storage.compaction=0") as p:
        sent = 0
        for again in range(3):
            for number in range(20):
                late = number % 5 == 4
                body = '{"ts":%d,"values":{"a":%d,"b":1}}' % (1790000000000 + 1000 * (sent if not late else 0) + late * sent, sent)
                assert mosquitto_pub(p, "devices/d1/telemetry", body, "-q", "1", "-i", "d1").returncode == 0
                sent += 1
                if number == 9:
                    before = blocks(p)
                    assert eventually(lambda: blocks(p) > before)
            have = fates(p, "d1")
            assert have["accepted"] == 2 * sent and have["late"] >= 2 * 4 * again, have
            p.kill()
            p.start()
            after = fates(p, "d1")
            assert (after["accepted"], after["late"]) == (have["accepted"], have["late"]), (have, after)
        assert p.stop() == 0
        p.start()
        assert fates(p, "d1")["accepted"] == 2 * sent


def test_deleted_values_stay_away_after_kills():
    t0 = 1790000000000

    def send(p, first, n, add):
        for i in range(first, first + n, 50):
            rows = ",".join('{"ts":%d,"values":{"a":%d,"b":1}}' % (t0 + 1000 * k, k + add) for k in range(i, min(i + 50, first + n)))
            assert mosquitto_pub(p, "devices/d1/telemetry", f"[{rows}]", "-q", "1", "-i", "d1").returncode == 0

    def values(p, series):
        return [(int(ts - t0) // 1000, value) for ts, value, *_ in p.points("d1", series).get(series, [])]

    with Platform(*SETS, "storage.compaction=2") as p:
        send(p, 0, 200, 0)
        assert eventually(lambda: p.call("system.info")["series"]["head_rows"] == 0)
        send(p, 200, 100, 0)
        where = {"device": "d1", "series": ["a"], "from": t0 + 50000, "to": t0 + 250000}
        assert p.call("telemetry.delete", dry_run=True, **where) == {"series": 1, "values": 200, "complete": True}
        assert len(values(p, "a")) == 300
        assert p.call("telemetry.delete", **where) == {"series": 1}
        want = [(k, k) for k in range(300) if not 50 <= k < 250]
        assert values(p, "a") == want
        p.kill()
        p.start()
        assert values(p, "a") == want and len(values(p, "b")) == 300
        send(p, 100, 20, 1000)
        want = sorted(want + [(k, k + 1000) for k in range(100, 120)])
        assert values(p, "a") == want
        assert eventually(lambda: p.call("system.info")["compaction"]["deleted_ranges"] == 0, 60), p.call("system.info")
        p.kill()
        p.start()
        assert values(p, "a") == want and len(values(p, "b")) == 300
        p.call("telemetry.delete", query="", **{"from": 0, "to": t0 * 2})
        assert values(p, "a") == [] and values(p, "b") == []
        send(p, 0, 1, 7)
        p.kill()
        p.start()
        assert values(p, "a") == [(0, 7)]


def test_damage_is_found_named_and_the_rest_served():
    t0 = 1790000000000
    with Platform(*SETS, "storage.compaction=0") as p:
        for day in range(3):
            rows = ",".join('{"ts":%d,"values":{"a":%d}}' % (t0 + 86400000 * day + k, k) for k in range(20))
            assert mosquitto_pub(p, "devices/d1/telemetry", f"[{rows}]", "-q", "1", "-i", "d1").returncode == 0
            assert eventually(lambda: p.call("system.info")["series"]["head_rows"] == 0 and blocks(p) > day)
        where = {"device": "d1", "series": ["a"], "from": t0, "to": t0 + 4 * 86400000}
        assert len(p.points("d1", "a")["a"]) == 60 and "damaged" not in p.call("telemetry.query", **where)
        assert p.stop() == 0
        bad = sorted((p.data / "series").glob("raw/*/*.blk"), key=lambda f: int(f.name.split("-")[1]))[1]
        db = sqlite3.connect(bad)
        key, data = db.execute("SELECT k, data FROM chunk").fetchone()
        db.execute("UPDATE chunk SET data=? WHERE k=?", [data[:-1] + bytes([data[-1] ^ 1]), key])
        db.commit()
        db.close()
        p.start()
        assert eventually(lambda: p.call("system.info")["health"] == "degraded", 20), p.call("system.info")
        assert "1 chunks" in p.call("system.info")["health_reason"]
        assert bad.name in p.log() and "stream" in p.log()
        answer = p.call("telemetry.query", **where)
        assert len(answer["series"][0]["points"]) == 40
        assert len(answer["damaged"]) == 1 and t0 + 86400000 <= answer["damaged"][0][0] < t0 + 2 * 86400000, answer["damaged"]


def test_reasons_and_kept_payloads_survive_a_stop():
    with Platform(*SETS) as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"a":', "-q", "1", "-i", "d1")
        before = p.call("device.get", id="d1")["device"]
        assert p.stop() == 0
        p.start()
        after = p.call("device.get", id="d1")["device"]
        assert after["device"]["fates"]["quarantined"] == before["device"]["fates"]["quarantined"], after
        assert after["quarantine"] == before["quarantine"] and len(after["quarantine"]) == 1, after


def test_a_start_that_fails_overwrites_nothing_it_did_not_read():
    with Platform() as p:
        for device in ["d1", "d2"]:
            assert mosquitto_pub(p, f"devices/{device}/telemetry", '{"a":1}', "-q", "1").returncode == 0
        assert p.stop() == 0
        db = sqlite3.connect(p.data / "registry.db")
        where = "WHERE space='device' AND CAST(key AS TEXT)='d2'"
        good = db.execute(f"SELECT value FROM doc {where}").fetchone()[0]
        db.execute(f"UPDATE doc SET value=x'01' {where}")
        db.commit()
        db.close()
        assert subprocess.run(p.command(), capture_output=True, timeout=30).returncode != 0
        db = sqlite3.connect(p.data / "registry.db")
        db.execute(f"UPDATE doc SET value=? {where}", [good])
        db.commit()
        db.close()
        p.start()
        assert [accepted(p, device) for device in ["d1", "d2"]] == [1, 1]


if __name__ == "__main__":
    run(globals())
