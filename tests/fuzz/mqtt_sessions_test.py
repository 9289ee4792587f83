"""A session fuzzer against a real server, with small limits so that they are met, while a good client is served.

    SIGNALBOX_FUZZ_PACKETS=1000000 SIGNALBOX_FUZZ_SEED=7 meson test -C build-test fuzz/mqtt-sessions -v -t 20
"""
import http.client
import os
import pathlib
import re
import socket
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from harness import BUILD, SIGNALBOXD, Platform, run  # noqa: E402

PACKETS = int(os.environ.get("SIGNALBOX_FUZZ_PACKETS", "20000"))
SEED = os.environ.get("SIGNALBOX_FUZZ_SEED", "1")
FUZZER = BUILD / "tests" / "fuzz" / "mqtt-sessions"
# Small limits are met often; what would only slow the fuzzer down is off.
LIMITS = ["max-connections=400", "max-packet-bytes=32768", "max-queued-bytes=32768", "max-queued-messages=200",
          "max-total-queued-bytes=1048576", "max-sessions=1500", "max-subscriptions=60", "max-subscription-bytes=16384",
          "max-topic-bytes=512", "max-topic-levels=24", "max-filters=40", "max-retained=200",
          "max-retained-bytes=262144", "max-inflight=16", "receive-maximum=24", "max-unacked=32",
          "session-expiry-max-s=4", "connect-timeout-s=2", "max-unauthenticated-bytes=65536",
          "max-bytes-per-second=400000", "connect-rate=0", "connect-rate-per-address=0",
          "max-reconnects-per-minute=0", "max-takeovers-per-minute=0"]


def speaks_mqtt(p, name):
    """Is MQTT over WebSocket spoken there?"""
    if name not in p.ready:
        return False
    with socket.create_connection(p.address(name), timeout=20) as s:
        s.sendall(b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  b"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
        return s.recv(12) == b"HTTP/1.1 101"


def counters(p):
    """What the MQTT server counted, without what stayed 0."""
    c = http.client.HTTPConnection(*p.http, timeout=20)
    c.request("GET", "/metrics")
    found = re.findall(r'^signalbox_([a-z_0-9]+)\{instance="mqtt"\} ([0-9.e+]+)$', c.getresponse().read().decode(), re.M)
    return {name.removesuffix("_total"): float(f"{float(value):.6g}") for name, value in found if float(value)}


def test_nearly_right_sessions_do_no_harm_while_a_good_client_is_served():
    sets = ["log.level=error", "provisioning.max-devices=40", *(f"mqtt.{one}" for one in LIMITS)]
    if "#listen-websocket " in subprocess.run([SIGNALBOXD, "--help-config"], capture_output=True, text=True).stdout:
        sets.append("mqtt.listen-websocket=127.0.0.1:0")
    with Platform(*sets, config=None) as p:
        line = [str(FUZZER), "--mqtt", "%s:%d" % p.mqtt, "--packets", str(PACKETS), "--seed", SEED]
        for name in ("mqtt-ws", "http"):
            if speaks_mqtt(p, name):
                line += ["--ws", "%s:%d" % p.address(name)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=120 + PACKETS // 500)
        print("# " + (done.stdout.strip() or done.stderr.strip()), flush=True)
        assert p.process.poll() is None, "the server ended\n" + p.log()[-6000:]
        assert done.returncode == 0, done.stdout + done.stderr + p.log()[-3000:]
        for word in ("Sanitizer", "runtime error"):
            assert word not in p.log(), p.log()[-6000:]
        met = counters(p)
        print("# " + " ".join(f"{name}={value:g}" for name, value in sorted(met.items())), flush=True)
        # It was more than knocking at the door.
        assert met["connects"] > PACKETS // 200 and met["publish_received"] > PACKETS // 10, met
        assert met["publish_sent"] > PACKETS // 20, met
        # What they left behind is read again after a crash.
        p.kill()
        p.start()
        with socket.create_connection(p.mqtt, timeout=20) as s:
            s.sendall(b"\x10\x0d\0\4MQTT\4\2\0\0\0\1z")
            assert s.recv(4) == b"\x20\2\0\0"
        assert "Sanitizer" not in p.log() and "runtime error" not in p.log(), p.log()[-6000:]


if __name__ == "__main__":
    run(globals())
