"""The servers a bench measures, each on core 0 with everything that belongs to it; the load has core 1."""
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SIGNALBOX_BUILD", SOURCE / "build"))
LOAD = BUILD / "tests" / "bench" / "mqtt-load"
CONSUMER = BUILD / "tests" / "bench" / "sqlite-consumer"


def pinned(core, command):
    return ["taskset", "-c", str(core), *map(str, command)]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def rss_bytes(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")


def certificate(folder):
    """(certificate, key) for 127.0.0.1, for an hour's test."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-subj", "/CN=127.0.0.1", "-days", "2", "-keyout", key, "-out", cert], check=True,
                   capture_output=True)
    return cert, key


class Server:
    """with Server() as s: s.port, s.tls_port, s.cpu_seconds()."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-bench-", dir=os.environ.get("BENCH_DIR")))
        self.processes = []

    def begin(self, command, **options):
        process = subprocess.Popen(pinned(0, command), stdin=subprocess.DEVNULL, text=True, **options)
        self.processes.append(process)
        return process

    def running(self):
        return [process for process in self.processes if process.returncode is None]

    def cpu_seconds(self):
        total = 0
        for process in self.running():
            for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def rss_bytes(self):
        return sum(rss_bytes(process.pid) for process in self.running())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Signalbox(Server):
    name = "signalbox"

    def __init__(self, *sets, tls=False):
        super().__init__()
        sets = ["http.listen=127.0.0.1:0", "mqtt.listen=127.0.0.1:0", "mqtt.anonymous=yes", "provisioning.auto=active",
                *sets]
        if tls:
            cert, key = certificate(self.dir)
            self.tls_port = free_port()
            sets += [f"tls.certificate={cert}", f"tls.key={key}", f"mqtt.listen_tls=127.0.0.1:{self.tls_port}"]
        self.data = self.dir / "data"
        self.data.mkdir()
        self.command = [BUILD / "core" / "signalboxd", "--data", self.data]
        for one in sets:
            self.command += ["--set", one]
        self.launch()

    def launch(self):
        """Starts it, again after it was killed, until it is ready."""
        log = None if os.environ.get("BENCH_LOG") else subprocess.DEVNULL
        process = self.begin(self.command, stdout=subprocess.PIPE, stderr=log)
        line = process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError("signalboxd did not start; BENCH_LOG=1 shows why")
        self.ready = dict(word.split("=", 1) for word in line.split()[1:])
        self.port = int(self.ready["mqtt"].rpartition(":")[2])

    def bearer(self):
        out = subprocess.run([BUILD / "core" / "cli" / "signalbox", "token", "create", "--data", self.data, "--role",
                              "admin", "--ttl", "1h"], check=True, capture_output=True, text=True)
        return out.stdout.split()[-1]


class Mosquitto(Server):
    """Stores nothing; its limits are wide enough to drop nothing."""
    name = "mosquitto-2.0"

    def __init__(self, tls=False):
        super().__init__()
        self.port = free_port()
        conf = [f"listener {self.port} 127.0.0.1"]
        if tls:
            cert, key = certificate(self.dir)
            self.tls_port = free_port()
            conf += [f"listener {self.tls_port} 127.0.0.1", f"certfile {cert}", f"keyfile {key}"]
        # It gives up root's rights, and then has to read its key.
        self.dir.chmod(0o755)
        for path in self.dir.iterdir():
            path.chmod(0o644)
        conf += ["allow_anonymous true", "set_tcp_nodelay true", "persistence false", "log_type error",
                 "max_inflight_messages 1000", "max_queued_messages 0"]
        (self.dir / "conf").write_text("\n".join(conf) + "\n")
        self.begin(["mosquitto", "-c", self.dir / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("mosquitto did not start")


class Stack(Mosquitto):
    """Mosquitto and a consumer that writes SQLite in batches, both on core 0."""
    name = "mosquitto-2.0+sqlite"

    def __init__(self):
        super().__init__()
        self.counter = self.dir / "rows"
        consumer = self.begin([CONSUMER, self.port, self.dir / "points.db", self.counter], stdout=subprocess.PIPE)
        if consumer.stdout.readline() != "subscribed\n":
            raise RuntimeError("the consumer did not start")

    def points(self):
        return struct.unpack("=Q", self.counter.read_bytes())[0]


class Load:
    """mqtt-load on core 1. `answer` is what it printed; cpu_seconds of the server between its marks."""

    def __init__(self, server, what, wait=True, **options):
        words = [f"{key.replace('_', '-')}={value}" for key, value in options.items()]
        self.server = server
        self.before = self.after = self.answer = None
        self.process = subprocess.Popen(pinned(1, [LOAD, what, f"port={options.pop('port', server.port)}", *words]),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if wait:
            self.finish()

    def mark(self):
        points = self.server.points() if hasattr(self.server, "points") else 0
        return {"cpu": self.server.cpu_seconds(), "time": time.monotonic(), "points": points}

    def line(self):
        return self.process.stdout.readline().strip()

    def finish(self):
        import json
        while line := self.line():
            if line == "measuring":
                self.before = self.mark()
            elif line == "measured":
                self.after = self.mark()
            elif line.startswith("{"):
                self.answer = json.loads(line)
        if self.process.wait(60) or self.answer is None:
            raise RuntimeError(f"the load on {self.server.name} ended early: {self.process.returncode}")
        return self.answer

    def between(self, key):
        return self.after[key] - self.before[key]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(60)
