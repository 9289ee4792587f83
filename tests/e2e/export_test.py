"""Points out and in again: every bit comes back, cuts are mended, what is wrong is told by line."""
import csv
import io
import json
import math
import os
import struct
import subprocess
import tempfile
import time

import cbor2
from harness import FLEET, SIGNALBOX, ApiError, Platform, eventually, run

T0 = 1_700_000_000_000_000_000
NAN = struct.unpack(">d", bytes.fromhex("fff8000000000123"))[0]
VALUES = [("f64", v) for v in (0.0, -0.0, 0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 2**53 + 2.0, 21.5, math.inf, -math.inf, NAN)]
VALUES += [("i64", v) for v in (0, -1, 2**63 - 1, -2**63, 2**53 + 1)] + [("u64", v) for v in (0, 2**64 - 1)]
VALUES += [("bool", True), ("bool", False), ("bytes", b""), ("bytes", bytes(range(256)))]
VALUES += [("text", v) for v in ("", "plain", ' spaces ', 'q"uo"te', "a,b", "two\nlines\r\n", "\u00fc\u20ac\U0001f600", "=1+1", "tab\t", "true", "12")]


def cli(p, *words, data=None):
    return subprocess.run([SIGNALBOX, *words, "--data", p.data], capture_output=True, input=data, timeout=60)


def good(p, *words, data=None):
    out = cli(p, *words, data=data)
    assert out.returncode == 0, (words, out.stdout[-2000:], out.stderr[-2000:])
    return out


def item(members):
    """A CBOR map whose floats keep all their bits; cbor2 makes one NaN of all."""
    return bytes([0xA0 + len(members)]) + b"".join(cbor2.dumps(k) + (b"\xfb" + struct.pack(">d", v) if isinstance(v, float) else cbor2.dumps(v))
                                                  for k, v in members.items())


def sequence():
    """A file with every kind of value; quality, flags, arrival and odd times too."""
    out = b""
    times = [T0 + i * 1_000_000_007 for i in range(len(VALUES))]
    times[3:6] = [-1, 1, 2**62]  # 1969, 1970, 2116
    for i, (kind, value) in enumerate(VALUES):
        for series in ("mixed", f"only {kind}"):
            out += item({"device": "d\u00e9v,1" if i % 2 else "dev2", "series": series, "unit": "Cel" if kind == "f64" else "",
                                "time_ns": times[i], "type": kind, "value": value, "quality": i % 256, "flags": i % 64,
                                "rx_ns": T0 + i})
    return out


def bits(row):
    value = row["value"]
    return {**row, "value": struct.pack(">d", value) if isinstance(value, float) else value}


def everything(p, **params):
    """What the platform holds, as CBOR items by device, series, time."""
    cursor, out = None, b""
    while True:
        answer = p.call("telemetry.export", query="", series=["mixed", "only *"], rx=True, format="cbor", **params,
                        **({"cursor": cursor} if cursor else {}))
        import base64
        out += base64.urlsafe_b64decode(answer["data"] + "==")
        cursor = answer.get("cursor")
        if not cursor:
            break
    items, f = [], io.BytesIO(out)
    while f.tell() < len(out):
        items.append(bits(cbor2.load(f)))
    return sorted(items, key=lambda x: (x["device"], x["series"], x["time_ns"], x["type"]))


def test_every_bit_comes_back_in_every_format():
    with tempfile.TemporaryDirectory() as folder:
        with Platform() as p:
            source = f"{folder}/in.cbor"
            open(source, "wb").write(sequence())
            refused = cli(p, "import", source)
            assert refused.returncode == 1 and b"there is no device" in refused.stderr, refused.stderr
            dry = good(p, "import", source, "--unknown", "create", "--dry-run")
            assert b"66 points would be stored" in dry.stderr, dry.stderr
            assert "dev2" not in [d["id"] for d in p.call("device.list")["devices"]]
            good(p, "import", source, "--unknown", "create")
            want = everything(p)
            assert len(want) == 2 * len(VALUES)
            sent = {(kind, struct.pack(">d", v) if kind == "f64" else v) for kind, v in VALUES}
            assert {(x["type"], x["value"]) for x in want} == sent
            assert sorted(x.get("quality", 0) for x in want) == sorted(2 * [i % 256 for i in range(len(VALUES))])
            for name, more in (("a.csv", []), ("b.csv", ["--times", "ns"]), ("c.jsonl", []), ("d.jsonl", ["--times", "ns"]), ("e.cbor", [])):
                kind = name.split(".")[1]
                good(p, "export", "--format", kind, "--rx", "--series", "mixed", "--series", "only *", "-o", f"{folder}/{name}", *more)
            first = open(f"{folder}/a.csv", newline="").read()
            rows = list(csv.DictReader(io.StringIO(first, newline="")))
            assert len(rows) == len(want) and {r["value"] for r in rows if r["type"] == "text"} == {
                v for k, v in VALUES if k == "text"}
            assert [json.loads(x)["type"] for x in open(f"{folder}/c.jsonl")] == [r["type"] for r in rows]
        for name in ("a.csv", "b.csv", "c.jsonl", "d.jsonl", "e.cbor"):
            with Platform() as p:
                good(p, "import", f"{folder}/{name}", "--unknown", "create")
                got = everything(p)
                assert got == want, (name, [x for x in zip(got, want) if x[0] != x[1]][:2])
                if name == "a.csv":  # and again: nothing changes, also after a kill
                    good(p, "import", f"{folder}/{name}")
                    p.kill()
                    p.start()
                    assert everything(p) == want


def long_file(path, n=60_000):
    with open(path, "w") as f:
        f.write("device,time_ms,temp [Cel],power,state\n")
        for i in range(n):
            f.write(f"dev{i % 7},{1_600_000_000_000 + i * 1000},{20 + i % 100 / 10},{i},{'on' if i % 3 else 'off'}\n")


def test_a_data_set_of_virtual_time_comes_in():
    with tempfile.TemporaryDirectory() as folder, Platform() as p:
        make = [FLEET, "dataset", "--devices", "20", "--months", "0.2", "--interval", "3600", "--quiet"]
        one, two = (subprocess.run([*make, "--seed", s], capture_output=True, check=True).stdout for s in ("1", "2"))
        assert one == subprocess.run(make, capture_output=True, check=True).stdout and one != two
        path = f"{folder}/set.jsonl"
        open(path, "wb").write(one)
        good(p, "import", path, "--unknown", "create")
        want = [json.loads(x) for x in one.splitlines()]
        assert 20 * 146 <= len(want) <= 20 * 147, len(want)
        room = [x for x in want if x["device"] == "s1-room01-climate"]
        got = p.call("telemetry.query", device="s1-room01-climate", series=["hum"], limit=1000, **{"from": 0})["series"][0]
        assert got["unit"] == "%" and [(x[0], x[1]) for x in got["points"][1:]] == [(x["time_ms"], x["values"]["hum"]) for x in room[1:]]


def test_an_export_that_is_cut_goes_on_and_pages_are_the_file():
    with tempfile.TemporaryDirectory() as folder, Platform() as p:
        long_file(f"{folder}/x.csv")
        begin = time.monotonic()
        good(p, "import", f"{folder}/x.csv", "--unknown", "create")
        print(f"# {180_000 / (time.monotonic() - begin):,.0f} points/s in", flush=True)
        begin = time.monotonic()
        good(p, "export", "--query", "dev", "-o", f"{folder}/whole.csv")
        print(f"# {180_000 / (time.monotonic() - begin):,.0f} points/s out", flush=True)
        whole = open(f"{folder}/whole.csv").read()
        assert whole.count("\n") == 180_001
        times = [line.split(",")[3] for line in whole.splitlines()[1:] if line.startswith("dev3,")]
        assert times == sorted(times)
        # As a cut left it: a page, half of the next one, and where the page ended.
        first = p.call("telemetry.export", query="dev", page=1234)
        part = first["data"].encode()
        open(f"{folder}/cut.csv.part", "wb").write(part + whole.encode()[len(part):len(part) + 77])
        json.dump({"asked": ["query", "dev"], "params": {"query": "dev"}, "cursor": first["cursor"], "bytes": float(len(part)),
                   "points": 1234.0}, open(f"{folder}/cut.csv.resume", "w"))
        assert p.stop() == 0
        p.start()
        out = good(p, "export", "--query", "dev", "-o", f"{folder}/cut.csv")
        assert b"going on behind 1,234 points" in out.stderr
        assert open(f"{folder}/cut.csv").read() == whole
        assert sorted(os.listdir(folder)) == ["cut.csv", "whole.csv", "x.csv"]
        assert cli(p, "export", "--query", "dev", "-o", f"{folder}/cut.csv").returncode == 5
        # Cursors of something else, and pages of one.
        for params in ({"query": "dev1", "cursor": first["cursor"]}, {"query": "dev", "cursor": first["cursor"][:-2]}):
            try:
                p.call("telemetry.export", **params)
                raise AssertionError(params)
            except ApiError as e:
                assert e.error["data"]["field"] == "/cursor"
        cursor, lines = None, ""
        for _ in range(20):
            answer = p.call("telemetry.export", query="dev", page=1, **({"cursor": cursor} if cursor else {}))
            lines, cursor = lines + answer["data"], answer["cursor"]
        assert whole.startswith(lines) and lines.count("\n") == 21


def test_an_import_that_is_cut_goes_on():
    with tempfile.TemporaryDirectory() as folder, Platform() as p:
        path = f"{folder}/x.csv"
        long_file(path)
        size = os.path.getsize(path)
        state = f"{path}.imported"

        def cut(end):
            """Begins an import, ends something once a part is in, and says how far it came."""
            client = subprocess.Popen([SIGNALBOX, "import", path, "--unknown", "create", "--data", p.data], stderr=subprocess.PIPE)
            assert eventually(lambda: os.path.exists(state) or client.poll() is not None, 30)
            end(client)
            client.communicate(timeout=60)
            assert os.path.exists(state), "it was over before it was cut"
            return json.load(open(state))["offset"]

        first = cut(lambda client: client.kill())
        assert 0 < first < size, first
        p.kill()  # what the state says is in must be in all the same
        p.start()
        out = good(p, "import", path)
        assert b"going on behind line" in out.stderr and b"180,000 points stored" in out.stderr, out.stderr
        assert not os.path.exists(state)
        exported = good(p, "export", "--query", "dev", "--times", "ns").stdout.decode().splitlines()
        want = set()
        for line in open(path).read().splitlines()[1:]:
            device, ms, temp, power, text = line.split(",")
            for name, value in (("temp", float(temp)), ("power", float(power)), ("state", text)):
                want.add((device, name, int(ms) * 10**6, value))
        rows = list(csv.DictReader(exported))
        got = {(r["device"], r["series"], int(r["time_ns"]), r["value"] if r["type"] == "text" else float(r["value"])) for r in rows}
        assert len(rows) == len(want) and got == want


def test_what_is_wrong_is_told_by_line():
    with Platform() as p:
        bad = (b"device,series,time,type,value\nd,a,2024-01-01T00:00:00Z,f64,1\nd,b,yesterday,f64,1\n\nd,\"c\n2\",2024-01-01,i64,1.5\n"
               b"d,,2024-01-01,f64,1\nd,e,2024-01-01,f64,\"1\"x\nd,f,2024-01-01,bytes,???\nd,g,2024-01-01,text,\xff\nd,h,2024-01-01\n"
               b"d,i,2024-02-30,f64,1\n/,j,2024-01-01,f64,1\nd,k,2024-01-01T00:00:00+02:00,,2\n")
        dry = cli(p, "import", "-", "--format", "csv", "--dry-run", "--unknown", "create", data=bad)
        told = [x.split(b": ", 1)[0] for x in dry.stderr.splitlines() if x.startswith(b"-: ")] or dry.stderr.splitlines()
        lines = [int(x.split(b"line ")[1].split(b":")[0]) for x in dry.stderr.splitlines() if b"line " in x]
        assert lines == [3, 5, 7, 8, 9, 10, 11, 12, 13], (lines, told)
        assert b"9 records are wrong" in dry.stderr and b"2 points would be" in dry.stderr, dry.stderr
        out = cli(p, "import", "-", "--format", "csv", "--unknown", "create", data=bad)
        assert out.returncode == 1 and b"line 3" in out.stderr and b"line 5" not in out.stderr, out.stderr
        out = cli(p, "import", "-", "--format", "csv", "--skip-bad", "--unknown", "skip", data=bad)
        assert p.points("d") == {"a": [[1704067200000, 1, 0, 1]], "k": [[1704060000000, 2, 0, 1]]}, p.points("d")
        for text, why in ((b"a,b\n1,2\n", b"no column time"), (b"time,time\n", b"two columns are the same"), (b"device,time\n", b"no column holds"),
                          (b"time,value\n", b"no column series"), (b",".join(b"m%d" % i for i in range(1100)) + b"\n1\n", b"more than 1024")):
            out = cli(p, "import", "-", "--device", "d", data=text + b"1\n")
            assert out.returncode == 2 and why in out.stderr, (text[:40], out.stderr)
        for items, why in (([1], b"not a map"), ([{"device": "d"}], b"one of value"), ([{"device": "d", "series": "s", "time_ns": 2**63, "value": 1}], b"whole number"),
                           ([{"device": "d", "series": "s", "time_ns": 1, "type": "u64", "value": -1}], b"does not fit"), ([{"device": "d", "series": "s", "time_ns": 1, "value": [[[]]]}], b"a value is")):
            out = cli(p, "import", "-", "--format", "cbor", data=b"".join(map(cbor2.dumps, items)))
            assert out.returncode == 1 and why in out.stderr, (items, out.stderr)
        out = cli(p, "import", "-", "--format", "cbor", data=b"\xa5\x61")
        assert out.returncode == 1 and b"ends inside an item" in out.stderr, out.stderr
        out = cli(p, "import", "-", "--format", "jsonl", data=b'{"device":"d","time_ms":5,"values":{"x":1,"y":"t","z":null,"w":true}}\n{"device":"d"')
        assert out.returncode == 1 and b"line 2" in out.stderr, out.stderr
        assert {k: v[0][1] for k, v in p.points("d", ["x", "y", "w"]).items()} == {"x": 1, "y": "t", "w": True}
        try:
            p.calls(("telemetry.import", {"data": "x", "columns": "time,a"}), role="viewer")
            raise AssertionError("a viewer imports")
        except ApiError as e:
            assert e.name == "forbidden"


run(globals())
