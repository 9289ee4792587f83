"""The Prometheus API from outside: Debian's promtool asks, Grafana's requests are sent, and Debian's Prometheus,
with the same samples, says what is right."""
import base64
import http.client
import json
import math
import os
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse

from harness import Platform, eventually, mosquitto_pub, run

STEP = 10  # seconds between samples
COUNT = 720
BASE = (int(time.time()) // 3600 - 4) * 3600  # of the first sample: these are two hours
PASSWORD = "correct horse battery"


def samples():
    """{(device, metric): [(time, value)]}: noise, a counter that begins again, a switch, gaps, whole numbers."""
    dice = random.Random(7)
    out = {}
    for number, device in enumerate(("boiler-1", "boiler-2", "pump/3".replace("/", "-"))):
        energy = 1000.0 * number
        rows = {"temperature": [], "energy_total": [], "running": [], "count": []}
        for n in range(COUNT):
            at = BASE + n * STEP
            energy = 0.0 if dice.random() < 0.01 else energy + dice.random() * 5
            if number == 1 and 200 < n < 300:
                continue  # silent for a while
            rows["temperature"].append((at, round(20 + number + 5 * math.sin(n / 50) + dice.random(), 3)))
            rows["energy_total"].append((at, round(energy, 4)))
            rows["running"].append((at, n // 40 % 2))
            if n % 7 == 0 and number < 2:
                rows["count"].append((at, n * (number + 1)))
        for name, points in rows.items():
            out[device, name] = points
    return out


SAMPLES = samples()
LABELS = {"boiler-1": {"site": "north", "model": "b100", "tags": ",hot,old,"},
          "boiler-2": {"site": "north", "model": "b200", "tags": ",hot,"},
          "pump-3": {"site": "south"}}


def labels(device, metric):
    unit = {"unit": "Cel"} if metric == "temperature" else {}
    return {"__name__": metric, "device": device, **LABELS[device], **unit}


def publish(p):
    for device, facts in LABELS.items():
        facts = {**facts, **({"tags": facts["tags"].strip(",").split(",")} if "tags" in facts else {})}
        p.call("device.create", id=device, **facts)
    for device in LABELS:
        rows = {}
        for (owner, metric), points in SAMPLES.items():
            for at, value in points if owner == device else ():
                value = bool(value) if metric == "running" else value
                rows.setdefault(at, {})[metric] = {"value": value, "unit": "Cel"} if metric == "temperature" else value
        batch = [{"ts": at * 1000, "values": values} for at, values in rows.items()]
        starts = range(0, len(batch), 100)
        for n in reversed(starts) if device == "pump-3" else starts:  # what is late is not less
            sent = mosquitto_pub(p, f"devices/{device}/telemetry", json.dumps(batch[n:n + 100]), "-q", "1")
            assert sent.returncode == 0, sent.stderr
        if device == "boiler-1":
            assert eventually(lambda: flushes(p) > 0, 30), "no block was written"


def flushes(p):
    """How many blocks were written."""
    c = http.client.HTTPConnection(*p.http, timeout=20)
    c.request("GET", "/metrics")
    lines = [line.split() for line in c.getresponse().read().decode().splitlines()]
    return next(float(line[1]) for line in lines if line[0] == "signalbox_series_flushes_total")


class Client:
    """Answers of one of the two, over a connection that stays."""

    def __init__(self, host, port, prefix="", authorization=None):
        self.connection = http.client.HTTPConnection(host, port, timeout=30)
        self.prefix = prefix
        self.headers = {"Authorization": authorization} if authorization else {}

    def get(self, path, params=(), method="GET", **headers):
        form = urllib.parse.urlencode(params)
        body = None
        if method == "POST":
            body = form
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        elif form:
            path += "?" + form
        self.connection.request(method, self.prefix + "/api/v1/" + path, body, {**self.headers, **headers})
        answer = self.connection.getresponse()
        return answer.status, answer.read(), answer

    def ask(self, path, params=(), method="GET"):
        status, text, _ = self.get(path, params, method)
        return status, json.loads(text)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def client(p, role="viewer"):
    return Client(*p.http, "/prometheus", "Bearer " + p.bearer(role))


# ---- the oracle

class Oracle:
    """Debian's Prometheus over the same samples; ended by its pid."""

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-oracle-"))
        text = self.folder / "samples.txt"
        with open(text, "w", encoding="utf-8") as out:
            for metric in sorted({metric for _, metric in SAMPLES}):
                print(f"# TYPE {metric} {'unknown'}", file=out)
                for (device, name), points in SAMPLES.items():
                    shown = ",".join(f'{k}="{v}"' for k, v in labels(device, metric).items() if k != "__name__")
                    for at, value in points if name == metric else ():
                        print(f"{metric}{{{shown}}} {value} {at}", file=out)
            print("# EOF", file=out)
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", "-q", text, self.folder / "data"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        (self.folder / "prometheus.yml").write_text("global: {}\n")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y"],
            stdout=self.log, stderr=subprocess.STDOUT, env={**os.environ, "GOMAXPROCS": "1"})

        def ready():
            try:
                c = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                c.request("GET", "/-/ready")
                return c.getresponse().status == 200
            except OSError:
                return False
        assert eventually(ready, 60), (self.folder / "log").read_text()[-2000:]
        self.client = Client("127.0.0.1", port)
        return self.client

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


QUERIES = """
temperature
temperature{device="boiler-1"}
{__name__=~"temp.*|running",site!="south"}
{device=~"boiler-.",unit=""}
temperature{tags=~".*,old,.*"}
{model=~"b[0-9]+",__name__!~"energy.*"}
temperature offset 10m
temperature @ %(middle)d
energy_total @ end() offset 1m
temperature offset -3m
count
rate(energy_total[1m])
rate(energy_total[5m])
rate(energy_total[13s])
rate(count[5m])
increase(energy_total[7m] offset 2m)
irate(energy_total[5m])
delta(temperature[5m])
idelta(temperature[1m])
deriv(temperature[10m])
predict_linear(temperature[10m], 3600)
changes(running[20m])
resets(energy_total[30m])
avg_over_time(temperature[10m])
min_over_time(temperature[10m])
max_over_time(temperature[10m])
sum_over_time(temperature[10m])
count_over_time(temperature[10m])
last_over_time(temperature[10m])
present_over_time(temperature[1m])
stddev_over_time(temperature[10m])
stdvar_over_time(temperature[10m])
quantile_over_time(0.9, temperature[10m])
max_over_time(rate(energy_total[2m])[20m:1m])
avg_over_time(sum(running)[10m:30s])
min_over_time(temperature[30m:])
sum(temperature)
sum by (site) (rate(energy_total[5m]))
avg without (device, model, tags) (temperature)
min by (site) (temperature)
max(temperature)
count(temperature)
count by (model) ({__name__=~"temperature|running"})
stddev(temperature)
stdvar by (site) (temperature)
quantile(0.3, temperature)
topk(1, temperature)
bottomk(2, temperature)
topk by (site) (1, energy_total)
count_values("value", running)
group by (site) (running)
temperature * 2 + 1
-temperature
temperature > 22
temperature > bool 22
22 < temperature
temperature and on(device) (running == 1)
temperature unless on(device) (running == 1)
temperature or energy_total
temperature * on(device) running
temperature / on(site) group_left max by (site) (temperature)
max by (site) (temperature) - on(site) group_right temperature
temperature * on(device) group_left(model) running
temperature + ignoring(unit) running
temperature * on(site) temperature
temperature %% 7
temperature ^ 2
temperature atan2 on(device) running
time() - timestamp(temperature)
vector(1) + scalar(sum(temperature))
abs(temperature - 22)
ceil(temperature)
floor(temperature)
round(temperature, 0.25)
sqrt(temperature) + exp(running) + ln(temperature) + log2(temperature) + log10(temperature)
sgn(temperature - 22)
clamp(temperature, 21, 23)
clamp_min(temperature, 22)
clamp_max(temperature, 22)
sort_desc(temperature)
absent(temperature)
absent(nothing{device="boiler-1"})
absent_over_time(temperature{device="boiler-2"}[1m])
label_replace(temperature, "short", "$2-$1", "device", "(.*)-(.*)")
label_join(temperature, "both", "/", "site", "device")
hour(temperature * 1e8)
day_of_week() + month() + days_in_month(vector(1.7e9)) + year()
1 + 2 * 3 ^ 2 / 4 - 1
1 > bool 2
scalar(temperature)
rate(temperature)
sum(temperature) by
temperature{device=~"("}
rate({device="boiler-1"}[5m])
nothing
time()
pi() * deg(rad(180))
0x1F + 1e3 - .5
""".strip().splitlines()


def near(a, b):
    if a == b:
        return True
    a, b = float(a), float(b)
    return a == b or (math.isnan(a) and math.isnan(b)) or abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1e-3)


def shape(answer):
    """{labels: [(time, value)]} of whatever there is."""
    data = answer["data"]
    if data["resultType"] in ("scalar", "string"):
        return {"": [data["result"]]}
    return {json.dumps(one["metric"], sort_keys=True): one.get("values") or [one["value"]] for one in data["result"]}


def differs(ours, right):
    """Why two answers are not the same, or None."""
    if ours[0] != right[0]:
        return f"status {ours[0]}, not {right[0]}: {ours[1]}"
    if right[0] != 200:
        return None if ours[1]["errorType"] == right[1]["errorType"] else f"{ours[1]}, not {right[1]}"
    if ours[1]["data"]["resultType"] != right[1]["data"]["resultType"]:
        return f"a {ours[1]['data']['resultType']}, not a {right[1]['data']['resultType']}"
    a, b = shape(ours[1]), shape(right[1])
    if a.keys() != b.keys():
        return f"only here {sorted(a.keys() - b.keys())}, only there {sorted(b.keys() - a.keys())}"
    for key, there in b.items():
        here = a[key]
        if [t for t, _ in here] != [t for t, _ in there]:
            return f"{key}: other times: {len(here)}, not {len(there)}"
        for (at, x), (_, y) in zip(here, there):
            if not near(x, y):
                return f"{key} at {at}: {x}, not {y}"
    return None


def test_every_query_answers_as_prometheus_does():
    end = BASE + COUNT * STEP
    values = {"middle": BASE + 1800}
    wrong = []
    with Platform("series.flush-every=1s") as p, Oracle() as oracle:
        publish(p)  # partly in blocks, partly in the journal
        p.kill()
        p.start()
        ours = client(p)
        for query in QUERIES:
            query = query % values
            requests = [("query", {"query": query, "time": at}) for at in (BASE + 5000, BASE + 2205.25, end + 200, BASE + 100)]
            requests += [("query_range", {"query": query, "start": BASE - 60, "end": end + 400, "step": 60}),
                         ("query_range", {"query": query, "start": BASE + 1000.5, "end": BASE + 3000, "step": "7s"})]
            for request in requests:
                why = differs(ours.ask(*request), oracle.ask(*request))
                if why:
                    wrong.append(f"{query} {request}: {why}")
        for query in ("temperature[1m]", "energy_total[95s] offset 3m", "rate(energy_total[1m])[5m:1m]", "'text'"):
            request = ("query", {"query": query, "time": BASE + 5000})
            why = differs(ours.ask(*request), oracle.ask(*request))
            if why:
                wrong.append(f"{query}: {why}")
        for path, params in (("series", [("match[]", "temperature"), ("match[]", '{site="south"}')]), ("labels", []),
                             ("labels", [("match[]", "count")]), ("label/device/values", [("match[]", '{__name__!="",device!="signalbox"}')]),
                             ("label/__name__/values", [("match[]", '{device=~".*-.*"}')]),
                             ("label/model/values", [("match[]", 'running{model!=""}')])):
            a, b = (sorted(json.dumps(x, sort_keys=True) for x in c.ask(path, params)[1].get("data", ()))
                    for c in (ours, oracle))
            if not b or a != b:
                wrong.append(f"{path} {params}: {a}, not {b}")
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:40])


# ---- promtool, which logs in with what stands in the address

def promtool(p, *words, user="token", password=None):
    host, port = p.http
    url = f"http://{user}:{urllib.parse.quote(password or p.bearer('viewer'), safe='')}@{host}:{port}/prometheus"
    line = ["promtool", "query", *[url if word == "URL" else word for word in words]]
    return subprocess.run(line, capture_output=True, text=True, timeout=60)


def one_device(p):
    sent = mosquitto_pub(p, "devices/d1/telemetry", json.dumps(
        [{"ts": BASE * 1000 + n * 10000, "values": {"power": n * 0.5, "2nd.phase": n, "note": "x"}} for n in range(61)]), "-q", "1")
    assert sent.returncode == 0, sent.stderr


def test_promtool_asks_and_is_answered():
    with Platform() as p:
        one_device(p)
        at = str(BASE + 600)
        out = promtool(p, "instant", "--time", at, "URL", "rate(power[1m])")
        assert out.returncode == 0 and out.stdout == f'{{device="d1"}} => 0.05 @[{at}]\n', out
        out = promtool(p, "range", "--start", str(BASE), "--end", str(BASE + 120), "--step", "60s", "URL", 'power{device="d1"}')
        assert out.stdout == f'power{{device="d1"}} =>\n0 @[{BASE}]\n3 @[{BASE + 60}]\n6 @[{BASE + 120}]\n', out
        out = promtool(p, "series", "--match", '{device="d1"}', "URL")
        assert sorted(out.stdout.splitlines()) == ['{__name__="_2nd_phase", device="d1", series="2nd.phase"}',
                                                   '{__name__="power", device="d1"}'], out
        strange = 'größe "a\\b" {c}'
        assert mosquitto_pub(p, "devices/d2/telemetry", json.dumps({strange: 1}), "-q", "1").returncode == 0
        got = client(p).ask("query", {"query": "{series=%s}" % json.dumps(strange, ensure_ascii=False)})[1]["data"]["result"]
        assert [one["metric"] for one in got] == [{"__name__": "gr____e__a_b___c_", "device": "d2", "series": strange}], got
        assert promtool(p, "labels", "URL", "series").stdout.splitlines() == ["2nd.phase", strange]
        out = promtool(p, "instant", "URL", "histogram_quantile(0.9, power)")
        assert out.returncode and 'unsupported function with name "histogram_quantile"' in out.stderr, out


# ---- Grafana

def test_grafana_requests_are_answered():
    """Save and test, the list of metrics, the variables of a dashboard, a panel, an instant panel: as its
    Prometheus data source sends them."""
    with Platform() as p:
        one_device(p)
        c = Client(*p.http, "/prometheus", "Bearer " + p.bearer("viewer"))
        headers = {"User-Agent": "Grafana/10.4.2", "Accept-Encoding": "gzip", "X-Grafana-Org-Id": "1"}
        form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        assert c.ask("status/buildinfo")[1]["data"]["version"] == "2.42.0"
        status, text, answer = c.get("query", {"query": "1+1", "time": f"{BASE}.123"}, "POST", **form)
        assert status == 200 and answer.headers["Content-Type"] == "application/json", text
        assert json.loads(text)["data"] == {"resultType": "scalar", "result": [BASE + 0.123, "2"]}
        assert "power" in c.ask("label/__name__/values", {"start": BASE, "end": BASE + 600})[1]["data"]
        names = c.ask("labels", [("match[]", "power"), ("start", BASE), ("end", BASE + 600)])[1]["data"]
        assert names == ["__name__", "device"], names
        assert c.ask("series", [("match[]", "power"), ("start", BASE), ("end", BASE + 600)])[1]["data"] == [
            {"__name__": "power", "device": "d1"}]
        assert c.ask("series", [("match[]", "power"), ("start", BASE + 6000)])[1]["data"] == []
        assert c.ask("metadata", {"limit": 5000})[1]["data"]["power"][0]["type"] == "unknown"
        body = {"query": 'sum by (device) (rate(power{device=~"d1|d2"}[1m0s]))', "start": BASE, "end": BASE + 600, "step": 15}
        status, text, _ = c.get("query_range", body, "POST", **form)
        data = json.loads(text)["data"]
        assert status == 200 and data["resultType"] == "matrix" and len(data["result"]) == 1, text
        assert data["result"][0]["values"][-1] == [BASE + 600, "0.05"], text
        status, text, _ = c.get("query", {"query": "topk(3, power)", "time": BASE + 600}, "POST", **form)
        assert json.loads(text)["data"]["result"][0]["value"] == [BASE + 600, "30"], text
        # The API of ours lives on beside it.
        assert p.call("device.list", query="")["total"] >= 1
        plain = Client(*p.http, "", "Bearer " + p.bearer("viewer"))
        assert plain.ask("query", {"query": "1"})[0] == 200 and plain.get("session")[0] == 200
        assert plain.get("nothing")[0] == 404


def test_what_only_tiers_still_know_is_answered():
    then = BASE - 40 * 86400
    with Platform("series.flush-every=1s", "storage.retention=raw 3s, 1m 1y", "storage.keep=1h", "storage.tier-every=1s") as p:
        rows = [{"ts": (then + n * 10) * 1000, "values": {"level": n}} for n in range(360)]
        assert mosquitto_pub(p, "devices/d1/telemetry", json.dumps(rows), "-q", "1").returncode == 0
        ask = {"query": "count_over_time(level[1h])", "time": then + 3595}
        c = client(p)

        def counted():
            """All values; then two of each minute are left."""
            result = c.ask("query", ask)[1]["data"]["result"]
            return result and float(result[0]["value"][1])
        assert eventually(lambda: counted() == 120, 60), (counted(), p.log()[-3000:])
        at = {"query": "level", "start": then + 60, "end": then + 3540, "step": 60}
        values = c.ask("query_range", at)[1]["data"]["result"][0]["values"]
        assert [float(v) for _, v in values] == [6 * n for n in range(1, 60)], values
        rate = c.ask("query", {"query": "rate(level[30m])", "time": then + 3590})[1]["data"]["result"][0]["value"][1]
        assert near(rate, 0.1), rate


# ---- who may ask, and what is refused

def test_only_who_may_read_is_answered():
    with Platform() as p:
        p.call("user.create", name="grafana", role="viewer", password=PASSWORD, integration=True)
        ask = {"query": "1"}
        for header in (None, "Bearer nonsense", "Basic nonsense", basic("grafana", "not the password"), basic("", ""),
                       basic("nobody", PASSWORD), basic("x", "eyJ.a.b")):
            status, text, answer = Client(*p.http, "", header).get("query", ask)
            assert status == 401 and json.loads(text)["status"] == "error", (header, status, text)
            assert answer.headers["WWW-Authenticate"].startswith("Basic "), header
        for header in (basic("grafana", PASSWORD), basic("whoever", p.bearer("viewer"))):
            assert Client(*p.http, "", header).ask("query", ask)[0] == 200, header
        out = promtool(p, "instant", "URL", "1 + 1", user="grafana", password=PASSWORD)
        assert out.returncode == 0 and out.stdout.startswith("scalar: 2 "), out
        # A password that was right costs no slow hash any more, and no try.
        c = Client(*p.http, "", basic("grafana", PASSWORD))
        begin = time.monotonic()
        assert all(c.ask("query", ask)[0] == 200 for _ in range(200))
        assert time.monotonic() - begin < 10
        for _ in range(12):
            status, text, answer = Client(*p.http, "", basic("grafana", "guess")).get("query", ask)
            if status == 429:
                break
        assert status == 429 and int(answer.headers["Retry-After"]) > 0, text
        assert c.ask("query", ask)[0] == 200  # whoever is known is not locked out
        p.call("user.update", name="grafana", password="another password")
        assert c.ask("query", ask)[0] in (401, 429)


def test_what_is_asked_wrongly_is_told_why():
    with Platform() as p:
        one_device(p)
        c = client(p)
        cases = [("query", {}, 400, "no expression"), ("query", {"query": "power{"}, 400, "1:7: parse error"),
                 ("query", {"query": "power", "time": "yesterday"}, 400, 'parameter "time"'),
                 ("query_range", {"query": "power", "start": 1, "end": 0, "step": 1}, 400, "before start"),
                 ("query_range", {"query": "power", "start": 0, "end": 11001, "step": 1}, 400, "11,000 points"),
                 ("query_range", {"query": "power", "start": 0, "end": 1, "step": 0}, 400, "zero or negative"),
                 ("query_range", {"query": "power", "start": 0, "step": 1}, 400, 'parameter "end"'),
                 ("query_range", {"query": "power[5m]", "start": 0, "end": 1, "step": 1}, 400, "invalid expression type"),
                 ("query", {"query": "((" * 200 + "1" + "))" * 200}, 400, "nested too deeply"),
                 ("query", {"query": "a" * 9000}, 400, "too long"),
                 ("query", {"query": "power + on(nothing) group_left power[5m]"}, 400, "parse error"),
                 ("query", {"query": '{__name__!=""} + on(device) power', "time": BASE + 600}, 422, "matching"),
                 ("query", {"query": "max_over_time(vector(1)[9y:1s])"}, 422, "subquery has too many steps"),
                 ("series", {}, 400, "no match[]"), ("series", {"match[]": "sum(power)"}, 400, "selector alone"),
                 ("label/a b/values".replace(" ", "%20"), {}, 400, "label name")]
        for path, params, status, why in cases:
            for method in ("GET", "POST"):
                if method == "GET" and len(str(params)) > 8000:
                    continue
                got = c.ask(path, params, method)
                assert got[0] == status and why in got[1]["error"], (path, params, got)
        status, _, _ = c.get("query", {"query": "x" * 20000}, "POST")
        assert status == 413
        c = client(p)
        status, _, _ = c.get("query", {"query": "1"}, "POST", **{"Content-Type": "application/json"})
        assert status == 415
        c = client(p)
        assert c.get("query?query=%zz")[0] == 400
        assert c.get("query?" + "&".join("a=b" for _ in range(80)))[0] == 400


def test_a_client_that_goes_ends_its_query():
    with Platform() as p:
        one_device(p)
        slow = {"query": "quantile_over_time(0.5, vector(time())[50d:12s])", "start": BASE, "end": BASE + 10000, "step": 1}
        token = p.bearer("viewer")
        host, port = p.http
        path = "/api/v1/query_range?" + urllib.parse.urlencode(slow)
        status, answer = client(p).ask("query_range", {**slow, "timeout": "0.5"})
        assert status == 503 and answer["errorType"] == "timeout", answer
        for _ in range(2):  # as many as run at once
            with socket.create_connection((host, port), timeout=20) as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
                time.sleep(0.2)  # so that it runs; nothing depends on it
        begin = time.monotonic()
        assert client(p).ask("query", {"query": "1"})[0] == 200
        assert time.monotonic() - begin < 5


if __name__ == "__main__":
    run(globals())
