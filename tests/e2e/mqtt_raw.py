"""MQTT byte by byte: a client that sends whatever a test wants, and reads packets as they come."""
import socket
import struct
import time

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, \
    PINGRESP, DISCONNECT, AUTH = range(1, 16)

# Properties of 5.0: identifier, and how its value is spelled.
NAMES = {
    "payload_format": (1, "B"), "message_expiry": (2, ">I"), "content_type": (3, "s"), "response_topic": (8, "s"),
    "correlation_data": (9, "s"), "subscription_id": (11, "v"), "session_expiry": (17, ">I"), "assigned_id": (18, "s"),
    "server_keep_alive": (19, ">H"), "auth_method": (21, "s"), "auth_data": (22, "s"), "request_problem": (23, "B"),
    "will_delay": (24, ">I"), "request_response": (25, "B"), "response_information": (26, "s"),
    "server_reference": (28, "s"), "reason": (31, "s"), "receive_maximum": (33, ">H"), "alias_maximum": (34, ">H"),
    "alias": (35, ">H"), "maximum_qos": (36, "B"), "retain_available": (37, "B"), "user": (38, "p"),
    "maximum_packet": (39, ">I"),
}
BY_ID = {number: (name, kind) for name, (number, kind) in NAMES.items()}


def varint(n):
    out = bytearray()
    while True:
        n, digit = n >> 7, n & 127
        out.append(digit | (128 if n else 0))
        if not n:
            return bytes(out)


def text(s):
    s = s.encode() if isinstance(s, str) else s
    return struct.pack(">H", len(s)) + s


def properties(values):
    """A property block; user is a list of pairs, subscription_id may be a list."""
    out = b""
    for name, value in values.items():
        number, kind = NAMES[name]
        for one in value if isinstance(value, list) else [value]:
            out += bytes([number])
            if kind == "s":
                out += text(one)
            elif kind == "p":
                out += text(one[0]) + text(one[1])
            else:
                out += varint(one) if kind == "v" else struct.pack(kind, one)
    return varint(len(out)) + out


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data), self.data
        self.at += n
        return self.data[self.at - n:self.at]

    def u8(self):
        return self.take(1)[0]

    def u16(self):
        return int.from_bytes(self.take(2), "big")

    def string(self):
        return self.take(self.u16())

    def varint(self):
        value, shift = 0, 0
        while True:
            digit = self.u8()
            value |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return value

    def rest(self):
        return self.take(len(self.data) - self.at)

    def properties(self):
        if self.at == len(self.data):
            return {}
        inner, found = Cursor(self.take(self.varint())), {}
        while inner.at < len(inner.data):
            name, kind = BY_ID[inner.u8()]
            if kind == "s":
                value = inner.string()
            elif kind == "p":
                value = (inner.string().decode(), inner.string().decode())
            elif kind == "v":
                value = inner.varint()
            else:
                value = struct.unpack(kind, inner.take(struct.calcsize(kind)))[0]
            if name in ("user", "subscription_id"):
                found.setdefault(name, []).append(value)
            else:
                assert name not in found, f"{name} twice"
                found[name] = value
        return found


def packet(first, body):
    return bytes([first]) + varint(len(body)) + body


class Message:
    def __init__(self, flags, body, v5):
        c = Cursor(body)
        self.qos, self.retain, self.dup = flags >> 1 & 3, bool(flags & 1), bool(flags & 8)
        self.topic = c.string().decode()
        self.id = c.u16() if self.qos else 0
        self.properties = c.properties() if v5 else {}
        self.payload = c.rest()


class Raw:
    """A connection. With an id it connects at once and keeps the CONNACK in code, present and granted."""

    def __init__(self, address, client=None, version=5, **options):
        self.socket = socket.create_connection(address, timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.version, self.buffer = version, b""
        if client is not None:
            self.send(self.connect(client, **options))
            body = self.expect(CONNACK)
            self.present, self.code = body[0], body[1]
            self.granted = Cursor(body[2:]).properties() if self.v5 else {}

    @property
    def v5(self):
        return self.version == 5

    def connect(self, client, clean=True, keep_alive=0, will=None, will_properties=None, user=None, **props):
        """will: (topic, payload, qos, retain)."""
        flags = 2 if clean else 0
        payload = text(client)
        if will:
            flags |= 4 | will[2] << 3 | will[3] << 5
            payload += properties(will_properties or {}) if self.v5 else b""
            payload += text(will[0]) + text(will[1])
        if user:
            flags |= 0xC0
            payload += text(user[0]) + text(user[1])
        head = text("MQTT") + bytes([self.version, flags]) + struct.pack(">H", keep_alive)
        return packet(CONNECT << 4, head + (properties(props) if self.v5 else b"") + payload)

    def send(self, data):
        self.socket.sendall(data)
        return self

    def publish(self, topic, payload=b"", qos=0, id=0, retain=False, dup=False, **props):
        payload = payload.encode() if isinstance(payload, str) else payload
        body = text(topic) + (struct.pack(">H", id) if qos else b"") + (properties(props) if self.v5 else b"")
        return self.send(packet(PUBLISH << 4 | dup << 3 | qos << 1 | retain, body + payload))

    def subscribe(self, *filters, id=1, **props):
        """filters: text, or (text, options). The codes of the SUBACK."""
        body = struct.pack(">H", id) + (properties(props) if self.v5 else b"")
        for one in filters:
            name, options = one if isinstance(one, tuple) else (one, 0)
            body += text(name) + bytes([options])
        self.send(packet(SUBSCRIBE << 4 | 2, body))
        return self.codes(SUBACK, id)

    def unsubscribe(self, *filters, id=1):
        body = struct.pack(">H", id) + (b"\0" if self.v5 else b"") + b"".join(text(one) for one in filters)
        self.send(packet(UNSUBSCRIBE << 4 | 2, body))
        return self.codes(UNSUBACK, id)

    def codes(self, kind, id):
        c = Cursor(self.expect(kind))
        assert c.u16() == id
        if self.v5:
            c.properties()
        return list(c.rest())

    def ack(self, kind, id, code=None):
        body = struct.pack(">H", id) + (b"" if code is None else bytes([code]))
        return self.send(packet(kind << 4 | (2 if kind == PUBREL else 0), body))

    def next(self, seconds=10):
        """(type, flags, body) of the next packet; None at the end of the connection."""
        end = time.monotonic() + seconds
        while True:
            frame = self.frame()
            if frame:
                return frame
            self.socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                assert not self.buffer, self.buffer
                return None
            self.buffer += more

    def frame(self):
        length, shift = 0, 0
        for at, digit in enumerate(self.buffer[1:5], 2):
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                if len(self.buffer) < at + length:
                    return None
                first, body = self.buffer[0], self.buffer[at:at + length]
                self.buffer = self.buffer[at + length:]
                return first >> 4, first & 15, body
        return None

    def expect(self, kind, seconds=10):
        frame = self.next(seconds)
        assert frame and frame[0] == kind, f"{frame} instead of a packet of type {kind}"
        return frame[2]

    def answer(self, kind, id):
        """The reason code of a PUBACK and its like."""
        body = self.expect(kind)
        assert body[:2] == struct.pack(">H", id), (body, id)
        return body[2] if len(body) > 2 else 0

    def message(self, seconds=10):
        frame = self.next(seconds)
        assert frame and frame[0] == PUBLISH, frame
        return Message(frame[1], frame[2], self.v5)

    def quiet(self):
        """Nothing has come: what was sent before is answered, and the answer is the first packet."""
        self.send(b"\xc0\0")
        assert self.expect(PINGRESP) == b""

    def closed(self, seconds=10):
        """The code of the DISCONNECT the server ended it with; None if it said nothing."""
        frame, code = self.next(seconds), None
        if frame:
            assert frame[0] == DISCONNECT, frame
            code, self.last = frame[2][0], Cursor(frame[2][1:]).properties()
            frame = self.next(seconds)
        assert frame is None, frame
        return code

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
