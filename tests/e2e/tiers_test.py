"""Tiers with the real store: rows of hours and days out of raw values, which go before them; restarts and kills between."""
import json
import time

from harness import Platform, eventually, mosquitto_pub, run

DAY = 86_400_000
HOUR = 3_600_000
NOW = int(time.time() * 1000)
FIRST = NOW // DAY * DAY - 8 * DAY
SETS = ["storage.tier-every=1s", "series.flush-every=1s", "provisioning.auto=active"]


def publish(p, begin, end, step, value):
    rows = [{"ts": t, "values": {"temp": value(t), "total": (t - FIRST) // 60_000}} for t in range(begin, end, step)]
    for i in range(0, len(rows), 500):
        assert mosquitto_pub(p, "devices/tx/telemetry", json.dumps(rows[i:i + 500]), "-q", "1").returncode == 0
    return {r["ts"]: r["values"] for r in rows}


def files(p, class_):
    return sorted((p.data / "series").glob(f"{class_}/*/*.blk"))


def buckets(p, width):
    answer = p.call("telemetry.query", devices=["tx"], bucket=width, **{"from": FIRST - DAY, "to": NOW})
    return {s["name"]: [[b[0], b[1], b[2], b[3], round(b[4], 6), b[5], b[6]] for b in s["buckets"]] for s in answer["series"]}


def expected(values, width):
    out = {"temp": {}, "total": {}}
    for t in sorted(values):
        for name, v in values[t].items():
            out[name].setdefault(t // width * width, []).append(v)
    return {name: [[t, len(v), min(v), max(v), round(sum(v) / len(v), 6), v[0], v[-1]] for t, v in b.items()]
            for name, b in out.items()}


def check(p, values):
    for width in (HOUR, 6 * HOUR, DAY):
        got, want = buckets(p, width), expected(values, width)
        assert got == want, next((g, w) for n in want for g, w in zip(got.get(n, []) + [None], want[n] + [None]) if g != w)


def test_tiers_stay_when_raw_values_go():
    with Platform(*SETS, "storage.retention=raw 30d, 1m 3s") as p:
        values = publish(p, FIRST, FIRST + 4 * DAY, 300_000, lambda t: t // 7919 % 500 / 10)
        check(p, values)
        assert eventually(lambda: files(p, "1h") and files(p, "1d"), 20), p.log()[-3000:]
        check(p, values)
        # Late values and corrections of days that are over, and a kill before or after their pass.
        values |= publish(p, FIRST + DAY, FIRST + DAY + 3 * HOUR, 420_000, lambda t: 77.5)
        p.kill()
        p.start()
        check(p, values)
        assert eventually(lambda: len(files(p, "1d")) >= 2, 20), p.log()[-3000:]
        check(p, values)
        assert p.stop() == 0
        # Raw values go once their days are worked; a file at a time, at once.
        p.sets[-1] = "storage.retention=raw 2d, 1m 3s"
        p.start()
        assert eventually(lambda: not files(p, "raw"), 30), p.log()[-3000:]
        check(p, values)
        p.kill()
        p.start()
        check(p, values)


run(globals())
