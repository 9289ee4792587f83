"""The figures of storage. Each section is one function that hands figures to emit(); a figure that a machine cannot
give says so. Peers run in turn with ours."""
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

import storage_mqtt
from servers import Load, Signalbox
from storage_peers import TOOL, Influx, Place, tool

SHAPES = ("generator", "temperature", "power", "states")
DEVICES = 2500
FIELDS = 4
RUNS = int(os.environ.get("BENCH_RUNS", "3"))


def line(figure, value, unit, goal=None, peer=None, peer_value=None):
    one = {"bench": "storage", "figure": figure, "value": round(value, 4), "unit": unit}
    if goal is not None:
        one["goal"] = goal
    if peer_value:
        one |= {"peer": peer, "peer_value": round(peer_value, 4), "ratio": round(value / peer_value, 4)}
    print(json.dumps(one), flush=True)


def skipped(figure, why):
    print(json.dumps({"bench": "storage", "figure": figure, "skipped": why}), flush=True)


def median(values):
    return statistics.median(values)


# ---- size

def size_of(shape):
    points = DEVICES * FIELDS * 240
    with Place() as place:
        tool(place, "fill", shape=shape, rows=240)
        ours = place.bytes_of("data/series", ".blk") / points
        tool(place, "rows-fill", folder="rows", shape=shape, rows=240, group=100000, sync=0)
        rows = place.bytes_of("rows", ".db") / points
        influx = None
        if shutil.which("influxd"):
            with Influx(place) as server:
                server.take(place, shape=shape, rows=240)
                influx = server.size() / points
    return ours, rows, influx


def size():
    for shape in SHAPES:
        ours, rows, influx = size_of(shape)
        goal = 0.9 if shape == "generator" else None
        line(f"bytes_per_point_{shape}", ours, "B", goal, "sqlite-rows", rows)
        if influx:
            line(f"bytes_per_point_{shape}", ours, "B", goal, Influx.name, influx)
        else:
            skipped(f"bytes_per_point_{shape}_influxdb", "influxd is not installed")


# ---- what the device is given, and how fast it takes

def wear():
    with Place(sectors=True) as place:
        if not place.device:
            skipped("device_bytes_per_point", "needs root for losetup and mkfs.ext4")
            return
        ours = tool(place, "fill", rows=240, windows=4, group=1000)
        rows = tool(place, "rows-fill", folder="rows", rows=16, group=1000)
        line("device_bytes_per_point", ours["written"] / ours["points"], "B", 7, "sqlite-rows",
             rows["written"] / rows["points"])


def append():
    with Place(sectors=True) as place:
        for group, rows, theirs in ((100, 40, 8), (1000, 240, 16)):
            ours, peer = [], []
            for run in range(RUNS):
                peer.append(tool(place, "rows-fill", folder=f"rows-{group}-{run}", rows=theirs, group=group))
                ours.append(tool(place, "fill", folder=f"data-{group}-{run}", rows=rows, group=group))
                for folder in ("rows", "data"):
                    shutil.rmtree(place.dir / f"{folder}-{group}-{run}")
            for figure, unit, key in (("points_per_second", "1/s", "points_per_second"), ("commit_p50", "ms", "commit_p50_ms"),
                                      ("commit_p99", "ms", "commit_p99_ms"), ("cpu_per_point", "us", "cpu_us")):
                line(f"group_{group}_{figure}", median([one[key] for one in ours]), unit,
                     0.5 if (group, key) == (1000, "cpu_us") else None, "sqlite-rows", median([one[key] for one in peer]))


# ---- questions

def query():
    with Place() as place:
        tool(place, "fill", folder="year", devices=5, rows=525600, head_max=64 << 20)
        tool(place, "rows-fill", folder="year-rows", devices=1, rows=525600, group=100000, sync=0)
        tool(place, "fill", folder="day", rows=480, windows=3)
        tool(place, "rows-fill", folder="day-rows", rows=240, group=100000, sync=0)
        one = tool(place, "query", folder="year", devices=5, rows=525600, series=0, repeat=20)
        many = tool(place, "query", folder="day", rows=1440, repeat=10)
        place.forget()
        cold = tool(place, "query", folder="day", rows=1440, repeat=1)
        year = tool(place, "rows-query", folder="year-rows", devices=1, rows=525600, series=0, repeat=4)
        hour = tool(place, "rows-query", folder="day-rows", rows=240, repeat=4)
        line("year_to_500_buckets", one["year_ms"], "ms", 5, "sqlite-rows", year["year_ms"])
        line("year_to_500_buckets_cpu", one["year_cpu_ms"], "ms", 5)
        line("day_raw", one["day_ms"], "ms", 1, "sqlite-rows", year["day_ms"])
        line("1000_series_one_hour", many["many_ms"], "ms", 15, "sqlite-rows", hour["many_ms"])
        line("1000_series_one_hour_cpu", many["many_cpu_ms"], "ms", 15)
        line("1000_series_one_hour_cold", cold["many_first_ms"], "ms", 60)
        newest = tool(place, "latest", folder="day", repeat=20)
        line("latest_of_10000", newest["latest_ms"], "ms", 2)


# ---- the whole platform

def memory():
    """40,000 series as if each had said something every minute: until the head has been flushed twice."""
    with Signalbox() as server:
        before = server.rss_bytes()
        most = storage_mqtt.minutes(server, devices=10000, minutes=300, look=server.rss_bytes)
        line("rss_idle", before / 2**20, "MiB")
        line("rss_40000_series", max(most) / 2**20, "MiB", 96)
        line("rss_40000_series_median", median(most) / 2**20, "MiB")


def restart():
    """Killed when its head is about to be flushed, so that the journal has all of it."""
    with Signalbox("series.flush_every=24h") as server:
        storage_mqtt.minutes(server, devices=2500, minutes=500, look=lambda: 0)
        server.processes[-1].kill()
        server.processes[-1].wait()
        journal = sum(p.stat().st_size for p in (server.data / "journal").iterdir())
        times = []
        for _ in range(RUNS):
            begin = time.monotonic()
            server.launch()
            times.append(time.monotonic() - begin)
            server.processes[-1].kill()
            server.processes[-1].wait()
        line("ready_after_kill", median(times), "s", 1)
        line("journal_at_kill", journal / 2**20, "MiB")


def busy():
    """The same load idle, and while the platform compacts, scrubs and is backed up, one after the other for ever."""
    with Signalbox("series.flush_every=5s") as server:
        storage_mqtt.minutes(server, devices=2500, minutes=240, look=lambda: 0)
        idle, during = [], []
        for _ in range(RUNS):
            idle.append(Load(server, "paced", rate=5000, seconds=5).answer["p99_ms"])
            with storage_mqtt.Chores(server) as chores:
                during.append(Load(server, "paced", rate=5000, seconds=5).answer["p99_ms"])
        line("acknowledgement_p99_idle", median(idle), "ms")
        line("acknowledgement_p99_busy", median(during), "ms", None, "idle", median(idle))
        print(json.dumps({"bench": "storage", "figure": "chores", "value": chores.done}), flush=True)


def recorded(path):
    answer = subprocess.run([TOOL, "csv", f"file={path}"], capture_output=True, text=True, check=True).stdout
    one = json.loads(answer)
    name = os.path.basename(path)
    line(f"bytes_per_point_of_{name}", one["bytes_per_point"], "B")
    line(f"encode_of_{name}", one["encode_ns"], "ns")
    line(f"decode_of_{name}", one["decode_ns"], "ns")


SECTIONS = {"size": size, "wear": wear, "append": append, "query": query, "memory": memory, "restart": restart,
            "busy": busy}


def run(words):
    """storage[.SECTION]; words behind it: --csv FILE."""
    if "--csv" in words:
        recorded(words[words.index("--csv") + 1])
        return
    for section in words or SECTIONS:
        if section not in SECTIONS:
            sys.exit(f"no section {section!r} of storage: there are {', '.join(SECTIONS)}")
        SECTIONS[section]()
