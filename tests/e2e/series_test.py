"""Series that devices make as they like: too many of them, of another type or unit each time."""
import json
import socket
import struct

from harness import Platform, eventually, mosquitto_pub, run

BEGIN = 1790000000000


class Device:
    def __init__(self, p, name):
        self.socket = socket.create_connection(p.mqtt, timeout=30)
        self.name = name.encode()
        self.number = 0
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack("!H", len(self.name)) + self.name
        self.socket.sendall(bytes([0x10, len(body)]) + body)
        assert self.take(4)[3] == 0

    def take(self, n):
        data = b""
        while len(data) < n:
            part = self.socket.recv(n - len(data))
            assert part, "closed"
            data += part
        return data

    def publish(self, payload):
        """QoS 1; returns when it was answered."""
        self.number = self.number % 60000 + 1
        topic = b"devices/" + self.name + b"/telemetry"
        body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", self.number) + payload.encode()
        n, length = len(body), b""
        while n > 127:
            length, n = length + bytes([n & 127 | 128]), n >> 7
        self.socket.sendall(b"\x32" + length + bytes([n]) + body)
        assert self.take(4)[0] == 0x40


def test_a_million_series_of_one_device_hit_its_limit_and_nobody_else():
    with Platform("ingest.max-series-per-device=50") as p:
        hostile = Device(p, "hostile")
        for message in range(1000):
            hostile.publish(json.dumps({f"s{message * 1000 + i}": 1 for i in range(1000)}))
        assert mosquitto_pub(p, "devices/good/telemetry", '{"a":1}', "-q", "1", "-i", "good").returncode == 0
        assert eventually(lambda: p.points("good", "a")["a"])
        shown = p.call("series.list", device="hostile", limit=1000)["series"]
        assert len(shown) == 50, len(shown)
        fates = p.call("device.get", id="hostile")["device"]["device"]["fates"]
        assert fates["refused"]["count"] == 1000 * 1000 - 50, fates
        assert "50" in fates["refused"]["reason"] and "ingest.max-series-per-device" in fates["refused"]["reason"], fates


def test_a_metric_may_change_its_type_with_every_message():
    kinds = [7, True, "seven", 7.5, -2**62, 2**64 - 1]
    with Platform("series.flush-every=1s") as p:
        device = Device(p, "flip")
        for i in range(600):
            device.publish(json.dumps({"ts": BEGIN + i, "values": {"m": kinds[i % 6]}}))
        got = p.points("flip", "m")["m"]
        assert [point[0] for point in got] == [BEGIN + i for i in range(600)]
        for i, point in enumerate(got):
            want = kinds[i % 6]
            assert point[1] == want and (type(point[1]) is bool) == (type(want) is bool), (i, point)
        series = p.call("series.list", device="flip")["series"]
        assert [one["name"] for one in series] == ["m"]
        assert sorted(series[0]["types"]) == ["bool", "f64", "i64", "text", "u64"], series


def test_values_of_another_unit_go_to_a_series_of_their_own():
    with Platform() as p:
        device = Device(p, "thermo")
        for i in range(60):
            unit, value = ("Cel", 20 + i) if i % 2 else ("K", 293 + i)
            device.publish(json.dumps([{"bt": BEGIN // 1000 + i, "n": "temp", "u": unit, "v": value}]))
        series = {one["name"]: one["unit"] for one in p.call("series.list", device="thermo")["series"]}
        assert series == {"temp": "K", "temp@Cel": "Cel"}, series
        assert [v[1] for v in p.points("thermo", "temp")["temp"]] == [293 + i for i in range(0, 60, 2)]
        assert [v[1] for v in p.points("thermo", "temp@Cel")["temp@Cel"]] == [20 + i for i in range(1, 60, 2)]


if __name__ == "__main__":
    run(globals())
