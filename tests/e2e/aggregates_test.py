"""Aggregates by kind, days of a time zone, and what is late, corrected or of another type, as clients see it."""
import json
import subprocess
from datetime import datetime
from zoneinfo import ZoneInfo

from harness import SIGNALBOX, ApiError, Platform, mosquitto_pub, run

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR = 60_000, 3_600_000


def ms(*when):
    return int(datetime(*when, tzinfo=BERLIN).timestamp() * 1000)


BEGIN = ms(2025, 10, 25)  # the day before one of 25 hours


def send(p, rows, device="boiler"):
    for at in range(0, len(rows), 500):
        part = [{"ts": ts, "values": values} for ts, values in rows[at:at + 500]]
        assert mosquitto_pub(p, f"devices/{device}/telemetry", json.dumps(part), "-q", "1").returncode == 0


def buckets(p, name, aggregate, bucket="1d", **params):
    answer = p.call("telemetry.query", device="boiler", series=[name], bucket=bucket, aggregate=aggregate,
                    **{"zone": "Europe/Berlin", "from": BEGIN, "to": BEGIN + 73 * HOUR, **params})
    (s,) = answer["series"]
    assert s["columns"] == aggregate, s
    return s["buckets"]


def refused(p, field, word, **params):
    try:
        p.call("telemetry.query", device="boiler", **params)
    except ApiError as e:
        error = json.dumps(e.error)
        assert e.error["data"]["field"] == field and word in error, error
        return
    raise AssertionError(f"{params} was not refused")


def fill(p):
    rows = []
    for i in range(146):  # 73 hours of half hours; the meter is set back at 50
        rows.append((BEGIN + i * HOUR // 2, {"temp": i % 10, "energy": i * 2 if i < 50 else (i - 50) * 2 + 1, "litres": 1.5}))
    send(p, rows)
    send(p, [(BEGIN - 5 * HOUR, {"door": False, "mode": "eco"}), (BEGIN + 6 * HOUR, {"door": True}), (BEGIN + 30 * HOUR, {"door": False})])
    send(p, [(BEGIN + 2 * HOUR, {"mode": "boost"}), (BEGIN + 4 * HOUR, {"mode": "eco"})])


def days(p):
    got = buckets(p, "temp", ["count", "mean", "time_mean", "p50", "last"])
    assert [b[0] for b in got] == [BEGIN, BEGIN + 24 * HOUR, BEGIN + 49 * HOUR], got
    assert [b[1] for b in got] == [48, 50, 48], got
    values = [i % 10 for i in range(146)]
    for b, (lo, hi) in zip(got, ((0, 48), (48, 98), (98, 146))):
        day = values[lo:hi]
        mean = sum(day) / len(day)
        assert abs(b[2] - mean) < 1e-9 and abs(b[3] - mean) < 1e-9, (b, mean)
        assert b[4] == sorted(day)[len(day) // 2 - 1] and b[5] == day[-1], b
    assert len(buckets(p, "temp", ["count"], bucket="1h")) == 73
    week = buckets(p, "temp", ["count"], bucket="1w")
    assert [b[0] for b in week] == [ms(2025, 10, 20), ms(2025, 10, 27)] and [b[1] for b in week] == [98, 48], week
    assert buckets(p, "temp", ["count"], bucket="1M") == [[ms(2025, 10, 1), 146]]
    # A number is milliseconds in UTC, unless a zone is named.
    utc = p.call("telemetry.query", device="boiler", series=["temp"], bucket=24 * HOUR, **{"from": BEGIN, "to": BEGIN + HOUR})
    assert utc["series"][0]["buckets"][0][0] == BEGIN // (24 * HOUR) * 24 * HOUR


def kinds(p):
    refused(p, "/aggregate", "gauge series", series=["energy"], bucket="1d", aggregate=["increase"])
    changed = p.call("series.update", device="boiler", name="energy", kind="counter")["series"]
    assert changed["kind"] == "counter" and changed["kind_said"], changed
    p.call("series.update", device="boiler", name="litres", kind="absolute")
    p.call("series.update", device="boiler", name="mode", kind="state")
    refused(p, "/aggregate", "increase, rate do", series=["energy"], bucket="1d", aggregate=["mean"])
    # 48 half hours of 2, the last of which is charged to the day it ends in; a reset to 1 at 50.
    got = buckets(p, "energy", ["increase", "rate"])
    assert [b[1] for b in got] == [94, 2 + 2 + 1 + 47 * 2, 96], got
    assert abs(got[1][2] - got[1][1] / (25 * 3600)) < 1e-12, got
    total = sum(b[1] for b in got)
    for bucket in ("1h", "15m", "6h", "1M"):
        assert sum(b[1] for b in buckets(p, "energy", ["increase"], bucket=bucket)) == total, bucket
    # From the middle on: what it counted from the value before belongs to the first bucket.
    half = buckets(p, "energy", ["increase"], **{"from": BEGIN + 24 * HOUR})
    assert [b[1] for b in half] == [99, 96], half
    assert [b[1] for b in buckets(p, "litres", ["sum"])] == [72, 75, 72]
    doors = buckets(p, "door", ["duration", "transitions"])
    assert [sorted(b[1], key=str) for b in doors] == [[[False, 6 * HOUR], [True, 18 * HOUR]], [[False, 19 * HOUR], [True, 6 * HOUR]],
                                                      [[False, 24 * HOUR]]], doors
    assert [b[2] for b in doors] == [1, 1, 0], doors
    modes = buckets(p, "mode", ["duration"], bucket="12h", to=BEGIN + 12 * HOUR)
    assert modes == [[BEGIN, [["eco", 10 * HOUR], ["boost", 2 * HOUR]]]], modes
    backwards = buckets(p, "door", ["duration", "transitions"], order="desc")
    assert backwards == doors[::-1]
    whole = p.call("telemetry.query", device="boiler", bucket="1d", aggregate=["mean"], **{"from": BEGIN, "to": BEGIN + HOUR})
    unfit = {s["name"]: s.get("unfit", "") for s in whole["series"]}
    assert unfit["temp"] == "" and "state series" in unfit["door"], unfit


def later(p):
    """Late and corrected values show at once, wherever the others lie."""
    before = buckets(p, "temp", ["count", "sum"])
    send(p, [(BEGIN + 26 * HOUR + 1, {"temp": 1000}), (BEGIN, {"temp": 100}), (BEGIN, {"temp": 100})])
    after = buckets(p, "temp", ["count", "sum"])
    assert after[0][1:] == [before[0][1], before[0][2] + 100] and after[1][1:] == [before[1][1] + 1, before[1][2] + 1000], after
    return after


def test_aggregates_by_kind_and_days_of_a_zone():
    with Platform("site.zone=Europe/Berlin", "series.flush-every=1s") as p:
        fill(p)
        days(p)
        kinds(p)
        after = later(p)
        refused(p, "/bucket", "a width", series=["temp"], aggregate=["mean"])
        refused(p, "/zone", "tzdata", series=["temp"], bucket="1d", zone="../../etc/passwd")
        refused(p, "/bucket", "1M", series=["temp"], bucket="1 fortnight")
        p.kill()
        p.start()
        assert buckets(p, "temp", ["count", "sum"]) == after
        kept = {s["name"]: s["kind"] for s in p.call("series.list", device="boiler")["series"]}
        assert kept == {"temp": "gauge", "energy": "counter", "litres": "absolute", "door": "state", "mode": "state"}, kept
        out = subprocess.run([str(SIGNALBOX), "query", "boiler/temp", "--from", str(BEGIN), "--to", str(BEGIN + 73 * HOUR), "--every", "1d",
                              "--aggregate", "count,p95", "--csv", "--data", str(p.data)], capture_output=True, text=True, timeout=30)
        lines = out.stdout.splitlines()
        assert out.returncode == 0 and lines[0] == "device,series,time_ms,count,p95" and len(lines) == 4, (out.stdout, out.stderr)
        assert lines[2] == f"boiler,temp,{BEGIN + 24 * HOUR},51,9", lines


def test_a_metric_that_flips_its_type_is_whole_and_wrong_clocks_are_named():
    with Platform() as p:
        values = [True, 2, 3.5, "four", 5]
        send(p, [(BEGIN + i * MINUTE, {"odd": values[i % 5]}) for i in range(200)])
        answer = p.call("telemetry.query", device="boiler", series=["odd"], **{"from": BEGIN, "to": BEGIN + 10 * HOUR})
        assert [x[1] for x in answer["series"][0]["points"]] == [values[i % 5] for i in range(200)]
        (facts,) = p.call("series.list", device="boiler")["series"]
        assert sorted(facts["types"]) == ["bool", "f64", "text"] and facts["kind"] == "gauge", facts
        (b,) = buckets(p, "odd", ["count", "min", "max"], bucket="1d")
        assert b[1:] == [200, 1, 5], b
        for year in (1970, 2200):
            send(p, [(ms(year, 1, 2), {"odd": 7})], device=f"clock{year}")
            (s,) = p.call("series.list", device=f"clock{year}")["series"]
            assert "host_stamped" in s["latest"]["flags"], s
            assert s["latest"]["ts"] > BEGIN, s


run(globals())
