"""Another configuration while the platform runs: all of it or nothing, and nobody who is connected loses anything."""
import json
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

from harness import FLEET, SIGNALBOX, SIGNALBOXD, SOURCE, Platform, eventually, mosquitto_pub, run

PROFILE = SOURCE / "plugins" / "adapter-modbus" / "profiles" / "eastron-sdm630.json"
CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04wait"
PING = b"\xc0\x00"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Site(Platform):
    """A platform whose configuration is a file: {section: lines}."""

    def __init__(self, **sections):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-conf-"))
        super().__init__(config=self.folder / "signalbox.conf")
        self.sections = {"log": "level = info", "http": "listen = 127.0.0.1:0",
                         "mqtt": "listen = 127.0.0.1:0\nanonymous = yes", "provisioning": "auto = active", **sections}
        self.tokens = {}
        self.write()

    def bearer(self, role="admin"):
        if role not in self.tokens:
            self.tokens[role] = super().bearer(role)
        return self.tokens[role]

    def command(self):
        return [str(SIGNALBOXD), "--data", str(self.data), "--config", str(self.config)]

    def write(self, **sections):
        self.sections.update(sections)
        self.config.write_text("".join(f"[{name}]\n{lines}\n" for name, lines in self.sections.items()
                                       if lines is not None))

    def reload(self, **sections):
        """{key: effect} of what changed."""
        self.write(**sections)
        answer = self.call("system.reload")
        assert answer["applied"], answer
        return {c["key"]: c["effect"] for c in answer["changes"]}

    def refused(self):
        answer = self.call("system.reload")
        assert not answer["applied"] and not answer["changes"], answer
        return "\n".join(answer["errors"])

    def metric(self, name):
        return next(m["value"] for m in self.call("system.metrics")["metrics"] if m["name"] == name)

    def state(self, instance):
        return next((i["state"] for i in self.call("plugin.list")["instances"] if i["name"] == instance), None)

    def __exit__(self, *error):
        super().__exit__(*error)
        shutil.rmtree(self.folder, ignore_errors=True)


def dial(address, context=None):
    """An MQTT connection that was let in."""
    s = socket.create_connection(address, timeout=20)
    if context:
        s = context.wrap_socket(s)
    s.sendall(CONNECT)
    assert receive(s, 4) == b"\x20\x02\x00\x00"
    return s


def receive(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            break
        data += more
    return data


def lives(s):
    s.sendall(PING)
    return receive(s, 2) == b"\xd0\x00"


def test_a_fleet_loses_nothing_while_the_configuration_changes():
    port = free_port()
    other = free_port()
    oracle = pathlib.Path(tempfile.mkstemp(prefix="signalbox-oracle-")[1])
    plain = f"listen = 127.0.0.1:{port}\nanonymous = yes"
    try:
        with Site(mqtt=plain) as p:
            fleet = subprocess.Popen([FLEET, "run", "--devices", "200", "--broker", f"127.0.0.1:{port}", "--rate", "400",
                                      "--duration", "4", "--oracle", oracle, "--quiet"], stdout=subprocess.PIPE, text=True)
            assert eventually(lambda: p.call("system.info")["ingest"]["messages"] > 100)
            for turn in range(3):
                assert p.reload(mqtt=f"{plain}\nmax-queued-messages = {100 + turn}") != {}
                assert p.reload(mqtt=f"{plain}\nlisten = 127.0.0.1:{other}", ingest=f"burst = {2000 + turn}") == {
                    "mqtt.listen": "instance", "mqtt.max-queued-messages": "instance", "ingest.burst": "live"}
                assert mosquitto_pub_to(other)
                time.sleep(0.7)  # the fleet comes back and sends on
            out, _ = fleet.communicate(timeout=120)
            assert fleet.returncode == 0, out
            answer = subprocess.run([FLEET, "verify", "--oracle", oracle, "--url", p.url(), "--token", p.bearer()],
                                    capture_output=True, text=True, timeout=120)
            assert answer.returncode == 0, answer.stdout + answer.stderr
            assert p.metric("config_reloads") == 6 and p.metric("config_reload_failures") == 0
    finally:
        oracle.unlink()


def mosquitto_pub_to(port):
    return subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(port), "-q", "1", "-t",
                           "devices/extra/telemetry", "-m", '{"x":1}'], timeout=20).returncode == 0


def test_limits_change_under_open_connections():
    with Site() as p:
        s = dial(p.mqtt)
        assert p.reload(mqtt="listen = 127.0.0.1:0\nanonymous = yes\nmax-sessions = 1") == {"mqtt.max-sessions": "live"}
        assert mosquitto_pub(p, "devices/a/telemetry", '{"x":1}', "-q", "1").returncode != 0
        assert lives(s)
        assert p.reload(mqtt="listen = 127.0.0.1:0\nanonymous = yes") == {"mqtt.max-sessions": "live"}
        assert mosquitto_pub(p, "devices/a/telemetry", '{"x":1}', "-q", "1").returncode == 0
        assert p.reload(provisioning="auto = off\nmax-devices = 7", http="listen = 127.0.0.1:0\nmax-clients = 20") == {
            "provisioning.auto": "live", "provisioning.max-devices": "live", "http.max-clients": "live"}
        assert eventually(lambda: p.call("system.info")["provisioning"] == "off")
        mosquitto_pub(p, "devices/stranger/telemetry", '{"x":1}', "-q", "1")
        assert p.call("system.info")["devices"] == 1
        s.close()


def test_anonymous_clients_are_gone_once_they_are_not_let_in():
    with Site() as p:
        s = dial(p.mqtt)
        assert p.reload(mqtt="listen = 127.0.0.1:0\nanonymous = no") == {"mqtt.anonymous": "live"}
        assert receive(s, 1) == b""
        assert mosquitto_pub(p, "devices/a/telemetry", '{"x":1}', "-q", "1").returncode != 0
        assert p.metric("plugin_up") == 1


def certificate(folder, name):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"], check=True, capture_output=True)
    return ssl.PEM_cert_to_DER_cert((folder / f"{name}.pem").read_text())


def shown(address):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(address, timeout=20) as s, context.wrap_socket(s) as t:
        return t.getpeercert(binary_form=True)


def test_a_renewed_certificate_is_shown_to_new_clients_and_old_ones_stay():
    site = Site()
    first = certificate(site.folder, "first")
    second = certificate(site.folder, "second")
    for ending in ("pem", "key"):
        shutil.copy(site.folder / f"first.{ending}", site.folder / f"live.{ending}")
    site.write(tls=f"certificate = {site.folder}/live.pem\nkey = {site.folder}/live.key",
               mqtt="listen_tls = 127.0.0.1:0\nanonymous = yes\nlisten = 127.0.0.1:0")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with site as p:
        mqtts = p.address("mqtts")
        old = dial(mqtts, context)
        assert shown(mqtts) == first and shown(p.http) == first
        # A certificate whose key has not come yet is refused as a whole.
        shutil.copy(p.folder / "second.pem", p.folder / "live.pem")
        p.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: "private key" in p.log() and "not reloaded" in p.log())
        assert shown(mqtts) == first and shown(p.http) == first
        shutil.copy(p.folder / "second.key", p.folder / "live.key")
        p.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: shown(mqtts) == second and shown(p.http) == second)
        assert lives(old)
        old.close()


def test_a_file_that_is_wrong_keeps_the_one_before():
    with Site() as p:
        s = dial(p.mqtt)
        good = p.config.read_text()
        wrong = {
            "[log]\nlevel = loud\n": (":2: [log] level = loud", "trace|debug|info"),
            good + "nonsense\n": (f":{good.count(chr(10)) + 1}:",),
            good + "[mqtt]\nmax-inflight = many\n": ("max-inflight = many", "whole number"),
            good + "[mqtt]\ncolour = red\n": ("colour",),
            good + "[nobody]\nx = 1\n": ("[nobody]",),
            good + "[modbus hall]\nconnect = tcp:127.0.0.1:1\ndevice = m unit=1 profile=nowhere\n": ("nowhere", "modbus hall"),
            good + "[tls]\ncertificate = /nowhere.pem\nkey = /nowhere.key\n": ("/nowhere.pem",),
            good.replace("127.0.0.1:0\nanonymous", "0.0.0.0:0\nanonymous"): ("open to other machines",),
            good.replace("[http]\nlisten = 127.0.0.1:0", "[http]\nlisten = 0.0.0.0:8080"): ("open to other machines",),
            "": ("says nothing",),
            "# all commented out\n": ("says nothing",),
        }
        for number, (text, words) in enumerate(wrong.items(), 1):
            p.config.write_text(text)
            errors = p.refused()
            assert all(word in errors for word in words), (words, errors)
            assert p.metric("config_reload_failures") == number
            assert p.call("system.info")["health"] == "degraded"
            assert lives(s), text
            assert p.state("mqtt") == "running" and p.state("modbus hall") is None
        p.config.unlink()
        assert "No such file" in p.refused()
        p.config.mkdir()
        assert p.refused()
        p.config.rmdir()
        assert lives(s)
        # Only a start can tell that an address is not ours: then the old listener comes back.
        p.config.write_text(good.replace("[mqtt]\nlisten = 127.0.0.1:0", "[mqtt]\nlisten = 192.0.2.1:1\ninsecure = yes"))
        errors = p.refused()
        assert "cannot listen on 192.0.2.1:1" in errors and f"{p.config}:6: [mqtt]" in errors, errors
        assert p.state("mqtt") == "running"
        assert lives(dial(listener(p)))
        p.config.write_text(good)
        assert p.reload() == {}
        assert p.call("system.info")["health"] == "ok"


def listener(p):
    instance = next(i for i in p.call("plugin.list")["instances"] if i["name"] == "mqtt")
    host, _, port = instance["listeners"][0]["address"].rpartition(":")
    return host, int(port)


def test_sections_come_and_go():
    with Site() as p:
        s = dial(p.mqtt)
        modbus = f"connect = tcp:127.0.0.1:{free_port()}\ndevice = m unit=1 profile={PROFILE} interval=10s"
        p.write(**{"modbus hall": modbus})
        dry = p.call("system.reload", dry_run=True)
        assert not dry["applied"] and [c["effect"] for c in dry["changes"]] == ["added"]
        assert p.state("modbus hall") is None
        assert p.reload() == {"modbus hall": "added"}
        assert p.state("modbus hall") == "running"
        assert p.reload(**{"modbus hall": modbus.replace("10s", "5s")}) == {"modbus hall.device": "instance"}
        assert p.state("modbus hall") == "running"
        assert p.reload() == {}
        assert p.reload(**{"modbus hall": None}) == {"modbus hall": "removed"}
        assert p.state("modbus hall") is None
        assert p.reload(**{"modbus hall": modbus}) == {"modbus hall": "added"}
        assert lives(s)


def test_every_key_says_when_it_holds():
    with Site() as p:
        changes = p.reload(log="level = debug", journal="linger = 500us", io="threads = 2")
        assert changes == {
            "log.level": "live", "journal.linger": "restart", "io.threads": "restart"}, changes
        p.reload(mqtt="listen = 127.0.0.1:0\nlisten = 127.0.0.1:0\nanonymous = yes")
        assert "level=debug" in p.log()
        assert "mqtt runs on io/0" in p.log()  # of two that are wanted only one is there
        assert p.call("system.info")["config"]["waiting"] == "io.threads, journal.linger"
        assert "journal.linger = 500us waits for the next start" in p.log()
        lines = {(line["section"], line["key"]): line for line in p.call("system.config")["lines"]}
        assert lines["log", "level"]["value"] == "debug" and lines["log", "level"]["origin"].endswith("signalbox.conf:2")
        linger = lines["journal", "linger"]
        assert linger["value"] == "0" and linger["next_start"] == "500us" and linger["origin"] == "default"
        assert lines["mqtt", "anonymous"]["value"] == "yes"
        assert p.reload(journal=None, io=None) == {}
        assert "waiting" not in p.call("system.info")["config"]


def signalbox(p, *words):
    return subprocess.run([SIGNALBOX, *words, "--data", p.data], capture_output=True, text=True, timeout=30)


def test_the_command_line_reloads_and_shows():
    with Site() as p:
        assert "nothing changed" in signalbox(p, "reload").stdout
        p.write(log="level = warn")
        assert "in force" in signalbox(p, "reload", "--dry-run").stdout
        assert "\nlevel = info " in signalbox(p, "config", "show").stdout.replace("[log]", "")
        answer = json.loads(signalbox(p, "reload", "--json").stdout)
        assert answer["applied"] and answer["changes"][0]["key"] == "log.level"
        shown = signalbox(p, "config", "show").stdout
        assert "level = warn" in shown and f"# {p.config}:2" in shown
        p.write(log="level = shout")
        bad = signalbox(p, "reload")
        assert bad.returncode == 1 and f"{p.config}:2" in bad.stderr and "stays in force" in bad.stderr


if __name__ == "__main__":
    run(globals())
