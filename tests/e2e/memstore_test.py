"""A platform whose store is the one of the tests, in memory: the interfaces are enough for everything it does."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import BUILD, SIGNALBOX, Platform, eventually, mosquitto_pub, run


def send(p, device, first, n):
    for number in range(first, first + n):
        body = '{"ts":%d,"values":{"a":%d,"text":"t%d"}}' % (1790000000000 + 1000 * number, number, number)
        assert mosquitto_pub(p, f"devices/{device}/telemetry", body, "-q", "1", "-i", device).returncode == 0


def test_a_platform_works_with_a_store_that_knows_nothing_of_sqlite():
    plugins = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-plugins-"))
    for path in ["plugins/adapter-mqtt.so", "plugins/codec-json.so", "tests/plugin/memstore/store-memory.so"]:
        shutil.copy(BUILD / path, plugins)
    with Platform(f"plugins.dir={plugins}", "series.flush-every=1s", "series.head-max=1M") as p:
        send(p, "d1", 0, 10)
        blocks = lambda: p.call("system.info")["series"]["flushes"]
        assert eventually(lambda: blocks() > 0)
        send(p, "d1", 10, 5)
        have = p.points("d1")
        assert [value for _, value, *_ in have["a"]] == list(range(15)), have
        assert [value for _, value, *_ in have["text"]] == [f"t{n}" for n in range(15)], have
        p.call("device.update", id="d1", name="kept elsewhere")
        assert p.call("device.get", id="d1")["device"]["device"]["name"] == "kept elsewhere"
        assert not (p.data / "registry.db").exists() and not list(p.data.glob("series/*/*"))
        answer = subprocess.run([SIGNALBOX, "backup", "create", plugins / "b", "--data", p.data], capture_output=True,
                                text=True, timeout=30)
        assert answer.returncode == 1 and "makes no copies" in answer.stderr, answer.stderr
        assert not (plugins / "b").exists() and not (plugins / "b.partial").exists()
        assert "level=error" not in p.log().replace("module=backup", "").split("backup")[0], p.log()[-3000:]
    shutil.rmtree(plugins)


if __name__ == "__main__":
    run(globals())
