"""What the storage bench runs: storage-bench on a disk whose sectors can be counted, and InfluxDB."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from servers import BUILD, free_port

TOOL = BUILD / "tests" / "bench" / "storage-bench"


class Place:
    """A folder for one measurement; with `sectors` on an ext4 of its own, which root alone can make."""

    def __init__(self, sectors=False, gib=4):
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-storage-", dir=os.environ.get("BENCH_DIR")))
        self.device = None
        if sectors and os.geteuid() == 0 and shutil.which("losetup") and shutil.which("mkfs.ext4"):
            self.mount(gib)
        self.dir = self.base / "mnt" if self.device else self.base
        self.plugins = self.base / "plugins"
        self.plugins.mkdir()
        shutil.copy(BUILD / "plugins" / "store-sqlite.so", self.plugins)

    def mount(self, gib):
        image = self.base / "image"
        with image.open("wb") as f:
            f.truncate(gib << 30)
        found = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, text=True, check=False)
        if found.returncode:
            return
        self.device = found.stdout.strip()
        (self.base / "mnt").mkdir()
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.device], check=True)
        subprocess.run(["mount", self.device, self.base / "mnt"], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.device:
            subprocess.run(["umount", self.base / "mnt"], check=False)
            subprocess.run(["losetup", "-d", self.device], check=False)
        shutil.rmtree(self.base, ignore_errors=True)

    def written(self):
        """Bytes the device was given; None: nobody can tell."""
        if not self.device:
            return None
        subprocess.run(["sync", "-f", self.dir], check=True)
        stat = pathlib.Path("/sys/block") / pathlib.Path(self.device).name / "stat"
        return int(stat.read_text().split()[6]) * 512

    def bytes_of(self, folder, suffix):
        return sum(path.stat().st_size for path in (self.dir / folder).rglob(f"*{suffix}") if path.is_file())

    def forget(self):
        """What is cached of files here."""
        for path in self.dir.rglob("*"):
            if path.is_file():
                fd = os.open(path, os.O_RDONLY)
                os.fsync(fd)
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                os.close(fd)


def tool(place, what, folder="data", **options):
    """Runs storage-bench; {"written": bytes of the device between its marks, …what it printed}."""
    target = place.dir / folder
    target.mkdir(exist_ok=True)
    words = [f"{key.replace('_', '-')}={value}" for key, value in options.items()]
    process = subprocess.Popen([TOOL, what, f"dir={target}", f"plugins={place.plugins}", *words], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    before = after = answer = None
    for line in process.stdout:
        line = line.strip()
        if line == "measuring":
            before = place.written()
        elif line == "measured":
            after = place.written()
        elif line.startswith("{"):
            answer = json.loads(line)
            continue
        else:
            raise RuntimeError(f"storage-bench {what}: {line}")
        process.stdin.write("\n")
        process.stdin.flush()
    if process.wait(600) or answer is None:
        raise RuntimeError(f"storage-bench {what} failed")
    if before is not None:
        answer["written"] = after - before
    return answer


INFLUX = """reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{dir}/meta"
[data]
dir = "{dir}/data"
wal-dir = "{dir}/wal"
query-log-enabled = false
cache-snapshot-write-cold-duration = "1s"
compact-full-write-cold-duration = "1s"
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
log-enabled = false
[logging]
level = "error"
"""


class Influx:
    """InfluxDB 1.6 as it comes, but that it compacts at once what rests."""
    name = "influxdb-1.6"

    def __init__(self, place):
        self.dir = place.dir / "influx"
        self.dir.mkdir()
        self.port = free_port()
        conf = self.dir / "conf"
        conf.write_text(INFLUX.format(rpc=free_port(), port=self.port, dir=self.dir))
        self.process = subprocess.Popen(["influxd", "-config", conf], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)

    def __enter__(self):
        for _ in range(300):
            with contextlib.suppress(OSError):
                if self.post("/query?q=CREATE+DATABASE+b") == 200:
                    return self
            time.sleep(0.1)
        self.__exit__()
        raise RuntimeError("influxd did not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def post(self, path, body=b""):
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        link.request("POST", path, body)
        status = link.getresponse().status
        link.close()
        return status

    def take(self, place, lines=5000, **options):
        """The lines of storage-bench, so many a POST."""
        words = [f"{key}={value}" for key, value in options.items()]
        source = subprocess.Popen([TOOL, "lines", f"dir={place.dir}", *words], stdout=subprocess.PIPE)
        batch = []
        for line in source.stdout:
            batch.append(line)
            if len(batch) == lines:
                self.write(batch)
                batch = []
        if batch:
            self.write(batch)
        if source.wait():
            raise RuntimeError("storage-bench lines failed")

    def write(self, batch):
        if self.post("/write?db=b", b"".join(batch)) != 204:
            raise RuntimeError("InfluxDB refused points")

    def size(self):
        """When it has come to rest."""
        last, same = None, 0
        for _ in range(240):
            files = sorted((str(p), p.stat().st_size) for p in self.dir.rglob("*.tsm*"))
            wal = sum(p.stat().st_size for p in self.dir.rglob("*.wal"))
            rests = files and not wal and not any(name.endswith(".tmp") for name, _ in files)
            same = same + 1 if rests and files == last else 0
            if same == 6:
                break
            last = files
            time.sleep(1)
        return sum(size for _, size in last)
