"""The main way on real programs: mosquitto_pub to the API's answer, and what must not happen on it."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from harness import SIGNALBOXD, ApiError, Platform, eventually, mosquitto_pub, run


def test_what_mosquitto_pub_sends_is_answered_exactly():
    with Platform() as p:
        payload = '{"a": 0.1, "b": -0.0, "big": 9007199254740993, "max": 18446744073709551615, "t": "é\\u0000x", "on": true}'
        assert mosquitto_pub(p, "devices/d1/telemetry", payload, "-q", "1").returncode == 0
        points = p.points("d1")
        assert points["a"][0][1] == 0.1
        assert str(points["b"][0][1]) == "-0.0", points["b"]
        assert points["big"][0][1] == 9007199254740993
        assert points["max"][0][1] == 18446744073709551615
        assert points["on"][0][1] is True
        assert points["t"][0][1] == "é\0x"


def test_acknowledged_messages_survive_kill_9_and_the_database_is_not_needed_for_it():
    with Platform() as p:
        for n in range(20):
            body = json.dumps({"ts": 1790000000000 + n, "values": {"n": n}})
            assert mosquitto_pub(p, "devices/d1/telemetry", body, "-q", str(1 + n % 2)).returncode == 0
        p.kill()
        p.start()
        assert p.ready_seconds <= 2, p.ready_seconds
        assert [point[:2] for point in p.points("d1", "n")["n"]] == [[1790000000000 + n, n] for n in range(20)]


def test_a_clean_stop_and_start_keeps_devices_values_and_counters():
    with Platform("provisioning.auto=pending") as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"temp": 21.5}', "-q", "1")
        p.call("device.approve", ids=["d1"])
        assert p.stop() == 0
        p.start()
        detail = p.call("device.get", id="d1")["device"]
        assert detail["device"]["state"] == "active"
        assert detail["device"]["fates"]["accepted"]["count"] == 1
        assert detail["series"][0]["latest"]["value"] == 21.5


def test_a_second_process_on_the_data_directory_ends_with_a_clear_message():
    with Platform() as p:
        second = subprocess.run(p.command(), capture_output=True, text=True, timeout=20)
        assert second.returncode != 0
        assert str(p.data) in second.stderr and str(p.process.pid) in second.stderr, second.stderr


def test_the_data_directory_is_for_its_owner_only():
    with Platform(data=tempfile.mkdtemp() + "/new") as p:
        assert p.data.stat().st_mode & 0o777 == 0o700
        for path in (p.data / "keys").iterdir():
            assert path.stat().st_mode & 0o077 == 0, path
    shutil.rmtree(p.data.parent)


def test_an_open_address_without_tls_is_refused():
    line = [str(SIGNALBOXD), "--data", tempfile.mkdtemp(), "--set", "http.listen=0.0.0.0:0"]
    answer = subprocess.run(line, capture_output=True, text=True, timeout=20)
    assert answer.returncode == 2
    assert "tls.certificate" in answer.stderr, answer.stderr


def test_a_wrong_configuration_names_file_line_and_remedy():
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as conf:
        conf.write("[http]\nlisten = 127.0.0.1:0\nmax-clients = many\n[mqtt]\nlissten = 1883\n")
        conf.flush()
        answer = subprocess.run([SIGNALBOXD, "--check", "--config", conf.name], capture_output=True, text=True,
                                timeout=20)
        assert answer.returncode == 2
        assert f"{conf.name}:3" in answer.stderr and "max-clients" in answer.stderr, answer.stderr
        answer = subprocess.run([SIGNALBOXD, "--check", "--config", conf.name, "--set", "http.max-clients=10"],
                                capture_output=True, text=True, timeout=20)
        assert answer.returncode == 2
        assert f"{conf.name}:5" in answer.stderr and "listen-tls" in answer.stderr, answer.stderr
        line = [str(SIGNALBOXD), "--data", tempfile.mkdtemp(), "--config", conf.name, "--set", "http.max-clients=10"]
        answer = subprocess.run(line, capture_output=True, text=True, timeout=20)
        assert answer.returncode != 0 and "lissten" in answer.stderr, answer.stderr


def test_bad_payloads_are_kept_aside_with_their_reason_and_the_rest_goes_on():
    bad = ['{"a": ', '{"a": NaN}', '{"a": 18446744073709551616}', "[1]", '{"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}',
           '{"a": 1, "a": 2}', '{"a": 1e999}', '{"fresh": 1, "other": 2, "a": 1e999}', "\x01\x02", '{"a": 1} x', '{"' + "n" * 300 + '": 1}']
    with Platform() as p:
        for payload in bad:
            mosquitto_pub(p, "devices/d1/telemetry", payload, "-q", "1")
            assert mosquitto_pub(p, "devices/d1/telemetry", '{"good": 1}', "-q", "1").returncode == 0
        detail = p.call("device.get", id="d1")["device"]
        fates = detail["device"]["fates"]
        assert fates["quarantined"]["count"] + fates["refused"]["count"] == len(bad), fates
        assert fates["quarantined"]["reason"]
        assert detail["quarantine"] and all(q["why"] for q in detail["quarantine"])
        assert [s["name"] for s in detail["series"]] == ["good"], "a refused payload leaves no series behind"
        assert len(p.points("d1", "good")["good"]) == len(bad)


def test_wrong_clocks_are_corrected_and_flagged():
    with Platform() as p:
        mosquitto_pub(p, "devices/d1/telemetry", '[{"ts": 1000, "values": {"a": 1}}, {"ts": 1060, "values": {"a": 2}}]', "-q", "1")
        points = p.points("d1", "a")["a"]
        assert [point[1] for point in points] == [1, 2]
        assert abs(points[1][0] - points[0][0] - 60000) < 1, points
        assert points[0][0] > 1.7e12
        assert points[0][3] & 2, "host-stamped"


def test_ten_thousand_metrics_on_one_device_end_at_its_quota():
    with Platform("ingest.max-series-per-device=500") as p:
        for part in range(20):
            body = json.dumps({f"m{part * 500 + n}": n for n in range(500)})
            assert mosquitto_pub(p, "devices/greedy/telemetry", body, "-q", "1").returncode == 0
        assert mosquitto_pub(p, "devices/modest/telemetry", '{"a": 1}', "-q", "1").returncode == 0
        device = p.call("device.get", id="greedy")["device"]["device"]
        assert device["series"] == 500
        assert "500" in device["fates"]["refused"]["reason"], device["fates"]
        assert p.points("modest", "a")["a"]


def test_names_that_could_forge_are_refused():
    with Platform() as p:
        log_before = p.log().count("\n")
        for device in ("a b\nfake=1", "x" * 200, " lead", "a\x1b[31mred"):
            mosquitto_pub(p, f"devices/{device}/telemetry", '{"a": 1}', "-q", "1")
        mosquitto_pub(p, "devices/d1/telemetry", json.dumps({"m\nlevel=error forged": 1}), "-q", "1")
        ids = [d["id"] for d in p.call("device.list")["devices"]]
        assert set(ids) <= {"d1", "signalbox"}, ids
        assert not [line for line in p.log().splitlines()[log_before:] if line.startswith("fake=1")]
        assert "\x1b" not in p.log()


def test_unknown_devices_are_refused_while_provisioning_is_off():
    with Platform("provisioning.auto=off") as p:
        mosquitto_pub(p, "devices/stranger/telemetry", '{"a": 1}', "-q", "1")
        try:
            p.call("device.get", id="stranger")
            raise AssertionError("the stranger is known")
        except ApiError as error:
            assert error.name == "not_found", error.error
        p.call("device.create", id="expected-1")
        assert mosquitto_pub(p, "devices/expected-1/telemetry", '{"a": 1}', "-q", "1").returncode == 0
        assert p.points("expected-1", "a")["a"]


def test_suspended_devices_may_not_send():
    with Platform() as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"a": 1}', "-q", "1")
        p.call("device.update", id="d1", state="suspended")
        mosquitto_pub(p, "devices/d1/telemetry", '{"a": 2}', "-q", "1")
        assert [point[1] for point in p.points("d1", "a")["a"]] == [1]
        assert p.call("device.get", id="d1")["device"]["device"]["fates"]["refused"]["count"] >= 1


def test_health_and_metrics_answer():
    with Platform() as p:
        host, port = p.http

        def get(path):
            return subprocess.run(["curl", "-s", "-i", f"http://{host}:{port}{path}"], capture_output=True,
                                  text=True).stdout

        assert " 200 " in get("/healthz").splitlines()[0]
        assert " 200 " in get("/readyz").splitlines()[0]
        mosquitto_pub(p, "devices/d1/telemetry", '{"a": 1}', "-q", "1")
        metrics = get("/metrics")
        assert "# EOF" in metrics and "signalbox_" in metrics, metrics[:500]


def test_a_full_disk_acknowledges_nothing_it_cannot_keep():
    if os.geteuid() != 0:
        print("# needs root for a small file system of its own")
    mount = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-small-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", mount], check=True)
    try:
        with Platform("journal.segment-size=4M", data=str(mount / "data")) as p:
            blob = json.dumps({"text": "x" * 60000})
            sent = 0
            for n in range(900):
                body = json.dumps({"ts": 1790000000000 + n, "values": {"n": n, "text": "x" * 60000}})
                try:
                    if mosquitto_pub(p, "devices/d1/telemetry", body, "-q", "1", timeout=3).returncode != 0:
                        break
                except subprocess.TimeoutExpired:
                    break
                sent += 1
            assert 50 < sent < 900, sent
            assert len(blob)
            info = p.call("system.info")
            assert info["health"] == "degraded", info
            assert len(p.points("d1", "n")["n"]) >= sent
    finally:
        subprocess.run(["umount", "-l", mount], check=False)
        mount.rmdir()


if __name__ == "__main__":
    run(globals())
