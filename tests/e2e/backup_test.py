"""Backups of a running platform: nothing acknowledged before is missing, what is damaged is named, and what is cut in
the middle looks like nothing. BACKUP_KILLS=20 for more."""
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import tempfile
import time
import urllib.request

from disk_test import small_disk
from harness import FLEET, SIGNALBOX, ApiError, Platform, eventually, mosquitto_pub, run
from kill_test import free_port, verify

KILLS = int(os.environ.get("BACKUP_KILLS", "4"))
SETS = ["series.flush-every=1s", "series.head-max=1M", "journal.segment-size=1M", "log.level=info"]


def signalbox(*args, data=None, check=True):
    line = [str(SIGNALBOX), *map(str, args)] + (["--data", str(data)] if data else [])
    answer = subprocess.run(line, capture_output=True, text=True, timeout=120)
    if check:
        assert answer.returncode == 0, (line, answer.stdout, answer.stderr)
    return answer


def folder():
    return pathlib.Path(tempfile.mkdtemp(prefix="signalbox-backup-"))


def send(p, device, n, first=0):
    for number in range(first, first + n):
        body = '{"ts":%d,"values":{"a":%d}}' % (1790000000000 + 1000 * number, number)
        assert mosquitto_pub(p, f"devices/{device}/telemetry", body, "-q", "1", "-i", device).returncode == 0


def values(p, device):
    return [value for _, value, *_ in p.points(device, "a")["a"]]


def blocks(p):
    return len(list((p.data / "series").glob("*/*/*.blk")))


def restored(backup, *sets):
    """A platform on what the backup gives back."""
    data = folder() / "data"
    signalbox("backup", "restore", backup, data=data)
    p = Platform(*SETS, *sets, data=data)
    p.own_data = True
    return p


def test_a_backup_has_blocks_and_what_is_not_in_them_yet():
    top = folder()
    with Platform(*SETS) as p:
        send(p, "d1", 20)
        assert eventually(lambda: blocks(p) > 0)
        send(p, "d1", 5, first=20)
        answer = json.loads(signalbox("backup", "create", top / "b1", "--json", data=p.data).stdout)
        send(p, "d1", 5, first=25)
        assert answer["blocks"] > 0 and answer["documents"] > 0, answer
        assert (top / "b1").stat().st_mode & 0o777 == 0o700
        for path in (top / "b1").rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
        linked = list((top / "b1" / "data" / "series").glob("*/*/*.blk"))
        assert linked and all(path.stat().st_nlink > 1 for path in linked if (p.data / path.relative_to(top / "b1" / "data")).exists())
        good = signalbox("backup", "verify", top / "b1")
        assert "is good" in good.stdout, good.stdout
        assert not (top / "b1.scratch").exists() and not (top / "b1.partial").exists()
        with restored(top / "b1") as again:
            assert values(again, "d1") == list(range(25)), values(again, "d1")
            send(again, "d1", 1, first=99)
            assert values(again, "d1")[-1] == 99
        assert signalbox("backup", "verify", top / "b1").returncode == 0, "what was started from it left it alone"
    shutil.rmtree(top)


def test_an_archive_is_one_that_tar_reads():
    top = folder()
    with Platform(*SETS) as p:
        send(p, "d1", 10)
        signalbox("backup", "create", top / "b.tar", data=p.data)
        assert not (p.data / "backup.partial").exists() and not (top / "b.tar.partial").exists()
        with tarfile.open(top / "b.tar") as tar:
            names = tar.getnames()
            assert "data/registry.db" in names and names[-1] == "backup.json", names
            manifest = json.load(tar.extractfile("backup.json"))
            assert {one["name"] for one in manifest["files"]} == set(names[:-1])
        assert subprocess.run(["tar", "-tf", top / "b.tar"], capture_output=True).returncode == 0
        assert (top / "b.tar").stat().st_mode & 0o777 == 0o600
        assert signalbox("backup", "verify", top / "b.tar").returncode == 0
        with restored(top / "b.tar") as again:
            assert values(again, "d1") == list(range(10))
        whole = (top / "b.tar").read_bytes()
        (top / "cut.tar").write_bytes(whole[:len(whole) * 2 // 3])
        answer = signalbox("backup", "verify", top / "cut.tar", check=False)
        assert answer.returncode == 1 and "cut" in answer.stdout, answer.stdout + answer.stderr
        again = signalbox("backup", "restore", top / "cut.tar", data=top / "x", check=False)
        assert again.returncode == 1 and not (top / "x").exists(), again.stderr
        answer = signalbox("backup", "create", top / "b.tar", data=p.data, check=False)
        assert answer.returncode == 1 and "nothing is overwritten" in answer.stderr, answer.stderr
    shutil.rmtree(top)


def test_the_next_one_copies_only_what_is_new():
    top = folder()
    other = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-backup-", dir="/dev/shm"))
    with Platform(*SETS) as p:
        send(p, "d1", 10)
        assert eventually(lambda: blocks(p) > 0)
        first = json.loads(signalbox("backup", "create", other / "b", "--json", data=p.data).stdout)
        assert first["bytes_copied"] > 0 and first["bytes_linked"] == 0, first
        before = {path.name: path.stat().st_ino for path in (other / "b" / "data" / "series").glob("*/*/*.blk")}
        have = blocks(p)
        send(p, "d1", 10, first=10)
        assert eventually(lambda: blocks(p) > have)
        second = json.loads(signalbox("backup", "create", other / "b", "--json", data=p.data).stdout)
        assert second["bytes_linked"] >= first["bytes_copied"] and second["bytes_copied"] > 0, (first, second)
        after = {path.name: path.stat().st_ino for path in (other / "b" / "data" / "series").glob("*/*/*.blk")}
        assert before.items() <= after.items(), (before, after)
        assert sorted(path.name for path in other.iterdir()) == ["b"]
        assert signalbox("backup", "verify", other / "b").returncode == 0
        with restored(other / "b") as again:
            assert values(again, "d1") == list(range(20))
    shutil.rmtree(top)
    shutil.rmtree(other)


def damage(path, at):
    mode = path.stat().st_mode
    data = bytearray(path.read_bytes())
    data[at] ^= 0x40
    path.unlink()  # it may be a link to what the platform has
    path.write_bytes(data)
    path.chmod(mode)


def damage_chunk(path):
    """A byte of a value, which no page of SQLite is unhappy about."""
    db = sqlite3.connect(path)
    key, data = db.execute("SELECT k, data FROM chunk ORDER BY length(data) DESC LIMIT 1").fetchone()
    db.execute("UPDATE chunk SET data=? WHERE k=?", [data[:-3] + bytes([data[-3] ^ 0x10]) + data[-2:], key])
    db.commit()
    db.close()


def test_verify_says_exactly_what_is_wrong():
    top = folder()
    with Platform(*SETS) as p:
        send(p, "d1", 10)
        assert eventually(lambda: blocks(p) > 0)
        signalbox("backup", "create", top / "b", data=p.data)

    def wrong(change):
        shutil.rmtree(top / "c", ignore_errors=True)
        shutil.copytree(top / "b", top / "c")
        change(top / "c")
        answer = signalbox("backup", "verify", top / "c", check=False)
        assert answer.returncode == 1, answer.stdout
        assert not (top / "c.scratch").exists()
        restore = signalbox("backup", "restore", top / "c", data=top / "x", check=False)
        assert restore.returncode == 1 and not (top / "x").exists() and not (top / "x.restoring").exists()
        return answer.stdout

    block = next((top / "b" / "data" / "series").glob("*/*/*.blk")).relative_to(top / "b")
    segment = next((top / "b" / "data" / "journal").glob("*.log")).relative_to(top / "b")
    out = wrong(lambda c: damage(c / block, -100))
    assert f"wrong: {block}: its bytes were changed" in out, out
    out = wrong(lambda c: os.truncate(c / segment, 4096))
    assert f"wrong: {segment}: has 4096 bytes instead of" in out, out
    out = wrong(lambda c: (c / "data" / "registry.db").unlink())
    assert "wrong: data/registry.db: is missing" in out, out
    out = wrong(lambda c: (c / "backup.json").write_text("{}"))
    assert "is not that of a backup" in out, out
    out = wrong(lambda c: (c / "backup.json").unlink())
    assert "was not finished" in out, out
    out = wrong(lambda c: (c / "backup.json").write_text((c / "backup.json").read_text().replace('"format": 1', '"format": 2')))
    assert "in format 2" in out, out

    # Damage that was there when it was made: the sums are right, the contents are not.
    shutil.copytree(top / "b", top / "d")
    damage_chunk(top / "d" / block)
    manifest = json.loads((top / "d" / "backup.json").read_text())
    for one in manifest["files"]:
        if one["name"] == str(block):
            one["sha256"] = subprocess.run(["sha256sum", top / "d" / block], capture_output=True, text=True).stdout.split()[0]
    manifest["documents"] += 1
    (top / "d" / "backup.json").write_text(json.dumps(manifest))
    answer = signalbox("backup", "verify", top / "d", check=False)
    assert answer.returncode == 1 and "documents instead of" in answer.stdout, answer.stdout
    assert "damaged" in answer.stdout or "blocks instead of" in answer.stdout, answer.stdout
    shutil.rmtree(top)


def test_restore_overwrites_nothing_and_looks_for_room():
    top = folder()
    with Platform(*SETS) as p:
        send(p, "d1", 3)
        signalbox("backup", "create", top / "b", data=p.data)
        answer = signalbox("backup", "restore", top / "b", data=p.data, check=False)
        assert answer.returncode == 5 and "nothing is overwritten" in answer.stderr, answer.stderr
        answer = signalbox("backup", "create", p.data, data=p.data, check=False)
        assert answer.returncode == 1 and "nothing is overwritten" in answer.stderr, answer.stderr
        (top / "empty").mkdir(mode=0o750)
        signalbox("backup", "restore", top / "b", data=top / "empty")
        assert (top / "empty" / "registry.db").exists() and (top / "empty").stat().st_mode & 0o777 == 0o750
        answer = signalbox("backup", "create", "/proc/x", data=p.data, check=False)
        assert answer.returncode == 1 and "/proc/x" in answer.stderr, answer.stderr
        try:
            p.calls(("backup.create", {"to": "/tmp/anywhere"}), role="operator")
            raise AssertionError("an operator made a backup")
        except ApiError as error:
            assert error.name == "forbidden"
    shutil.rmtree(top)


def test_a_fleet_sends_while_backups_are_made_and_killed():
    """The oracle's values up to a backup are in it, whenever the platform or the backup is killed."""
    port = free_port()
    top = folder()
    oracle = top / "oracle"
    chance = random.Random(11)
    with Platform(f"mqtt.listen=127.0.0.1:{port}", *SETS) as p:
        fleet = subprocess.Popen([FLEET, "run", "--devices", "200", "--broker", f"127.0.0.1:{port}", "--rate", "1000",
                                  "--duration", "6", "--oracle", oracle, "--quiet"], stdout=subprocess.PIPE, text=True)
        for number in range(KILLS):
            time.sleep(0.5)
            making = subprocess.Popen([str(SIGNALBOX), "backup", "create", str(top / "b"), "--data", str(p.data)],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.3 * chance.random())
            p.kill()
            making.wait()
            p.start()
            if (top / "b").exists():
                assert signalbox("backup", "verify", top / "b").returncode == 0
        signalbox("backup", "create", top / "b", data=p.data)
        known = oracle.read_text()  # what was acknowledged by now, but for what the fleet still holds back
        signalbox("backup", "create", top / "b", data=p.data)
        assert signalbox("backup", "verify", top / "b").returncode == 0
        fleet.communicate(timeout=60)
        assert fleet.returncode == 0
        signalbox("backup", "create", top / "end", data=p.data)
        assert verify(p, oracle) == 0
    with restored(top / "end") as again:
        assert verify(again, oracle) == 0
    lines = known[:known.rfind("\n") + 1]
    (top / "known").write_text(lines)
    with restored(top / "b") as again:
        out = subprocess.run([FLEET, "verify", "--oracle", top / "known", "--url", again.url(), "--token",
                              again.bearer()], capture_output=True, text=True, timeout=120)
        print("\n".join("# " + line for line in out.stdout.splitlines()[-8:]))
        assert "lost" in out.stdout, out.stdout + out.stderr
        assert " 0 lost" in out.stdout or "lost 0" in out.stdout or "lost: 0" in out.stdout, out.stdout
    shutil.rmtree(top)


def test_a_restore_that_is_killed_leaves_nothing_that_looks_whole():
    top = folder()
    with Platform(*SETS) as p:
        send(p, "d1", 10)
        signalbox("backup", "create", top / "b", data=p.data)
    chance = random.Random(5)
    for _ in range(KILLS * 2):
        making = subprocess.Popen([str(SIGNALBOX), "backup", "restore", str(top / "b"), "--data", str(top / "x")],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.05 * chance.random())
        making.send_signal(signal.SIGKILL)
        making.wait()
        if (top / "x").exists():
            break
    if not (top / "x").exists():
        signalbox("backup", "restore", top / "b", data=top / "x")
    assert not (top / "x.restoring").exists() or list((top / "x.restoring").iterdir()) == []
    with Platform(*SETS, data=top / "x") as again:
        assert values(again, "d1") == list(range(10))
    shutil.rmtree(top)


def test_a_full_disk_leaves_nothing_that_looks_whole():
    top = folder()
    with Platform(*SETS, f"backup.directory={top / 'mine'}", "backup.every=100d") as p:
        send(p, "d1", 10)
        for number in range(200):
            p.call("device.create", id=f"device-{number:03d}", name="n" * 120)
        signalbox("backup", "create", top / "b", data=p.data)
        with small_disk(9) as small:
            filler = small / "filler"
            filler.write_bytes(b"f" * (9 * 2**20 - 150000))
            answer = signalbox("backup", "create", small / "c", data=p.data, check=False)
            assert answer.returncode == 1 and "MiB free" in answer.stderr, answer.stderr
            assert not (small / "c").exists() and not (small / "c.partial").exists()
            answer = signalbox("backup", "create", small / "c.tar", data=p.data, check=False)
            assert answer.returncode == 1 and "full" in answer.stderr, answer.stderr
            assert not list(small.glob("c*")) and not (p.data / "backup.partial").exists()
            answer = signalbox("backup", "restore", top / "b", data=small / "x", check=False)
            assert answer.returncode == 1 and "are needed: free space" in answer.stderr, answer.stderr
            assert not list(small.glob("x*"))
        assert p.call("system.info")["health"] == "ok"
        send(p, "d1", 1, first=10)
        assert values(p, "d1") == list(range(11))
    shutil.rmtree(top)


def plan(p):
    return p.call("backup.status")["plan"]


def test_the_platform_makes_and_proves_backups_by_itself():
    top = folder()
    with Platform(*SETS, f"backup.directory={top / 'mine'}", "backup.every=2s", "backup.keep=2") as p:
        send(p, "d1", 3)
        assert eventually(lambda: plan(p)["made"] >= 3, 30), plan(p)
        names = sorted(path.name for path in (top / "mine").iterdir() if "." not in path.name)
        assert 2 <= len(names) <= 3, names
        assert plan(p)["state"] == "ok" and plan(p)["newest"] in names + sorted(os.listdir(top / "mine"))
        info = p.call("system.info")
        assert info["health"] == "ok" and info["backup"]["state"] == "ok", info
        assert signalbox("backup", "verify", top / "mine" / names[0], check=False).returncode in (0, 1)  # may be pruned
        p.stop()

        # What cannot be made is told, and that it is well again too.
        shutil.rmtree(top / "mine")
        (top / "mine").write_text("in the way")
        p.start()
        assert eventually(lambda: p.call("system.info")["health"] == "degraded", 20), p.call("system.info")
        assert "backup" in p.call("system.info")["health_reason"], p.call("system.info")
        assert "signalbox_backup_ok 0" in metrics(p)
        assert "level=error" in p.log() and "backup.directory" in p.log()
        (top / "mine").unlink()
        assert eventually(lambda: p.call("system.info")["health"] == "ok", 20), plan(p)
        assert "signalbox_backup_ok 1" in metrics(p)
    shutil.rmtree(top)


def metrics(p):
    with urllib.request.urlopen("http://%s:%d/metrics" % p.http, timeout=10) as answer:
        return answer.read().decode()


if __name__ == "__main__":
    run(globals())
