"""What a small site has on its broker, unchanged, as clients of ours: Node-RED, zigbee2mqtt (with a stand-in for its
radio) and the sample programs of the paho C client. The first two come from npm by tests/e2e/peers/package-lock.json;
zigbee2mqtt brings its newer node."""
import json
import os
import pathlib
import platform as machine
import shutil
import signal
import socket
import subprocess
import tempfile
import threading

import paho.mqtt.client as paho

from harness import Platform, eventually, npm_install, run

PEERS = pathlib.Path(__file__).parent / "peers"
MODULES = PEERS / "node_modules"
SENSOR, LAMP = "0x00158d0000001001", "0x00158d0000001002"


def newer_node():
    """zigbee2mqtt wants node 22; Debian has 18."""
    kind = {"x86_64": "x64", "aarch64": "arm64"}[machine.machine()]
    return MODULES / f"node-linux-{kind}" / "bin" / "node"


class Program:
    """A foreign program with a folder of its own, ended by its pid."""

    def __init__(self, *command, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.lines, self.log = [], threading.Condition()
        self.process = subprocess.Popen(list(map(str, command)), stdin=stdin, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, cwd=cwd,
                                        env={**os.environ, **(env or {})})
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.log:
                self.lines.append(line.rstrip())
                self.log.notify_all()

    def says(self, text, seconds=60):
        with self.log:
            found = self.log.wait_for(lambda: any(text in line for line in self.lines), seconds)
        assert found, f"never said {text!r}:\n" + "\n".join(self.lines[-30:])

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Watcher:
    """Everything published under some filters: seen[topic] = [payload, ...]; keeps who was retained."""

    def __init__(self, platform, *filters):
        self.seen, self.retained, ready = {}, set(), []
        self.client = paho.Client("watcher", protocol=paho.MQTTv5)
        self.client.on_message = self.on_message
        self.client.on_subscribe = lambda *_: ready.append(1)
        self.client.connect(*platform.mqtt)
        self.client.loop_start()
        assert eventually(self.client.is_connected)
        self.client.subscribe([(one, paho.SubscribeOptions(qos=1)) for one in filters])
        assert eventually(lambda: ready)

    def on_message(self, _client, _data, message):
        self.seen.setdefault(message.topic, []).append(message.payload.decode())
        if message.retain:
            self.retained.add(message.topic)

    def publish(self, topic, payload):
        self.client.publish(topic, payload, qos=1).wait_for_publish(10)

    def wait(self, topic, test=lambda payload: True, seconds=30):
        assert eventually(lambda: any(test(one) for one in list(self.seen.get(topic, []))), seconds), \
            f"{topic}: {self.seen.get(topic)}; there are {sorted(self.seen)[:40]}"

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()


class Folder:
    """A folder for the time of a test."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-peer-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


# ---- the samples of paho C

def sample(name, p, *options):
    # A prefix of its own makes every line whole: stdout of these programs is a pipe.
    return ["stdbuf", "-oL", name, "-h", "127.0.0.1", "-p", str(p.mqtt[1]), *options]


def test_the_sample_programs_of_the_paho_c_client_work():
    with Platform() as p:
        for kind, version, qos in (("paho_c", "311", "2"), ("paho_c", "5", "1"), ("paho_cs", "311", "1"),
                                   ("paho_cs", "5", "2"), ("paho_cs", "5", "0")):
            topic = f"sample/{kind}/{version}/{qos}"
            options = ("-t", topic, "-q", qos, "-V", version, "-i")
            publish = sample(kind + "_pub", p, *options, "publisher")
            # A retained message says when the subscriber listens.
            subprocess.run([*publish, "-r", "-m", "here"], check=True, timeout=20, capture_output=True)
            subscriber = Program(*sample(kind + "_sub", p, *options, "subscriber"))
            talker = Program(*publish, stdin=subprocess.PIPE)
            try:
                subscriber.says("here", 20)
                lines = [f"message {n} of {topic}" for n in range(100)]
                talker.process.stdin.write("\n".join(lines) + "\n")
                talker.process.stdin.flush()
                subscriber.says(lines[-1], 20)
                assert subscriber.lines == ["here", *lines], subscriber.lines
            finally:
                # Waiting for a line it hears nothing else.
                talker.end(signal.SIGKILL)
                subscriber.end(signal.SIGINT)


# ---- Node-RED

def broker(version, port):
    words = {"birthTopic": "red/state", "birthPayload": f"up {version}", "birthQos": "1", "birthRetain": "true",
             "willTopic": "red/state", "willPayload": f"gone {version}", "willQos": "1", "willRetain": "true"}
    return {"id": f"broker{version}", "type": "mqtt-broker", "broker": "127.0.0.1", "port": str(port),
            "clientid": f"node-red-{version}", "autoConnect": True, "usetls": False, "protocolVersion": str(version),
            "keepalive": "20", "cleansession": True, **words}


def flow(version, port):
    """question/V in, an answer and a measurement out, through brokers of this protocol version."""
    code = ("return [{topic: 'answer/%d', payload: 'heard ' + msg.payload}, "
            "{topic: 'devices/node-red-%d/telemetry', payload: {n: Number(msg.payload)}}];" % (version, version))
    name = f"broker{version}"
    return [broker(version, port),
            {"id": f"in{version}", "type": "mqtt in", "z": "tab", "topic": f"question/{version}", "qos": "2",
             "datatype": "utf8", "broker": name, "nl": False, "rap": True, "rh": 0, "inputs": 0,
             "wires": [[f"code{version}"]]},
            {"id": f"code{version}", "type": "function", "z": "tab", "func": code, "outputs": 2,
             "wires": [[f"out{version}"], [f"out{version}"]]},
            {"id": f"out{version}", "type": "mqtt out", "z": "tab", "topic": "", "qos": "2", "retain": "false",
             "broker": name, "wires": []}]


def measured(platform, version):
    points = platform.points(f"node-red-{version}", "n")["n"]
    return [point[1] for point in points if point[1]]


def test_node_red_hears_and_answers_over_3_1_1_and_5_0():
    npm_install(PEERS)
    with Platform() as p, Folder() as folder:
        flows = [{"id": "tab", "type": "tab", "label": "test"}, *flow(4, p.mqtt[1]), *flow(5, p.mqtt[1])]
        (folder / "flows.json").write_text(json.dumps(flows))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        red = Program("node", MODULES / "node-red" / "red.js", "-u", folder, "-p", port, "-s",
                      PEERS / "node_red_settings.cjs")
        watcher = Watcher(p, "answer/#", "red/#")
        try:
            red.says("Started flows")
            for version in (4, 5):
                watcher.wait("red/state", lambda payload, v=version: payload == f"up {v}")
                # Its broker node subscribes after it connected: ask until it hears.
                ask = f"question/{version}"
                assert eventually(lambda: watcher.publish(ask, "0") or watcher.seen.get(f"answer/{version}"), 20)
                for n in range(1, 51):
                    watcher.publish(ask, str(n))
                watcher.wait(f"answer/{version}", lambda payload: payload == "heard 50")
                got = [int(one.split()[1]) for one in watcher.seen[f"answer/{version}"]]
                assert [n for n in got if n] == list(range(1, 51)), got
                stored = []
                assert eventually(lambda v=version: stored.__setitem__(slice(None), measured(p, v))
                                  or stored == list(range(1, 51))), stored
            red.end(signal.SIGKILL)
            watcher.wait("red/state", lambda payload: payload == "gone 5")
        finally:
            red.end()
            watcher.end()


# ---- zigbee2mqtt

def endpoint(device, inputs):
    return {"1": {"profId": 260, "epId": 1, "devId": device, "inClusterList": inputs, "outClusterList": [],
                  "clusters": {}, "binds": [], "configuredReportings": [], "meta": {}}}


def database():
    base = {"interviewCompleted": True, "interviewState": "SUCCESSFUL", "meta": {}, "epList": [1]}
    return [{**base, "id": 1, "type": "Coordinator", "ieeeAddr": "0x00124b0000000001", "nwkAddr": 0, "manufId": 0,
             "endpoints": endpoint(5, [])},
            {**base, "id": 2, "type": "EndDevice", "ieeeAddr": SENSOR, "nwkAddr": 0x1001, "manufId": 4151,
             "manufName": "LUMI", "modelId": "lumi.weather", "powerSource": "Battery",
             "endpoints": endpoint(24321, [0, 3, 1026, 1027, 1029])},
            {**base, "id": 3, "type": "Router", "ieeeAddr": LAMP, "nwkAddr": 0x1002, "manufId": 4476,
             "manufName": "IKEA of Sweden", "modelId": "TRADFRI bulb E27 WS opal 980lm",
             "powerSource": "Mains (single phase)", "endpoints": endpoint(544, [0, 3, 4, 5, 6, 8, 768])}]


def configuration(port):
    return {"version": 5, "mqtt": {"server": f"mqtt://127.0.0.1:{port}", "base_topic": "zigbee2mqtt", "version": 5},
            "serial": {"port": "/dev/null", "adapter": "ember"}, "frontend": {"enabled": False},
            "homeassistant": {"enabled": True}, "availability": {"enabled": False},
            "advanced": {"log_output": ["console"], "network_key": list(range(1, 17)), "pan_id": 6754, "channel": 11,
                         "ext_pan_id": [0xdd] * 8},
            "devices": {SENSOR: {"friendly_name": "cellar"}, LAMP: {"friendly_name": "lamp"}}}


def test_zigbee2mqtt_reports_obeys_and_leaves_its_word():
    npm_install(PEERS)
    with Platform() as p, Folder() as folder:
        # JSON is YAML.
        (folder / "configuration.yaml").write_text(json.dumps(configuration(p.mqtt[1])))
        (folder / "database.db").write_text("\n".join(map(json.dumps, database())) + "\n")
        zigbee = Program(newer_node(), "--require", PEERS / "zigbee_adapter.cjs",
                         MODULES / "zigbee2mqtt" / "index.js", cwd=folder,
                         env={"ZIGBEE2MQTT_DATA": str(folder), "Z2M_ONBOARD_NO_SERVER": "1"})
        watcher = None
        try:
            zigbee.says("Zigbee2MQTT started!")
            watcher = Watcher(p, "zigbee2mqtt/#", "homeassistant/#")
            watcher.wait("zigbee2mqtt/bridge/state", lambda payload: "online" in payload)
            watcher.wait("zigbee2mqtt/bridge/devices", lambda payload: "WSDCGQ11LM" in payload)
            assert {"zigbee2mqtt/bridge/state", "zigbee2mqtt/bridge/devices"} <= watcher.retained
            watcher.wait(f"homeassistant/sensor/{SENSOR}/temperature/config")
            assert eventually(lambda: len(watcher.seen.get("zigbee2mqtt/cellar", [])) >= 10, 20), watcher.seen.keys()
            heard = [json.loads(one).get("temperature") for one in watcher.seen["zigbee2mqtt/cellar"]]
            heard = [one for one in heard if one is not None]
            assert heard == sorted(heard) and 20 <= heard[0] < 30, heard
            watcher.publish("zigbee2mqtt/lamp/set", '{"state": "ON", "brightness": 120}')
            watcher.wait("zigbee2mqtt/lamp", lambda payload: json.loads(payload).get("state") == "ON")
            watcher.publish("zigbee2mqtt/bridge/request/device/rename", '{"from": "lamp", "to": "hall", "transaction": 7}')
            watcher.wait("zigbee2mqtt/bridge/response/device/rename",
                         lambda payload: json.loads(payload)["status"] == "ok")
            zigbee.end(signal.SIGKILL)
            watcher.wait("zigbee2mqtt/bridge/state", lambda payload: "offline" in payload)
        finally:
            zigbee.end()
            if watcher:
                watcher.end()


if __name__ == "__main__":
    run(globals())
