"""The figures of the MQTT server. Each function measures one server once and returns {figure: value}."""
import asyncio
import json
import subprocess
import time

import websockets

from servers import BUILD, Load, Mosquitto, Signalbox, Stack

POINTS_PER_MESSAGE = 4
CONNECTIONS = 15000


class Wide(Signalbox):
    """With room for a subscriber that is as far behind as mosquitto's may be here."""

    def __init__(self):
        super().__init__("mqtt.max_inflight=1000", "mqtt.max_queued_messages=16384", "mqtt.max_queued_bytes=16777216")


def saturated(server, seconds, **options):
    load = Load(server, "saturate", seconds=seconds, **options)
    answer = load.answer
    return {"qos1_messages_per_second": answer["per_second"],
            "cpu_per_message": load.between("cpu") / answer["messages"] * 1e6,
            "acknowledgement_p99": answer["p99_ms"]}


def mqtt(server, seconds):
    return saturated(server, seconds)


def gateways(server, seconds):
    return saturated(server, seconds, clients=10, batch=100, depth=4)


def fanin(server, seconds):
    load = Load(server, "fanin", clients=500, seconds=seconds)
    answer = load.answer
    paced = Load(server, "fanin", clients=500, seconds=seconds, rate=10000).answer
    for one in (answer, paced):
        if one["lost"] or one["wrong"]:
            raise RuntimeError(f"{server.name}: {one}")
    return {"messages_per_second": answer["per_second"],
            "cpu_per_message": load.between("cpu") / answer["messages"] * 1e6,
            "end_to_end_p50": paced["p50_ms"], "end_to_end_p99": paced["p99_ms"]}


def fanout(server, seconds):
    values = {}
    for qos in (0, 1):
        load = Load(server, "fanout", subscribers=1000, depth=16, qos=qos, seconds=seconds)
        values[f"qos{qos}_deliveries_per_second"] = load.answer["per_second"]
        values[f"qos{qos}_cpu_per_delivery"] = load.between("cpu") / load.answer["messages"] * 1e6
    return values


def ack(server, seconds):
    load = Load(server, "paced", rate=10000, seconds=seconds)
    answer = load.answer
    return {"acknowledgement_p50": answer["p50_ms"], "acknowledgement_p99": answer["p99_ms"],
            "cpu_per_message": load.between("cpu") / answer["messages"] * 1e6}


async def stored(server, clients):
    """(lost, duplicated, reordered) of every device, against the numbers its messages carry: 0, 1, 2, …"""
    lost = duplicated = reordered = 0
    async with websockets.connect("ws://%s/api/v1" % server.ready["http"], subprotocols=["signalbox.v1.json"],
                                  max_size=None, extra_headers={"Authorization": "Bearer " + server.bearer()}) as ws:
        for number in range(len(clients)):
            await ws.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": "telemetry.query", "params": {
                "device": f"load-{number:06}", "series": ["seq"], "from": 0, "limit": 100000}}))
            answer = json.loads(await ws.recv())
            seqs = [int(point[1]) for point in answer["result"]["series"][0]["points"]]
            lost += clients[number] - len(set(seqs))
            duplicated += len(seqs) - len(set(seqs))
            reordered += sum(a > b for a, b in zip(seqs, seqs[1:]))
    return lost, duplicated, reordered


def burst(server, seconds):
    answer = Load(server, "burst", rate=10000, burst=10, seconds=10).answer
    each, rest = divmod(answer["messages"], 1000)
    lost, duplicated, reordered = asyncio.run(stored(server, [each + (k < rest) for k in range(1000)]))
    return {"burst_messages": answer["burst_messages"], "lost": lost + answer["unacknowledged"],
            "duplicated": duplicated, "reordered": reordered, "normal_again_after": answer["recovery_s"],
            "worst_acknowledgement": answer["worst_ms"]}


def stack(server, seconds):
    load = Load(server, "saturate", seconds=seconds)
    points = load.between("points") or load.answer["messages"] * POINTS_PER_MESSAGE
    return {"points_per_second": points / load.between("time"), "cpu_per_point": load.between("cpu") / points * 1e6}


def idle_bytes(server, **options):
    before = server.rss_bytes()
    load = Load(server, "idle", wait=False, clients=CONNECTIONS, **options)
    if load.line() != "connected":
        raise RuntimeError("not every connection came to stand")
    time.sleep(1)
    after = server.rss_bytes()
    load.stop()
    return (after - before) / CONNECTIONS


def connections(server, seconds):
    """The TLS figure has a server of its own, as memory is kept for the next connection."""
    values = {"bytes_per_idle_connection": idle_bytes(server)}
    with type(server)(tls=True) as second:
        values["bytes_per_idle_tls_connection"] = idle_bytes(second, tls=1, port=second.tls_port)
    return values


def sessions(server, seconds):
    answer = Load(server, "sessions", clients=10000).answer
    if answer["absent"] or answer["doubled"]:
        raise RuntimeError(f"{server.name}: {answer}")
    return {"all_delivered_after": answer["seconds"], "good_client_p99": answer["good_p99_ms"],
            "good_client_p99_before": answer["good_before_p99_ms"]}


class Alone:
    """No server: what is measured is a program of its own."""
    name = "alone"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def subscription_match(server, seconds):
    out = subprocess.run(["taskset", "-c", "1", BUILD / "tests" / "bench" / "subscription-match"], capture_output=True,
                         text=True, check=True, timeout=120)
    return json.loads(out.stdout)


def memory(server, seconds):
    time.sleep(3)
    return {"idle_rss": server.rss_bytes() / 2**20}


UNITS = {"per_second": "1/s", "cpu_per": "us", "p50": "ms", "p99": "ms", "worst": "ms", "after": "s", "bytes": "B", "among": "ns",
         "rss": "MiB"}

# name: (what measures, ours, peer or None)
BENCHES = {"mqtt": (mqtt, Signalbox, Mosquitto), "gateways": (gateways, Signalbox, Mosquitto),
           "fanin": (fanin, Wide, Mosquitto), "fanout": (fanout, Wide, Mosquitto),
           "ack": (ack, Signalbox, Mosquitto), "burst": (burst, Signalbox, None), "stack": (stack, Signalbox, Stack),
           "connections": (connections, Signalbox, Mosquitto), "sessions": (sessions, Signalbox, Mosquitto),
           "subscription_match": (subscription_match, Alone, None),
           "memory": (memory, Signalbox, Mosquitto)}


def unit(figure):
    return next((UNITS[key] for key in UNITS if key in figure), "")
