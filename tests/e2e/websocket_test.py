"""WebSocket and HTTP on the wire: what the platform takes on its HTTP port, and MQTT over it, with clients that
others wrote."""
import asyncio
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading

import paho.mqtt.client as paho
import websockets

from api_test import close_code, connect, frame, head, opened, request, upgrade
from harness import Platform, eventually, run

HERE = pathlib.Path(__file__).parent
CALL = b'{"jsonrpc":"2.0","id":1,"method":"session.me"}'


def counter(p, name):
    text = request(p, "GET", "/metrics").data.decode()
    return int(text.split(f"\nsignalbox_{name} ")[1].split()[0])


def talk(p, data):
    s = socket.create_connection(p.http, timeout=20)
    s.sendall(data)
    return s


def everything(s):
    data = b""
    try:
        while piece := s.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    return data


# ---- the API's frames

def test_what_is_not_masked_is_refused_and_counted():
    with Platform() as p:
        before = counter(p, "api_clients_cut_off_total")
        for wrong in (b"\x81" + bytes([len(CALL)]) + CALL, b"\x89\x00", b"\x88\x02\x03\xe8"):
            s = opened(p)
            s.sendall(wrong)
            assert close_code(s) == 1002, wrong
        assert counter(p, "api_clients_cut_off_total") == before + 3


def test_control_frames_are_answered_between_fragments():
    with Platform() as p:
        s = opened(p)
        s.sendall(frame(1, CALL[:10], final=False) + frame(9, b"are you there") + frame(0, CALL[10:]))
        data = b""
        while b'"result"' not in data:
            data += s.recv(4096)
        assert data.startswith(b"\x8a\x0dare you there"), data[:40]
        s.sendall(frame(8, b"\x0f\xa0bye"))
        assert close_code(s) == 4000
        for payload, code in ((b"", None), (b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe8\xff", 1007)):
            s = opened(p)
            s.sendall(frame(8, payload))
            got = everything(s)
            assert got == b"\x88\x00" if code is None else int.from_bytes(got[2:4], "big") == code, (payload, got)


def test_a_call_may_come_with_the_upgrade():
    with Platform() as p:
        s = upgrade(p)
        s.close()
        token = p.bearer()
        s = upgrade(p, token=token)
        s.sendall(frame(1, CALL))
        data = b""
        while b'"result"' not in data:
            data += s.recv(4096)
        assert data.startswith(b"HTTP/1.1 101 ")


def test_a_client_of_others_sees_nothing_unusual():
    async def talk_to(p):
        async with connect(p) as ws:
            for size in (0, 1, 125, 126, 65535, 65536, 500000):
                await ws.send('{"jsonrpc":"2.0","id":"%s","method":"session.me"}' % ("x" * size))
                assert '"id":' in await asyncio.wait_for(ws.recv(), 20)
            await asyncio.wait_for(await ws.ping(b"x" * 125), 20)

            def pieces():
                for i in range(0, len(CALL), 5):
                    yield CALL[i:i + 5].decode()

            await ws.send(pieces())
            assert "result" in await asyncio.wait_for(ws.recv(), 20)
        assert ws.close_code == 1000

    with Platform() as p:
        asyncio.run(talk_to(p))


# ---- heads of requests

def test_heads_that_could_be_read_in_two_ways_are_refused():
    with Platform() as p:
        for text, status in ((b"GET /healthz HTTP/1.1\nHost: x\n\n", 400), (b"GET /healthz HTTP/1.1\r\nHost: x\r\n y: z\r\n\r\n", 400),
                             (b"GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400), (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
                             (b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
                             (b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", 411),
                             (b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}", 400),
                             (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\x01", 400),
                             (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9000 + b"\r\n\r\n", 431),
                             (b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 100 + b"\r\n", 431),
                             (b"GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n", 505)):
            s = talk(p, text)
            got = everything(s)
            assert got.startswith(b"HTTP/1.1 %d " % status), (text[:60], got[:100])
        assert request(p, "GET", "/healthz").data == b"ok\n"


def test_requests_follow_each_other_on_one_connection():
    with Platform() as p:
        s = talk(p, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
        got = b""
        while got.count(b"ok\n") < 500:
            got += s.recv(65536)
        # a login in between is waited for, what follows is answered after it
        body = b'{"user":"nobody","password":"x"}'
        s.sendall(b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                  b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % (len(body), body))
        got = everything(s)
        assert got.startswith(b"HTTP/1.1 401 ") and got.endswith(b"ok\n") and b"\r\nconnection: close\r\n" in got, got


def test_a_body_is_asked_for_when_its_sender_waits():
    with Platform() as p:
        s = talk(p, b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert s.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        s.sendall(b"{}")
        assert head(s) == 400


def test_a_connection_that_spoke_http_may_still_be_upgraded():
    with Platform() as p:
        s = upgrade(p, path="/healthz", Upgrade=None, Connection=None)
        assert head(s) == 200
        other = upgrade(p, path="/nothing")
        assert head(other) == 404
        token = p.bearer()
        host, port = p.http
        s.sendall((f"GET /api/v1 HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                   f"Sec-WebSocket-Protocol: signalbox.v1.json\r\nAuthorization: Bearer {token}\r\n\r\n").encode())
        data = b""
        while b"\r\n\r\n" not in data:
            data += s.recv(4096)
        assert data.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in data
        s.sendall(frame(1, CALL))
        assert b'"result"' in s.recv(4096)


# ---- MQTT

CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04wire"


def mqtt_upgrade(address, path="/mqtt", protocol="mqtt", **headers):
    class Target:
        http = address
    return upgrade(Target, path, token="none", Sec_WebSocket_Protocol=protocol, Authorization=None, **headers)


def payload(s, n):
    """n bytes from the binary frames that come."""
    data = b""
    while len(data) < n:
        first, length = s.recv(1)[0], s.recv(1)[0]
        assert first == 0x82 and length < 126, (first, length)
        while length:
            piece = s.recv(length)
            assert piece
            data += piece
            length -= len(piece)
    return data


def test_mqtt_packets_know_no_frames():
    with Platform("mqtt.listen-websocket=127.0.0.1:0") as p:
        for address, path in ((p.http, "/mqtt"), (p.address("mqtt-ws"), "/any/path")):
            s = mqtt_upgrade(address, path)
            assert head(s) == 101
            both = CONNECT + b"\xc0\x00"
            for byte in both[:-1]:
                s.sendall(frame(2, bytes([byte])))
            assert payload(s, 4) == b"\x20\x02\x00\x00"
            s.sendall(frame(0x2, both[-1:] + b"\xc0", final=False) + frame(9, b"hi") + frame(0, b"\x00\xc0\x00"))
            got = b""
            while len(got) < 12 or b"\x8a\x02hi" not in got:
                got += s.recv(100)
            assert got.count(b"\xd0\x00") == 3, got
            s.sendall(frame(1, b"\xc0\x00"))
            assert close_code(s) == 1003
            s = mqtt_upgrade(address, path)
            s.sendall(b"")
            assert head(s) == 101
            s.sendall(CONNECT)
            assert close_code(s) == 1002


def test_only_mqtt_is_spoken_where_mqtt_is_spoken():
    with Platform("mqtt.listen-websocket=127.0.0.1:0", "http.origins=https://b.example") as p:
        own = p.address("mqtt-ws")
        for address in (p.http, own):
            assert head(mqtt_upgrade(address, protocol="chat")) == 400
            assert head(mqtt_upgrade(address, protocol=None)) == 400
            assert head(mqtt_upgrade(address, protocol="mqttv3.1, mqtt")) == 101
            assert head(mqtt_upgrade(address, Origin="http://evil.example")) == 403
            assert head(mqtt_upgrade(address, Origin="null")) == 403
            assert head(mqtt_upgrade(address, Origin="https://b.example")) == 101
            assert head(mqtt_upgrade(address, Origin="http://%s:%d" % address)) == 101
            assert head(mqtt_upgrade(address, Sec_WebSocket_Version="8")) == 426
        assert head(mqtt_upgrade(p.http, path="/mqtt/x")) == 404
        s = socket.create_connection(own, timeout=20)
        s.sendall(CONNECT)
        assert head(s) == 400
    with Platform("mqtt.websocket-http=no") as p:
        assert head(mqtt_upgrade(p.http)) == 404


def test_strangers_need_a_credential_on_an_open_port():
    def answer(p):
        s = mqtt_upgrade(("127.0.0.1", p.http[1]))
        assert head(s) == 101
        s.sendall(frame(2, CONNECT))
        return payload(s, 4)

    with Platform("http.insecure=yes") as p:
        assert answer(p) != b"\x20\x02\x00\x00"
    with Platform("http.insecure=yes", "mqtt.insecure=yes") as p:
        assert answer(p) == b"\x20\x02\x00\x00"


def paho_talks(address, tls=None, path="/mqtt"):
    seen, ready = [], threading.Event()
    client = paho.Client("paho-ws", transport="websockets")
    client.ws_set_options(path=path)
    if tls:
        client.tls_set(ca_certs=str(tls))
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _c, _u, m: seen.append(m.payload)
    client.on_connect = lambda c, *_: c.subscribe("paho/#", 1)
    client.connect(address[0], address[1])
    client.loop_start()
    assert ready.wait(20)
    sizes = [0, 1, 125, 126, 1000, 65535, 65536, 200000]
    for size in sizes:
        client.publish("paho/x", b"x" * size, qos=1)
    assert eventually(lambda: len(seen) == len(sizes), 20), len(seen)
    assert [len(m) for m in seen] == sizes
    client.disconnect()
    client.loop_stop()


def node_talks(url, **env):
    r = subprocess.run(["node", str(HERE / "mqtt_node.mjs"), url], capture_output=True, text=True, timeout=60,
                       env={**__import__("os").environ, **env})
    assert r.returncode == 0, r.stdout + r.stderr


def test_paho_and_npm_mqtt_talk_over_every_port():
    with tempfile.TemporaryDirectory() as folder:
        cert, key = pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        with Platform("mqtt.listen-websocket=127.0.0.1:0") as p:
            for name in ("http", "mqtt-ws"):
                paho_talks(p.address(name))
                node_talks("ws://%s:%d/mqtt" % p.address(name))
            assert request(p, "GET", "/healthz").status == 200
        with Platform(f"tls.certificate={cert}", f"tls.key={key}", "mqtt.listen-websocket-tls=127.0.0.1:0") as p:
            for name in ("http", "mqtt-wss"):
                paho_talks(p.address(name), cert)
                node_talks("wss://%s:%d/mqtt" % p.address(name), NODE_EXTRA_CA_CERTS=str(cert))
            context = ssl.create_default_context(cafile=str(cert))
            context.set_alpn_protocols(["h2", "http/1.1"])
            s = context.wrap_socket(socket.create_connection(p.http, timeout=20), server_hostname="localhost")
            assert s.selected_alpn_protocol() == "http/1.1"


def test_stopping_says_why_to_clients_over_websocket():
    p = Platform()
    with p:
        s = mqtt_upgrade(p.http)
        assert head(s) == 101
        s.sendall(frame(2, CONNECT))
        assert payload(s, 4) == b"\x20\x02\x00\x00"
        assert p.stop() == 0
        assert close_code(s) in (1000, 1001)


if __name__ == "__main__":
    run(globals())
