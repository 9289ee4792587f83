"""A real signalboxd for a test: its own data directory and free ports, ended by its pid. Tests are plain
functions named test_*; run(globals()) prints TAP."""
import asyncio
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import websockets

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SIGNALBOX_BUILD", SOURCE / "build-test"))
SIGNALBOXD = BUILD / "core" / "signalboxd"
SIGNALBOX = BUILD / "core" / "cli" / "signalbox"
FLEET = BUILD / "tests" / "fleet" / "signalbox-fleet"


class Platform:
    """with Platform() as p: p.http, p.mqtt are (host, port); p.call(method, **params)."""

    def __init__(self, *sets, data=None, config=None, env=None):
        self.sets = list(sets)
        self.own_data = data is None
        self.data = pathlib.Path(data or tempfile.mkdtemp(prefix="signalbox-test-"))
        self.config = config
        self.env = env
        self.process = None
        self.ready = {}
        self.log_path = pathlib.Path(tempfile.mkstemp(prefix="signalbox-log-")[1])
        self.token = None
        self.ssl = None  # a context, where tls.certificate is set

    def command(self):
        sets = ["log.level=debug", "http.listen=127.0.0.1:0", "mqtt.listen=127.0.0.1:0", "mqtt.anonymous=yes",
                "provisioning.auto=active", *self.sets]
        line = [str(SIGNALBOXD), "--data", str(self.data)]
        if self.config:
            line += ["--config", str(self.config)]
        for one in sets:
            line += ["--set", one]
        return line

    def start(self, timeout=30):
        log = open(self.log_path, "ab")
        env = {**os.environ, **(self.env or {})}
        begin = time.monotonic()
        self.process = subprocess.Popen(self.command(), stdout=subprocess.PIPE, stderr=log, text=True, env=env)
        line = ""
        if select.select([self.process.stdout], [], [], timeout)[0]:
            line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise AssertionError(f"not ready: {line!r}, exit {self.process.poll()}\n{self.log()[-4000:]}")
        self.ready_seconds = time.monotonic() - begin
        self.ready = dict(word.split("=", 1) for word in line.split()[1:])
        return self

    def address(self, name):
        host, _, port = self.ready[name].rpartition(":")
        return host, int(port)

    @property
    def http(self):
        return self.address("http")

    @property
    def mqtt(self):
        return self.address("mqtt")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout=30):
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("did not stop on SIGTERM") from None

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        if self.process and self.process.poll() is None:
            code = self.stop()
            if kind is None:
                assert code == 0, f"exit code {code}\n{self.log()[-6000:]}"
        if kind not in (None, SystemExit):
            print("\n".join(self.log().splitlines()[-40:]), file=sys.stderr)
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)
        self.log_path.unlink(missing_ok=True)

    # ---- the API
    def url(self):
        return "%s://%s:%d/api/v1" % ("wss" if self.ssl else "ws", *self.http)

    def bearer(self, role="admin"):
        out = subprocess.run([SIGNALBOX, "token", "create", "--data", self.data, "--role", role, "--ttl", "1h"],
                             check=True, capture_output=True, text=True)
        return out.stdout.strip().split()[-1]

    def calls(self, *requests, role="admin"):
        """[(method, params)] over one connection; results in order, errors as exceptions."""
        token = self.bearer(role)

        async def talk():
            async with websockets.connect(self.url(), subprotocols=["signalbox.v1.json"], max_size=None, ssl=self.ssl,
                                          extra_headers={"Authorization": "Bearer " + token}) as ws:
                results = []
                for number, (method, params) in enumerate(requests, 1):
                    await ws.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
                    while True:
                        answer = json.loads(await asyncio.wait_for(ws.recv(), 30))
                        if answer.get("id") == number:
                            break
                    if "error" in answer:
                        raise ApiError(answer["error"])
                    results.append(answer["result"])
                return results

        return asyncio.run(talk())

    def call(self, method, **params):
        return self.calls((method, params))[0]

    def points(self, device, series=None, **params):
        """{series: [[ts, value], ...]} of a device."""
        if series:
            params["series"] = [series] if isinstance(series, str) else series
        params.setdefault("from", 0)
        answer = self.call("telemetry.query", device=device, limit=100000, **params)
        return {s["name"]: s.get("points", s.get("buckets")) for s in answer["series"]}


class ApiError(Exception):
    def __init__(self, error):
        super().__init__(error.get("message"))
        self.error = error
        self.name = error.get("data", {}).get("name")


def mosquitto_pub(platform, topic, message, *options, timeout=20):
    host, port = platform.mqtt
    return subprocess.run(["mosquitto_pub", "-h", host, "-p", str(port), "-t", topic, "-m", message, *options],
                          capture_output=True, text=True, timeout=timeout)


def npm_install(folder):
    """What folder/package-lock.json says, once."""
    lock, mark = folder / "package-lock.json", folder / "node_modules" / ".installed"
    if not mark.exists() or mark.read_bytes() != lock.read_bytes():
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"], cwd=folder,
                       check=True, timeout=200, stdout=sys.stderr)
        shutil.copyfile(lock, mark)


def eventually(check, seconds=10):
    """The first true answer of check(), or the last one after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        answer = check()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(0.05)


def run(names):
    """All of them, or those that the command line names."""
    tests = [(name, fn) for name, fn in names.items() if name.startswith("test_") and callable(fn)
             and (len(sys.argv) < 2 or name in sys.argv)]
    print(f"1..{len(tests)}")
    bad = 0
    for number, (name, fn) in enumerate(tests, 1):
        try:
            fn()
            print(f"ok {number} - {name[5:].replace('_', ' ')}", flush=True)
        except Exception:
            bad += 1
            traceback.print_exc()  # to stderr, which --print-errorlogs shows
            print(f"not ok {number} - {name[5:].replace('_', ' ')}", flush=True)
    sys.exit(bool(bad))
