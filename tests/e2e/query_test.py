"""Many series at once: choosing them, pages, cursors over a restart, taking a call back, wrong parameters."""
import asyncio
import json
import subprocess

import websockets
from harness import SIGNALBOX, ApiError, Platform, eventually, mosquitto_pub, run

T0 = 1_700_000_000_000
DEVICES, POINTS = 12, 300


def fill(p):
    for d in range(DEVICES):
        rows = [{"ts": T0 + i * 1000, "values": {"temp.in": d + i / 10, "temp.out": i, "note": f"n{i}"}} for i in range(POINTS)]
        assert mosquitto_pub(p, f"devices/dev{d:02}/telemetry", json.dumps(rows), "-q", "1").returncode == 0
    p.call("device.update", id="dev03", site="north")
    p.call("device.update", id="dev04", site="north")


def pages(p, restart=False, **params):
    """All answers, joined: {(device, series): [points]}."""
    out, count, cursor = {}, 0, None
    while True:
        answer = p.call("telemetry.query", **params, **({"cursor": cursor} if cursor else {}))
        for s in answer["series"]:
            out.setdefault((s["device"], s["name"]), []).extend(s.get("points", s.get("buckets")))
        count += 1
        cursor = answer.get("cursor")
        if not cursor:
            return out, count
        if restart and count == 2:
            assert p.stop() == 0
            p.start()


def refused(p, name, field, **params):
    try:
        p.call("telemetry.query", **params)
    except ApiError as e:
        assert e.name == name, e.error
        assert e.error["data"].get("field") == field, e.error
        assert e.error["data"].get("remedy"), e.error
        return
    raise AssertionError(f"{params} was not refused")


def test_storage_says_what_values_take_up():
    with Platform("series.flush-every=1s", "storage.compaction=0") as p:
        fill(p)
        files = lambda: [f.stat().st_size for f in (p.data / "series").glob("raw/*/*.blk")]  # noqa: E731
        assert eventually(lambda: files() and p.call("system.info")["series"]["head_rows"] == 0)
        usage = p.call("storage.usage", devices=3)
        raw = {c["name"]: c for c in usage["classes"]}["raw"]
        assert raw["blocks"] == len(files()) and raw["bytes"] == sum(files()), (raw, files())
        assert raw["from"] == T0 and raw["to"] == T0 + (POINTS - 1) * 1000 and raw["rows"] >= DEVICES * POINTS
        devices = [d["bytes"] for d in usage["devices"]]
        assert len(devices) == 3 and sorted(devices, reverse=True) == devices and 0 < sum(devices) < usage["bytes"]
        assert "devices" not in p.call("storage.usage") and usage["bytes_free"] < usage["bytes_total"]
        said = subprocess.run([SIGNALBOX, "storage", "--devices", "1", "--data", p.data], capture_output=True, text=True)
        assert said.returncode == 0 and "CLASS" in said.stdout and "dev" in said.stdout, said


def test_pages_over_a_restart_give_every_point_once():
    with Platform() as p:
        fill(p)
        want, one = pages(p, query="", **{"from": T0, "to": T0 + 10**9})
        assert one == 1 and len(want) == 3 * DEVICES
        for d in range(DEVICES):
                assert [x[:2] for x in want[f"dev{d:02}", "temp.out"]] == [[T0 + i * 1000, i] for i in range(POINTS)]
        for order in ("asc", "desc"):
            got, count = pages(p, restart=True, query="", page=1009, order=order, **{"from": T0, "to": T0 + 10**9})
            assert count == 3 * DEVICES * POINTS // 1009 + 1, count
            assert got == {k: v if order == "asc" else v[::-1] for k, v in want.items()}
        # Buckets too, and pages of one.
        for order in ("asc", "desc"):
            whole, _ = pages(p, query="dev00", bucket=7000, order=order, **{"from": T0 + 1500, "to": T0 + 90000})
            single, count = pages(p, query="dev00", bucket=7000, order=order, page=1, **{"from": T0 + 1500, "to": T0 + 90000})
            assert single == whole and count >= 39, count
        # limit is per series, over all its pages.
        got, _ = pages(p, query="", limit=25, page=7, series=["temp.*"], **{"from": T0, "to": T0 + 10**9})
        assert len(got) == 2 * DEVICES and all(len(v) == 25 for v in got.values())


def test_series_are_chosen_by_query_ids_and_names():
    with Platform() as p:
        fill(p)
        ask = {"from": T0, "to": T0 + 10**9, "limit": 1}
        chosen = lambda **params: sorted((s["device"], s["name"]) for s in p.call("telemetry.query", **ask, **params)["series"])
        assert chosen(query="site:north", series=["temp.?n"]) == [("dev03", "temp.in"), ("dev04", "temp.in")]
        assert chosen(devices=["dev07", "dev01", "dev07"], series=["*t*"]) == [
            (d, s) for d in ("dev01", "dev07") for s in ("note", "temp.in", "temp.out")]
        assert chosen(device="dev02", series=["temp.in"]) == [("dev02", "temp.in")]
        assert chosen(query="NOT dev0", series=["note", "nothing"]) == [("dev10", "note"), ("dev11", "note")]
        latest = p.call("telemetry.latest", query="site:north", series=["temp.*"])["points"]
        assert [(x["device"], x["series"], x["value"]) for x in latest] == [
            ("dev03", "temp.in", 3 + 29.9), ("dev03", "temp.out", 299), ("dev04", "temp.in", 4 + 29.9), ("dev04", "temp.out", 299)]


def test_wrong_parameters_are_refused_with_a_reason():
    with Platform() as p:
        fill(p)
        ask = {"from": T0, "to": T0 + 10**9}
        cursor = p.call("telemetry.query", query="", page=5, **ask)["cursor"]
        refused(p, "invalid_params", "/cursor", query="dev0", page=5, cursor=cursor, **ask)
        refused(p, "invalid_params", "/cursor", query="", page=5, cursor=cursor[:-4] + "AAAA", **ask)
        for bad in ("", "x", "A" * 79, "\u00e9" * 40, "A" * 200):
            refused(p, "invalid_params", "/cursor", query="", cursor=bad, **ask)
        refused(p, "invalid_params", "/limit", query="", limit=10**9)
        refused(p, "invalid_params", "/page", query="", page=10**9)
        refused(p, "invalid_params", "/query", query=" ".join(["x"] * 17))
        refused(p, "invalid_params", "/query", query="x" * 513)
        refused(p, "invalid_params", "/series", query="", series=["x"] * 65)
        refused(p, "invalid_params", "/devices", devices=["dev00"] * 1001)
        refused(p, "not_found", "/devices/1", devices=["dev00", "nobody"])
        refused(p, "not_found", "/series/0", device="dev00", series=["nothing"])
        refused(p, "invalid_params", "/device", series=["x"])
        refused(p, "invalid_params", "/device", device="dev00", query="")
        # A glob that would take for ever if every * were tried everywhere.
        assert p.call("telemetry.query", query="", series=["*" + "a*" * 60 + "b"] * 64, **ask)["series"] == []


def test_a_call_that_is_taken_back_ends_early():
    with Platform() as p:
        for _ in range(2):
            fill(p)

        async def talk():
            async with websockets.connect(p.url(), subprotocols=["signalbox.v1.json"], max_size=None,
                                          extra_headers={"Authorization": "Bearer " + p.bearer("viewer")}) as ws:
                def call(number, method, params):
                    return ws.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
                # Long ones fill both query threads and the queue; all of them are taken back at once.
                for n in range(12):
                    await call(f"q{n}", "telemetry.query", {"query": "", "bucket": 1, "from": T0, "to": T0 + 10**9, "page": 1000000})
                for n in range(12):
                    await call(n, "call.cancel", {"id": f"q{n}"})
                await call("gone", "call.cancel", {"id": "nobody"})
                answers = {}
                while len(answers) < 25:
                    answer = json.loads(await asyncio.wait_for(ws.recv(), 30))
                    answers[answer["id"]] = answer
                assert answers["gone"]["result"] == {"found": False}
                for n in range(12):
                    if answers[n]["result"]["found"] and "error" in answers[f"q{n}"]:
                        assert answers[f"q{n}"]["error"]["data"]["name"] == "cancelled", answers[f"q{n}"]
                cancelled = [n for n in range(12) if "error" in answers[f"q{n}"]]
                assert len(cancelled) >= 8, cancelled
        asyncio.run(talk())
        assert eventually(lambda: p.call("system.info"))


run(globals())
