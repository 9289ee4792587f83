"""The API from outside: what a client may do, and what is refused, on the wire."""
import asyncio
import base64
import http.client
import json
import os
import socket
import struct
import subprocess
import threading
import time

import cbor2
import websockets
from harness import SIGNALBOX, ApiError, Platform, eventually, mosquitto_pub, run

JSON = "signalbox.v1.json"


# ---- a client that may be as wrong as it likes

def upgrade(p, path="/api/v1", token=None, **headers):
    host, port = p.http
    fields = {"Host": f"{host}:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
              "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
              "Sec-WebSocket-Protocol": JSON, "Authorization": "Bearer " + (token or p.bearer())}
    fields.update({name.replace("_", "-"): value for name, value in headers.items()})
    s = socket.create_connection((host, port), timeout=20)
    s.sendall((f"GET {path} HTTP/1.1\r\n" +
               "".join(f"{k}: {v}\r\n" for k, v in fields.items() if v is not None) + "\r\n").encode())
    return s


def head(s):
    """Status of the answer; 0 if the connection was closed without one."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = s.recv(4096)
        if not piece:
            return 0
        data += piece
    return int(data.split()[1])


def opened(p, token=None, **headers):
    s = upgrade(p, token=token, **headers)
    assert head(s) == 101
    return s


def frame(opcode, data, final=True):
    mask = os.urandom(4)
    n = len(data)
    size = bytes([128 | n]) if n < 126 else (b"\xfe" + struct.pack(">H", n) if n < 65536 else b"\xff" + struct.pack(">Q", n))
    return bytes([final << 7 | opcode]) + size + mask + bytes(b ^ mask[i & 3] for i, b in enumerate(data))


def close_code(s):
    """The close code the server gives; events before it are read over."""
    data = b""
    while True:
        while len(data) >= 2:
            n, at = data[1] & 127, 2
            if n >= 126:
                width = 2 if n == 126 else 8
                n, at = int.from_bytes(data[2:2 + width], "big"), 2 + width
            if len(data) < at + n:
                break
            if data[0] & 15 == 8:
                return int.from_bytes(data[at:at + 2], "big")
            data = data[at + n:]
        piece = s.recv(65536)
        if not piece:
            return None
        data += piece


def request(p, method, path, body=None, **headers):
    c = http.client.HTTPConnection(*p.http, timeout=20)
    c.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = c.getresponse()
    answer.data = answer.read()
    c.close()
    return answer


def login(p, user, password, **headers):
    return request(p, "POST", "/api/v1/login", json.dumps({"user": user, "password": password, "token": True}),
                   **{"Content_Type": "application/json", **headers})


def connect(p, token=None, protocol=JSON, **options):
    return websockets.connect(p.url(), subprotocols=[protocol], max_size=None, compression=None,
                              extra_headers={"Authorization": "Bearer " + (token or p.bearer())}, **options)


async def ask(ws, method, number=1, **params):
    await ws.send(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}))
    while True:
        answer = json.loads(await asyncio.wait_for(ws.recv(), 20))
        if answer.get("id") == number:
            return answer


def refusal(p, method, **params):
    try:
        p.call(method, **params)
    except ApiError as error:
        return error
    raise AssertionError(f"{method} was not refused")


# ---- the guard

def test_only_proper_upgrades_pass():
    with Platform() as p:
        assert head(upgrade(p)) == 101
        own = "http://%s:%d" % p.http
        assert head(upgrade(p, Origin=own)) == 101
        wrong = [({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Authorization": None}, 401),
                 ({"Authorization": "Bearer a.b.c"}, 401), ({"Origin": own, "Authorization": None}, 401),
                 ({"Sec_WebSocket_Version": "8"}, 426), ({"Sec_WebSocket_Version": "12"}, 426),
                 ({"Sec_WebSocket_Key": "abc"}, 400), ({"Sec_WebSocket_Key": base64.b64encode(b"x" * 17).decode()}, 400),
                 ({"Sec_WebSocket_Protocol": "chat"}, 400), ({"Sec_WebSocket_Protocol": None}, 400)]
        for headers, status in wrong:
            got = head(upgrade(p, **headers))
            assert got == status, (headers, got)
        assert head(upgrade(p, path="/other")) == 404
        assert head(upgrade(p, Upgrade="h2c")) == 400
        assert head(upgrade(p, Upgrade="nonsense")) == 400
        assert p.call("session.me")["role"] == "admin"


def test_configured_origins_pass():
    with Platform("http.origins=https://a.example https://b.example") as p:
        assert head(upgrade(p, Origin="https://b.example")) == 101
        assert head(upgrade(p, Origin="https://c.example")) == 403


def test_wrong_frames_end_the_connection_with_a_code():
    call = b'{"jsonrpc":"2.0","id":1,"method":"session.me"}'
    with Platform() as p:
        token = p.bearer()
        for bytes_sent, code in [(frame(2, call), 1003), (frame(1, b"\xff\xfe"), 1007), (frame(3, b""), 1002),
                                 (frame(0, call), 1002), (b"\x81\x05hello", 1002), (b"\xc1" + frame(1, call)[1:], 1002),
                                 (frame(1, b"x" * (2 << 20)), 1009)]:
            s = opened(p, token)
            s.sendall(bytes_sent)
            got = close_code(s)
            assert got == code, (bytes_sent[:10], got)
        cbor = opened(p, token, Sec_WebSocket_Protocol="signalbox.v1.cbor")
        cbor.sendall(frame(1, call))
        assert close_code(cbor) == 1003
        assert p.call("session.me")["role"] == "admin"


def test_fragments_are_counted_together():
    with Platform() as p:
        s = opened(p)
        text = b'{"jsonrpc":"2.0","id":1,"method":"session.me"}'
        for i, byte in enumerate(text):
            s.sendall(frame(1 if i == 0 else 0, bytes([byte]), final=i == len(text) - 1))
        assert b'"result"' in s.recv(4096)
        s = opened(p)
        try:
            for i in range(20):
                s.sendall(frame(0 if i else 1, b" " * 65536, final=False))
        except OSError:
            pass
        assert close_code(s) == 1009


def test_http_is_get_and_head_and_two_posts():
    with Platform() as p:
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            assert request(p, method, "/healthz").status == 405, method
        assert request(p, "POST", "/healthz", "{}").status == 405
        for path in ("/healthz", "/", "/api/v1/nothing"):
            whole, bare = request(p, "GET", path), request(p, "HEAD", path)
            assert (bare.status, bare.getheader("content-length")) == (whole.status, str(len(whole.data))), path
            assert bare.data == b"" and bare.getheader("content-type") == whole.getheader("content-type")
        s = socket.create_connection(p.http, timeout=20)
        s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")  # a load balancer's check
        got = b""
        while piece := s.recv(4096):
            got += piece
        assert got.startswith(b"HTTP/1.1 200 ") and b"connection: close" in got and got.endswith(b"\r\n\r\nok\n"), got
        s = socket.create_connection(p.http, timeout=20)
        s.sendall(b"GET /api/v1 HTTP/1.0\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n")
        assert head(s) == 426
        s = socket.create_connection(p.http, timeout=20)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        got = b""
        while got.count(b"ok\n") < 3:
            piece = s.recv(4096)
            assert piece
            got += piece
        assert request(p, "GET", "/healthz").data == b"ok\n"
        assert request(p, "GET", "/readyz").status == 200
        assert request(p, "GET", "/api/v1/nothing").status == 404
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd.txt", "/assets/../../keys.pem"):
            answer = request(p, "GET", path)
            assert answer.status == 404 and b"root:" not in answer.data, path


def test_slow_talkers_are_cut_off():
    with Platform() as p:
        begin = time.monotonic()
        idle = socket.create_connection(p.http, timeout=40)
        slow = socket.create_connection(p.http, timeout=40)
        body = socket.create_connection(p.http, timeout=40)
        body.sendall(b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 100\r\n\r\n{")
        ended = threading.Event()

        def drip():
            try:
                slow.sendall(b"GET / HTTP/1.1\r\n")
                for i in range(400):
                    slow.sendall(b"X-%d: y\r\n" % i)
                    if ended.wait(0.1):
                        return
            except OSError:
                pass

        thread = threading.Thread(target=drip)
        thread.start()
        for s in (idle, slow, body):
            try:
                while s.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        took = time.monotonic() - begin
        ended.set()
        thread.join()
        assert 5 < took < 35, took
        assert request(p, "GET", "/healthz").status == 200


def test_clients_beyond_the_limit_are_told_to_come_later():
    with Platform("http.max-clients=1000") as p:
        token = p.bearer()
        clients = [opened(p, token) for _ in range(1000)]
        assert head(upgrade(p, token=token)) == 503
        call = frame(1, b'{"jsonrpc":"2.0","id":1,"method":"session.me"}')
        for s in clients:
            s.sendall(call)
        for s in clients:
            assert b'"result"' in s.recv(4096)
        assert request(p, "GET", "/healthz").status == 200
        clients.pop().close()
        assert eventually(lambda: head(upgrade(p, token=token)) == 101)
        for s in clients:
            s.close()


def test_connections_beyond_all_limits_harm_nobody_who_is_in():
    with Platform("http.max-clients=1") as p:
        inside = opened(p)
        many = []
        for _ in range(600):
            try:
                many.append(socket.create_connection(p.http, timeout=5))
            except OSError:
                break
        inside.sendall(frame(1, b'{"jsonrpc":"2.0","id":1,"method":"session.me"}'))
        assert b'"result"' in inside.recv(4096)
        for s in many:
            s.close()
        inside.close()

        def open_now():
            text = request(p, "GET", "/metrics").data.decode()
            return int(text.split("\nsignalbox_api_connections_open ")[1].split()[0])

        assert eventually(lambda: open_now() == 1), open_now()


# ---- calls

def test_wrong_calls_name_what_is_wrong():
    async def talk(p):
        async with connect(p) as ws:
            async def error(text):
                await ws.send(text)
                return json.loads(await asyncio.wait_for(ws.recv(), 10))["error"]

            assert (await error("{"))["code"] == -32700
            assert (await error('{"a":1,"a":2}'))["data"]["remedy"] == "a key stands twice"
            assert (await error("[" * 100 + "]" * 100))["code"] == -32700
            assert (await error("[]"))["code"] == -32600
            assert (await error('[{"jsonrpc":"2.0","id":1,"method":"session.me"}]'))["code"] == -32600
            assert (await error('{"id":1,"method":"session.me"}'))["data"]["field"] == "/jsonrpc"
            assert (await error('{"jsonrpc":"2.0","id":{},"method":"session.me"}'))["data"]["field"] == "/id"
            assert (await error('{"jsonrpc":"2.0","id":1,"method":"no.such"}'))["code"] == -32601
            assert (await error('{"jsonrpc":"2.0","id":1,"method":"device.get","params":[1]}'))["code"] == -32602
            for params, field in (({}, "/id"), ({"id": 5}, "/id"), ({"id": ""}, "/id"), ({"id": "x" * 129}, "/id"),
                                  ({"id": "x", "other": 1}, "/other"), ({"id": "x", "live": "yes"}, "/live")):
                got = (await ask(ws, "device.get", **params))["error"]
                assert got["code"] == -32602, (params, got)
                assert got["data"]["name"] == "invalid_params"
                assert got["data"]["field"] == field, (params, got)
            # a notification is not answered, the next call is
            await ws.send('{"jsonrpc":"2.0","method":"session.me"}')
            assert (await ask(ws, "session.me", 77))["id"] == 77
            assert (await ask(ws, "session.me", "a text"))["id"] == "a text"

    with Platform() as p:
        asyncio.run(talk(p))


def test_roles_bound_what_may_be_called():
    with Platform() as p:
        for role, method, params, name in (
                ("viewer", "device.create", {"id": "x"}, "forbidden"), ("viewer", "user.list", {}, "forbidden"),
                ("operator", "user.list", {}, "forbidden"), ("operator", "device.remove", {"id": "x"}, "forbidden"),
                ("viewer", "token.create", {"name": "t", "role": "admin"}, "forbidden")):
            try:
                p.calls((method, params), role=role)
                raise AssertionError(f"{role} may {method}")
            except ApiError as error:
                assert error.name == name, (role, method, error.error)
        assert p.calls(("device.list", {}), role="viewer")[0]["total"] >= 0


def test_json_and_cbor_give_the_same_answers():
    async def both(p, method, params):
        request_ = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        token = p.bearer()
        async with connect(p, token) as ws:
            await ws.send(json.dumps(request_))
            in_json = json.loads(await ws.recv())
        async with connect(p, token, "signalbox.v1.cbor") as ws:
            await ws.send(cbor2.dumps(request_))
            in_cbor = cbor2.loads(await ws.recv())
        return in_json, in_cbor

    with Platform() as p:
        values = '{"f":0.1,"i":9007199254740993,"u":18446744073709551615,"n":-9223372036854775808,"t":"é","b":true,"z":-0.0}'
        assert mosquitto_pub(p, "devices/d1/telemetry", '{"ts":1790000000000.5,"values":%s}' % values, "-q", "1").returncode == 0
        for method, params in (("telemetry.query", {"device": "d1", "from": 0}),
                               ("telemetry.query", {"device": "d1", "from": 0, "bucket": 1000}),
                               ("telemetry.latest", {"devices": ["d1"]}), ("device.get", {"id": "nobody"}),
                               ("series.list", {"device": "d1"}), ("user.list", {}), ("nothing", {})):
            in_json, in_cbor = asyncio.run(both(p, method, params))
            assert in_json == in_cbor, (in_json, in_cbor)


def test_what_cbor_can_do_wrong_is_refused():
    async def talk(p):
        async with connect(p, protocol="signalbox.v1.cbor") as ws:
            for data in (b"", b"\x9a\x10\x00\x00\x00", b"\xba\x10\x00\x00\x00", b"\x81" * 100 + b"\x80", b"\x01\x01",
                         b"\xa1\x01\x02", b"\xc0\x60", b"\xff", b"\x5b" + b"\xff" * 8):
                await ws.send(data)
                answer = cbor2.loads(await asyncio.wait_for(ws.recv(), 10))
                assert answer["error"]["code"] == -32700, (data, answer)
            await ws.send(cbor2.dumps({"jsonrpc": "2.0", "id": 1, "method": "session.me"}))
            assert "result" in cbor2.loads(await ws.recv())

    with Platform() as p:
        asyncio.run(talk(p))


def test_devices_are_listed_by_page_and_word():
    with Platform() as p:
        for n in range(25):
            p.call("device.create", id=f"dev-{n:02}", name=f"pump {n}", site="north" if n % 2 else "south",
                   tags=["wet", f"n{n}"])
        seen, cursor = [], None
        while True:
            page = p.call("device.list", limit=10, query="pump", **({"cursor": cursor} if cursor else {}))
            assert page["total"] == 25
            seen += [d["id"] for d in page["devices"]]
            cursor = page.get("cursor")
            if not cursor:
                break
        assert seen == [f"dev-{n:02}" for n in range(25)]
        assert p.call("device.list", query="site:north")["total"] == 12
        assert p.call("device.list", query="tag:n7")["total"] == 1
        assert p.call("device.list", query="state:expected pump")["total"] == 25
        assert refusal(p, "device.list", query="state:nonsense").error["data"]["field"] == "/query"
        assert refusal(p, "device.list", cursor="garbage").error["data"]["field"] == "/cursor"
        p.call("device.remove", id="dev-03")
        assert p.call("device.list", query="pump")["total"] == 24
        assert p.call("device.list", query="state:retired")["total"] == 1


def test_changes_are_checked_against_the_revision():
    with Platform() as p:
        rev = p.call("device.create", id="d1", name="one")["rev"]
        assert refusal(p, "device.create", id="d1").name == "exists"
        assert refusal(p, "device.create", id="a/b").error["data"]["field"] == "/id"
        dry = p.call("device.update", id="d1", name="two", if_rev=rev, dry_run=True)
        assert dry["dry_run"] and p.call("device.get", id="d1")["device"]["device"]["name"] == "one"
        after = p.call("device.update", id="d1", name="two", if_rev=rev)["rev"]
        assert after > rev
        assert refusal(p, "device.update", id="d1", name="three", if_rev=rev).name == "conflict"
        assert refusal(p, "device.update", id="nobody", name="x").name == "not_found"
        assert refusal(p, "device.approve", ids=["d1", "nobody"]).error["data"]["field"] == "/ids/1"
        assert p.call("device.get", id="d1")["device"]["device"]["state"] == "expected"
        p.call("device.approve", ids=["d1"])
        got = p.call("device.get", id="d1")["device"]
        assert got["device"]["state"] == "active" and got["device"]["name"] == "two" and not got["credential"]
        p.call("device.update", id="d1", password="long enough", state="suspended", tags=["a", "b"])
        got = p.call("device.get", id="d1")["device"]
        assert got["credential"] and got["device"]["state"] == "suspended" and got["device"]["tags"] == ["a", "b"]
        assert refusal(p, "device.approve", ids=["d1"]).name == "conflict"


def test_history_is_cut_ordered_and_bucketed():
    with Platform() as p:
        batch = [{"ts": 1790000000000 + n * 1000, "values": {"n": n, "s": f"t{n}"}} for n in range(100)]
        assert mosquitto_pub(p, "devices/d1/telemetry", json.dumps(batch), "-q", "1").returncode == 0

        def ask_for(**params):
            return p.call("telemetry.query", device="d1", series=["n"], **{"from": 0, **params})["series"][0]

        assert [v[1] for v in ask_for()["points"]] == list(range(100))
        some = ask_for(limit=10)
        assert some["truncated"] and [v[1] for v in some["points"]] == list(range(10))
        last = ask_for(limit=3, order="desc")
        assert last["truncated"] and [v[1] for v in last["points"]] == [99, 98, 97]
        assert "truncated" not in ask_for(limit=100)
        window = ask_for(**{"from": 1790000010000, "to": 1790000012000})["points"]
        assert [v[1] for v in window] == [10, 11]
        buckets = ask_for(bucket=10000)["buckets"]
        assert len(buckets) == 10 and buckets[0] == [1790000000000, 10, 0, 9, 4.5, 0, 9], buckets[0]
        text = p.call("telemetry.query", device="d1", series=["s"], bucket=50000, **{"from": 0})["series"][0]["buckets"]
        assert text[0][2:5] == [None, None, None] and text[0][5:] == ["t0", "t49"], text
        assert refusal(p, "telemetry.query", device="nobody").name == "not_found"
        assert refusal(p, "telemetry.query", device="d1", series=["nothing"]).error["data"]["field"] == "/series/0"
        assert refusal(p, "telemetry.query", device="d1", **{"from": 5, "to": 4}).error["data"]["field"] == "/from"


# ---- live

def test_live_values_and_devices_arrive():
    async def talk(p):
        async with connect(p) as ws:
            listing = (await ask(ws, "device.list", 1, live=True))["result"]
            values = (await ask(ws, "telemetry.subscribe", 2))["result"]["subscription"]
            one = (await ask(ws, "telemetry.subscribe", 3, devices=["d1"], series=["b"]))["result"]["subscription"]
            assert mosquitto_pub(p, "devices/d1/telemetry", '{"a":1.5,"b":"x"}', "-q", "1").returncode == 0
            assert mosquitto_pub(p, "devices/d2/telemetry", '{"a":2.5}', "-q", "1").returncode == 0
            got = {listing["subscription"]: [], values: [], one: []}
            end = time.monotonic() + 10
            while time.monotonic() < end and not (len(got[values]) >= 3 and got[one] and len(
                    {d["id"] for d in got[listing["subscription"]]}) >= 2):
                event = json.loads(await asyncio.wait_for(ws.recv(), 10))["params"]
                got[event["subscription"]] += event.get("points") or event.get("devices") or []
            mine = [v for v in got[values] if v["device"] in ("d1", "d2")]
            assert sorted((v["device"], v["series"], v["value"]) for v in mine) == [
                ("d1", "a", 1.5), ("d1", "b", "x"), ("d2", "a", 2.5)], mine
            assert [(v["series"], v["value"]) for v in got[one]] == [("b", "x")]
            assert {"d1", "d2"} <= {d["id"] for d in got[listing["subscription"]]}
            assert "result" in await ask(ws, "subscription.cancel", 4, subscription=values)
            assert (await ask(ws, "subscription.cancel", 5, subscription=values))["error"]["data"]["name"] == "not_found"
            assert (await ask(ws, "telemetry.subscribe", 6, devices=["nobody"]))["error"]["data"]["field"] == "/devices/0"

    with Platform() as p:
        p.call("device.create", id="d1")
        p.call("device.approve", ids=["d1"])
        asyncio.run(talk(p))


def test_a_device_page_is_told_of_its_device_alone():
    async def talk(p):
        async with connect(p) as ws:
            sub = (await ask(ws, "device.get", id="d1", live=True))["result"]["subscription"]
            mosquitto_pub(p, "devices/d2/telemetry", '{"a":1}', "-q", "1")
            mosquitto_pub(p, "devices/d1/telemetry", '{"a":', "-q", "1")
            end = time.monotonic() + 10
            while time.monotonic() < end:
                event = json.loads(await asyncio.wait_for(ws.recv(), 10))
                assert event["params"]["subscription"] == sub
                detail = event["params"]["detail"]
                assert detail["device"]["id"] == "d1"
                if detail["quarantine"]:
                    assert detail["quarantine"][0]["head"] == '{"a":'
                    return
            raise AssertionError("no event")

    with Platform() as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"a":0}', "-q", "1")
        asyncio.run(talk(p))


def test_a_client_that_does_not_read_gets_a_gap_and_harms_nobody():
    def flood(p, seconds):
        host, port = p.mqtt
        with subprocess.Popen(["mosquitto_pub", "-h", host, "-p", str(port), "-t", "devices/d1/telemetry", "-l",
                               "-q", "0"], stdin=subprocess.PIPE, text=True) as pub:
            end, n = time.monotonic() + seconds, 0
            line = json.dumps({f"metric{i}": 0.5 for i in range(50)}) + "\n"
            while time.monotonic() < end:
                pub.stdin.write(line * 20)
                n += 20
                time.sleep(0.01)
            pub.stdin.close()

    with Platform() as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"metric0":0}', "-q", "1")
        slow = opened(p)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(frame(1, b'{"jsonrpc":"2.0","id":1,"method":"telemetry.subscribe"}'))
        flood(p, 5)
        begin = time.monotonic()
        assert p.call("session.me")["role"] == "admin"
        assert time.monotonic() - begin < 3
        slow.settimeout(2)
        got = b""
        end = time.monotonic() + 20
        while time.monotonic() < end and b'"gap":' not in got[-4000000:]:
            try:
                got += slow.recv(1 << 20)
            except TimeoutError:
                mosquitto_pub(p, "devices/d1/telemetry", '{"metric0":1}', "-q", "1")
        assert b'"gap":' in got, len(got)


def test_calls_beyond_sixteen_wait_or_are_refused():
    async def talk(p):
        async with connect(p) as ws:
            for n in range(200):
                await ws.send(json.dumps({"jsonrpc": "2.0", "id": n, "method": "telemetry.query",
                                          "params": {"device": "d1", "from": 0}}))
            answers = [json.loads(await asyncio.wait_for(ws.recv(), 30)) for _ in range(200)]
            assert sorted(a["id"] for a in answers) == list(range(200))
            names = {a["error"]["data"]["name"] for a in answers if "error" in a}
            assert names <= {"rate_limited"}, names
            assert sum("result" in a for a in answers) >= 16

    with Platform() as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"a":0}', "-q", "1")
        asyncio.run(talk(p))


# ---- people

def first_password(p):
    log = p.log()
    return log.split("one-time password ", 1)[1].split()[0]


def test_the_first_admin_logs_in_and_must_choose_a_password():
    with Platform() as p:
        first = first_password(p)
        answer = login(p, "admin", first)
        assert answer.status == 200, answer.data
        cookie = answer.getheader("set-cookie")
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Secure" not in cookie
        body = json.loads(answer.data)
        assert body["user"] == "admin" and body["must_change"] and body["token"]
        own = "http://%s:%d" % p.http
        s = upgrade(p, Authorization=None, Origin=own, Cookie=cookie.split(";")[0])
        assert head(s) == 101
        assert head(upgrade(p, Authorization=None, Origin="http://evil.example", Cookie=cookie.split(";")[0])) == 403
        assert request(p, "GET", "/api/v1/session", Cookie=cookie.split(";")[0]).status == 200
        assert request(p, "GET", "/api/v1/session").status == 401

        async def talk():
            async with connect(p, body["token"]) as ws:
                assert (await ask(ws, "device.list"))["error"]["data"]["name"] == "forbidden"
                assert (await ask(ws, "session.me"))["result"]["must_change"]
                assert (await ask(ws, "user.password", old="wrong", new="a new password"))["error"]["data"]["field"] == "/old"
                done = (await ask(ws, "user.password", old=first, new="a new password"))["result"]
                assert (await ask(ws, "device.list"))["result"]["total"] >= 0
                return done["token"]

        token = asyncio.run(talk())
        assert head(upgrade(p, token=body["token"])) == 401, "the old token must have ended"
        assert head(upgrade(p, token=token)) == 101
        assert login(p, "admin", first).status == 401
        assert login(p, "admin", "a new password").status == 200
        assert first not in p.log().split("one-time password ", 1)[1][len(first):]
        answer = request(p, "POST", "/api/v1/logout")
        assert answer.status == 200 and "Max-Age=0" in answer.getheader("set-cookie")


def test_logging_out_ends_the_token_and_no_other():
    with Platform() as p:
        p.call("user.create", name="eve", password="a first password", role="operator")
        with_eve = {"name": "eve", "old": "a first password", "new": "a second password"}
        first = json.loads(login(p, "eve", with_eve["old"]).data)["token"]

        async def choose():
            async with connect(p, first) as ws:
                return (await ask(ws, "user.password", old=with_eve["old"], new=with_eve["new"]))["result"]["token"]

        token = asyncio.run(choose())
        other = json.loads(login(p, "eve", with_eve["new"]).data)["token"]
        third = json.loads(login(p, "eve", with_eve["new"]).data)["token"]
        s = opened(p, token)
        assert request(p, "POST", "/api/v1/logout", Authorization="Bearer " + token, Content_Length="0").status == 200
        assert close_code(s) == 4401
        assert head(upgrade(p, token=token)) == 401

        async def end():
            async with connect(p, third) as ws:
                return await ask(ws, "session.logout")

        assert "result" in asyncio.run(end())
        assert p.stop() == 0
        p.start()
        assert [head(upgrade(p, token=t)) for t in (token, other, third)] == [401, 101, 401]


def test_guesses_of_the_present_password_are_limited():
    with Platform() as p:
        p.call("user.create", name="eve", password="a first password", role="viewer")
        token = json.loads(login(p, "eve", "a first password").data)["token"]

        async def guess():
            async with connect(p, token) as ws:
                answers = [await ask(ws, "user.password", old=f"guess {n}", new="a second password") for n in range(14)]
                return [answer["error"]["data"]["name"] for answer in answers]

        names = asyncio.run(guess())
        assert names[0] == "forbidden" and names[-1] == "rate_limited", names
        assert names.count("forbidden") < 14


def test_a_removed_or_disabled_user_is_out_at_once():
    with Platform() as p:
        p.call("user.create", name="eve", password="a first password", role="operator")
        assert refusal(p, "user.create", name="eve", password="a first password", role="viewer").name == "exists"
        assert refusal(p, "user.create", name="Bad Name", password="a first password", role="viewer").name == "invalid_params"
        token = json.loads(login(p, "eve", "a first password").data)["token"]
        s = opened(p, token)
        p.call("user.update", name="eve", disabled=True)
        assert close_code(s) == 4401
        assert head(upgrade(p, token=token)) == 401
        assert login(p, "eve", "a first password").status == 401
        p.call("user.update", name="eve", disabled=False)
        p.call("user.remove", name="eve")
        assert head(upgrade(p, token=token)) == 401
        assert refusal(p, "user.remove", name="eve").name == "not_found"
        assert refusal(p, "user.remove", name="admin").name == "forbidden"
        assert [u["name"] for u in p.call("user.list")["users"]] == ["admin"]


def test_guessing_passwords_is_slowed_down():
    with Platform() as p:
        statuses = [login(p, f"user{n}", "wrong password").status for n in range(15)]
        assert statuses[0] == 401 and statuses[-1] == 429, statuses
        assert int(login(p, "x", "wrong password").getheader("retry-after")) >= 1


def test_login_takes_nothing_but_what_a_page_of_ours_sends():
    with Platform() as p:
        assert login(p, "a", "b", Origin="http://evil.example").status == 403
        assert login(p, "a", "b", Content_Type="text/plain").status == 415
        for body in ("", "{", "[]", '{"user":"a"}', '{"user":1,"password":"x"}', '{"user":"","password":"x"}',
                     '{"user":"%s","password":"x"}' % ("a" * 200)):
            status = request(p, "POST", "/api/v1/login", body, Content_Type="application/json").status
            assert status == 400, (body, status)
        assert request(p, "POST", "/api/v1/login", "x" * 5000, Content_Type="application/json").status == 413
        s = socket.create_connection(p.http, timeout=20)
        s.sendall(b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert head(s) == 411
        assert request(p, "GET", "/healthz").status == 200


# ---- files and numbers

def test_the_console_is_served_compressed_and_cached(tmp=None):
    import gzip
    import tempfile
    import pathlib
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "assets").mkdir()
        (root / "index.html").write_text("<!doctype html>" + "hello " * 100)
        (root / "assets" / "main-1a2b.js").write_text("let x = 1;\n" * 20000)
        (root / "assets" / "main-1a2b.js.gz").write_bytes(gzip.compress((root / "assets" / "main-1a2b.js").read_bytes()))
        (root / "secret.pem").write_text("secret")
        os.symlink("/etc/passwd", root / "passwd.txt")
        with Platform(f"http.console={root}") as p:
            page = request(p, "GET", "/")
            assert page.status == 200 and page.data.startswith(b"<!doctype html>")
            assert page.getheader("cache-control") == "no-cache" and page.getheader("x-content-type-options") == "nosniff"
            assert "default-src 'self'" in page.getheader("content-security-policy")
            assert request(p, "GET", "/devices/boiler-2").status == 404, "the console's routes are behind the hash"
            assert request(p, "GET", "/", If_None_Match=page.getheader("etag")).status == 304
            plain = request(p, "GET", "/assets/main-1a2b.js")
            assert plain.data == (root / "assets" / "main-1a2b.js").read_bytes() and "immutable" in plain.getheader("cache-control")
            small = request(p, "GET", "/assets/main-1a2b.js", Accept_Encoding="gzip")
            assert small.getheader("content-encoding") == "gzip" and gzip.decompress(small.data) == plain.data
            for path in ("/secret.pem", "/passwd.txt", "/assets/none.js", "/assets/../secret.pem"):
                assert request(p, "GET", path).status == 404, path


def test_metrics_are_openmetrics():
    with Platform() as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"a":0}', "-q", "1")
        answer = request(p, "GET", "/metrics")
        assert answer.getheader("content-type").startswith("application/openmetrics-text")
        text = answer.data.decode()
        assert text.endswith("# EOF\n")
        kinds, last = {}, None
        for line in text.splitlines()[:-1]:
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split()
                assert name not in kinds, name
                kinds[name] = kind
                last = name
            elif not line.startswith("#"):
                name = line.split("{")[0].split()[0]
                assert name == last + {"counter": "_total", "info": "_info"}.get(kinds[last], ""), line
                float(line.split()[-1])
        assert 'signalbox_ingest_messages_total' in text
        assert request(p, "GET", "/metrics", Host="evil.example").status == 401
        assert request(p, "GET", "/metrics", X_Forwarded_For="1.2.3.4").status == 401
        assert request(p, "GET", "/metrics", X_Forwarded_For="1.2.3.4", Authorization="Bearer " + p.bearer("viewer")).status == 200
        assert any(m["name"] == "ingest_messages" for m in p.call("system.metrics")["metrics"])


def test_tls_is_spoken_alone_with_secure_cookies():
    import pathlib
    import ssl
    import tempfile
    with tempfile.TemporaryDirectory() as folder:
        cert, key = pathlib.Path(folder) / "cert.pem", pathlib.Path(folder) / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", key, "-out", cert], check=True, capture_output=True)
        with Platform(f"tls.certificate={cert}", f"tls.key={key}") as p:
            for _ in range(20):  # who does not shake hands must not stay in the books
                s = socket.create_connection(p.http, timeout=20)
                s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                try:
                    assert not s.recv(100).startswith(b"HTTP/1.1 200")
                except ConnectionResetError:
                    pass
                s.close()
            trust = ssl.create_default_context(cafile=str(cert))
            c = http.client.HTTPSConnection(*p.http, context=trust, timeout=20)
            c.request("POST", "/api/v1/login", json.dumps({"user": "admin", "password": first_password(p)}),
                      {"Content-Type": "application/json"})
            answer = c.getresponse()
            assert answer.status == 200 and "; Secure" in answer.getheader("set-cookie")
            answer.read()
            c.request("GET", "/metrics")
            text = c.getresponse().read().decode()
            assert int(text.split("\nsignalbox_api_connections_open ")[1].split()[0]) == 1
            old = ssl.create_default_context(cafile=str(cert))
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.minimum_version = ssl.TLSVersion.TLSv1
            old.set_ciphers("ALL:@SECLEVEL=0")
            try:
                old.wrap_socket(socket.create_connection(p.http, timeout=20), server_hostname="localhost")
                raise AssertionError("TLS 1.1 was spoken")
            except (ssl.SSLError, ConnectionError):
                pass
            status = subprocess.run([SIGNALBOX, "status", "--json", "--data", p.data, "--ca", cert],
                                    capture_output=True, text=True, timeout=30)
            assert status.returncode == 0 and json.loads(status.stdout)["health"] == "ok", status.stderr
            assert subprocess.run([SIGNALBOX, "status", "--data", p.data], capture_output=True, timeout=30).returncode == 1


def test_idle_clients_are_asked_whether_they_live():
    with Platform() as p:
        s = opened(p)
        s.settimeout(100)
        begin = time.monotonic()
        data = s.recv(100)
        assert data[0] & 15 == 9 and 20 < time.monotonic() - begin < 45, (data, time.monotonic() - begin)


def test_stopping_closes_clients_politely():
    p = Platform()
    with p:
        s = opened(p)
        assert p.stop() == 0
        assert close_code(s) == 1001


if __name__ == "__main__":
    run(globals())
