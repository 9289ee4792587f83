"""Who is let in over MQTT and what they may do: passwords, tokens, certificates, pre-shared keys, topic lists; and
what becomes of open sessions when that changes."""
import itertools
import pathlib
import shutil
import ssl
import subprocess
import tempfile
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import SIGNALBOX, ApiError, Platform, eventually, run

PASSWORD = "a long enough one"


class Closed(Platform):
    """Without anonymous clients."""

    def command(self):
        return [word.replace("mqtt.anonymous=yes", "mqtt.anonymous=no") for word in super().command()]


class Secure(Closed):
    """With TLS, by a certificate nobody has to believe."""

    def __init__(self, *sets, **options):
        super().__init__(*sets, **options)
        self.ssl = ssl.create_default_context()
        self.ssl.check_hostname = False
        self.ssl.verify_mode = ssl.CERT_NONE


class Client:
    """paho, MQTT 5; got are the (topic, payload) received, ended the reason of the server's DISCONNECT."""

    def __init__(self, platform, name="", password="", client_id="", clean=True, will=None, cert=None):
        self.got, self.codes, self.ended, self.refused, self.closed = [], {}, None, None, False
        self.up = False
        self.c = paho.Client(client_id=client_id, protocol=paho.MQTTv5)
        if name or password:
            self.c.username_pw_set(name or None, password)
        if will:
            self.c.will_set(*will)
        self.c.on_connect = self.on_connect
        self.c.on_disconnect = self.on_disconnect
        self.c.on_message = lambda _c, _u, m: self.got.append((m.topic, m.payload.decode()))
        self.c.on_subscribe = lambda _c, _u, mid, codes, _p: self.codes.__setitem__(mid, [c.value for c in codes])
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0 if clean else 600
        if cert:  # a path without .pem, .key
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.load_cert_chain(f"{cert}.pem", f"{cert}.key")
            self.c.tls_set_context(context)
        host, port = platform.address("mqtts") if cert else platform.mqtt
        self.c.connect(host, port, clean_start=clean, properties=properties)
        self.c.loop_start()
        assert eventually(lambda: self.up or self.refused is not None or self.closed), "no answer to CONNECT"

    def on_connect(self, _c, _u, flags, reason, _p=None):
        self.up = reason.value == 0
        self.present = flags["session present"]
        if not self.up:
            self.refused = reason.value

    def on_disconnect(self, _c, _u, reason, _p=None):
        self.closed = True
        self.ended = getattr(reason, "value", reason)

    def subscribe(self, topic, qos=1):
        _, mid = self.c.subscribe(topic, qos)
        assert eventually(lambda: mid in self.codes), "no SUBACK"
        return self.codes[mid][0]

    def publish(self, topic, payload="x", qos=1, retain=False):
        info = self.c.publish(topic, payload, qos, retain)
        info.wait_for_publish(10)
        assert info.is_published()

    def topics(self):
        return [topic for topic, _ in self.got]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.c.disconnect()
        self.c.loop_stop()


def user(p, name, role="operator", **rights):
    p.call("user.create", name=name, password=PASSWORD, role=role, integration=True, **rights)


def token(p, *options):
    return subprocess.run([SIGNALBOX, "token", "create", "--data", p.data, *options], check=True, capture_output=True,
                          text=True).stdout.strip()


def mosquitto(*line, timeout=20):
    return subprocess.run(line, capture_output=True, text=True, timeout=timeout)


def test_roles_and_topic_lists_hold_at_subscribe_publish_and_delivery():
    with Closed() as p:
        user(p, "admin2", "admin")
        user(p, "view", "viewer")
        user(p, "oper")
        user(p, "red", publish=["red/#"], subscribe=["red/#", "devices/+/telemetry"])
        with Client(p, "admin2", PASSWORD) as admin, Client(p, "view", PASSWORD) as view, \
                Client(p, "oper", PASSWORD) as oper, Client(p, "red", PASSWORD) as red:
            assert view.subscribe("#") == 1 and oper.subscribe("$SYS/#") == 0x87
            assert red.subscribe("other/#") == 0x87 and red.subscribe("red/x/#") == 1
            assert red.subscribe("#") == 1 and red.subscribe("$share/g/other/x") == 0x87
            view.publish("a/view")
            oper.publish("a/oper")
            oper.publish("devices/d1/telemetry", '{"t": 1}')
            oper.publish("devices/d1/commands/1")
            red.publish("a/red")
            red.publish("red/red")
            admin.publish("devices/d1/telemetry", '{"t": 2}')
            admin.publish("end")
            assert eventually(lambda: "end" in view.topics()), view.got
            assert view.topics() == ["a/oper", "devices/d1/commands/1", "red/red", "devices/d1/telemetry", "end"]
            assert eventually(lambda: len(red.got) >= 2)
            assert sorted(red.topics()) == ["devices/d1/telemetry", "red/red"], red.got
        assert p.points("d1", "t")["t"][0][1] == 2


def test_retained_messages_and_wills_keep_to_rights():
    with Closed() as p:
        user(p, "admin2", "admin")
        user(p, "red", publish=["red/#"], subscribe=["red/#"])
        with Client(p, "admin2", PASSWORD) as admin:
            admin.publish("red/kept", "1", retain=True)
            admin.publish("secret/kept", "2", retain=True)
            assert admin.subscribe("#") == 1
            with Client(p, "red", PASSWORD) as red:
                assert red.subscribe("#") == 1
                assert eventually(lambda: red.got)
                red.publish("red/end")
                assert eventually(lambda: "red/end" in red.topics())
                assert red.topics() == ["red/kept", "red/end"], red.got
            assert Client(p, "red", PASSWORD, will=("secret/w", "boo")).refused == 0x87
            dying = Client(p, "red", PASSWORD, will=("red/w", "gone"))
            assert dying.up
            p.call("user.update", name="red", publish=["elsewhere/#"])
            time.sleep(0.6)  # two ticks of the server: the change is noticed
            dying.c.loop_stop()
            dying.c._sock_close()
            admin.publish("end")
            assert eventually(lambda: "end" in admin.topics())
            assert "red/w" not in admin.topics() and "secret/w" not in admin.topics(), admin.got


def test_withdrawn_rights_end_what_is_open_and_what_waits():
    with Closed() as p:
        user(p, "admin2", "admin")
        user(p, "red", subscribe=["a/#", "b/#"])
        with Client(p, "admin2", PASSWORD) as admin:
            away = Client(p, "red", PASSWORD, client_id="away", clean=False)
            assert away.subscribe("a/x") == 1 and away.subscribe("b/x") == 1
            away.c.disconnect()
            assert eventually(lambda: away.closed)
            away.c.loop_stop()
            admin.publish("a/x", "1")
            admin.publish("b/x", "2")
            with Client(p, "red", PASSWORD) as red:
                assert red.subscribe("a/#") == 1 and red.subscribe("b/#") == 1
                p.call("user.update", name="red", subscribe=["b/#"])
                probes = itertools.count()

                def is_noticed():
                    n = next(probes)
                    admin.publish(f"a/{n}")
                    admin.publish(f"b/{n}")
                    assert eventually(lambda: f"b/{n}" in red.topics()), red.got
                    return f"a/{n}" not in red.topics()

                assert eventually(is_noticed, 5)
                admin.publish("a/y")
                admin.publish("b/y")
                assert eventually(lambda: "b/y" in red.topics()) and "a/y" not in red.topics(), red.got
                with Client(p, "red", PASSWORD, client_id="away", clean=False) as back:
                    assert back.present
                    assert eventually(lambda: back.got) and back.topics() == ["b/x"], back.got
                p.call("user.update", name="red", subscribe=["c/#"])
                assert eventually(lambda: red.closed), "nothing remained, and yet it is connected"
                assert red.ended == 0x87, red.ended
            with Client(p, "red", PASSWORD) as red:
                p.call("user.update", name="red", password="another long one")
                assert eventually(lambda: red.closed) and red.ended == 0x87
                assert Client(p, "red", PASSWORD).refused in (0x86, 0x87)
            with Client(p, "red", "another long one") as red:
                p.call("user.update", name="red", disabled=True)
                assert eventually(lambda: red.closed) and red.ended == 0x87
            assert Client(p, "red", PASSWORD).refused in (0x86, 0x87)


def test_anonymous_wildcards_do_not_reach_devices_with_a_credential():
    with Platform() as p:
        p.call("device.create", id="locked", password="a secret of it")
        with Client(p) as nosy, Client(p, "locked", "a secret of it") as locked, Client(p, client_id="free") as free:
            assert nosy.subscribe("#") == 1 and nosy.subscribe("devices/locked/#") == 0x87
            locked.publish("devices/locked/telemetry", '{"t": 1}')
            locked.publish("devices/locked/state/reported", "{}", retain=True)
            free.publish("devices/free/telemetry", '{"t": 1}')
            free.publish("plain/x")
            assert eventually(lambda: "plain/x" in nosy.topics())
            assert nosy.topics() == ["devices/free/telemetry", "plain/x"], nosy.got
            assert nosy.subscribe("devices/free/#") == 1
            p.call("device.update", id="free", password="now it has one")
            assert eventually(lambda: free.closed) and free.ended in (0x87, 0x98)
            with Client(p, "free", "now it has one") as own:
                own.publish("devices/free/telemetry", '{"t": 2}')
                own.c.publish("devices/locked/telemetry", '{"t": 9}', 0)
            with Client(p) as plain:
                plain.publish("plain/end")
            assert eventually(lambda: "plain/end" in nosy.topics())
            assert nosy.topics().count("devices/free/telemetry") == 1, nosy.got
        assert len(p.points("locked", "t")["t"]) == 1


def test_a_token_of_the_api_is_a_password_until_it_ends():
    with Closed() as p:
        viewer, operator = token(p, "--role", "viewer"), token(p, "--role", "operator")
        with Client(p, "token", operator) as oper, Client(p, "any", viewer) as view:
            assert view.subscribe("#") == 1
            view.publish("a/view")
            oper.publish("a/oper")
            assert eventually(lambda: view.got) and view.topics() == ["a/oper"], view.got
        assert Client(p, "token", operator[:-4] + "AAAA").refused in (0x86, 0x87)
        short = token(p, "--role", "operator", "--ttl", "3s")
        with Client(p, "x", short) as c:
            assert c.up and eventually(lambda: c.closed) and c.ended == 0x87, c.ended
        assert Client(p, "x", short).refused in (0x86, 0x87)


def test_a_client_id_belongs_to_who_took_it_also_after_a_crash():
    data = pathlib.Path(tempfile.mkdtemp(prefix="signalbox-test-"))
    try:
        p = Closed(data=data).start()
        user(p, "one")
        user(p, "two")
        user(p, "gone")
        with Client(p, "one", PASSWORD, client_id="mine", clean=False) as one, \
                Client(p, "gone", PASSWORD, client_id="theirs", clean=False) as theirs:
            assert one.subscribe("a/#") == 1 and theirs.subscribe("a/#") == 1
            assert Client(p, "two", PASSWORD, client_id="mine").refused in (0x85, 0x87)
            answer = mosquitto("mosquitto_pub", "-h", p.mqtt[0], "-p", str(p.mqtt[1]), "-t", "x", "-m", "x", "-i", "mine",
                               "-u", "two", "-P", PASSWORD, "-V", "mqttv311")
            assert answer.returncode != 0, "3.1.1 took it"
            assert not one.closed
            p.call("user.update", name="gone", disabled=True)
            assert eventually(lambda: theirs.closed)
            p.kill()
        with Closed(data=data) as p:
            assert Client(p, "two", PASSWORD, client_id="mine").refused in (0x85, 0x87)
            with Client(p, "two", PASSWORD) as two, Client(p, "one", PASSWORD, client_id="mine", clean=False) as one:
                assert one.present
                two.publish("a/x")
                assert eventually(lambda: one.got)
    finally:
        shutil.rmtree(data, ignore_errors=True)


def openssl(folder, *line):
    subprocess.run(["openssl", *line], cwd=folder, check=True, capture_output=True, timeout=20)


def certificates(folder):
    """ca, a server's, of devices d1 and d2, one of an expired CN, one of nobody."""
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name, subject in ("ca", "our CA"), ("stranger", "d1"):
        openssl(folder, "req", "-x509", *ec, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={subject}",
                "-days", "30")
    for name, subject in ("server", "localhost"), ("d1", "d1"), ("d2", "d2"), ("new", "new-one"):
        openssl(folder, "req", "-new", *ec, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={subject}")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                "-out", f"{name}.pem", "-days", "30")


def tls_sets(folder, *more):
    return [f"tls.certificate={folder}/server.pem", f"tls.key={folder}/server.key", "mqtt.listen-tls=127.0.0.1:0", *more]


def publish_tls(p, device, *options):
    host, port = p.address("mqtts")
    return mosquitto("mosquitto_pub", "-h", host, "-p", str(port), "-q", "1", "-t", f"devices/{device}/telemetry", "-m",
                     '{"t": 1}', "-V", "mqttv5", "-d", *options)


def accepted(answer):
    text = answer.stdout + answer.stderr
    return answer.returncode == 0 and "PUBACK (Mid: 1, RC:0)" in text, text


def with_certificate(p, device, folder, name):
    return accepted(publish_tls(p, device, "--cafile", f"{folder}/ca.pem", "--insecure", "--cert", f"{folder}/{name}.pem",
                                "--key", f"{folder}/{name}.key"))


def test_a_certificate_speaks_for_its_device():
    folder = tempfile.mkdtemp(prefix="signalbox-certs-")
    try:
        certificates(folder)
        sets = tls_sets(folder, "mqtt.client-certificates=required", f"tls.client-ca={folder}/ca.pem")
        with Secure(*sets) as p:
            p.call("device.create", id="d1")
            assert not with_certificate(p, "d1", folder, "d1")[0], "nobody registered it"
            p.call("device.update", id="d1", certificate=pathlib.Path(folder, "d1.pem").read_text())
            good, text = with_certificate(p, "d1", folder, "d1")
            assert good, text
            assert not with_certificate(p, "d2", folder, "d1")[0], "d1 speaks for d2"
            assert not with_certificate(p, "d1", folder, "d2")[0] and not with_certificate(p, "d1", folder, "stranger")[0]
            none = publish_tls(p, "d1", "--cafile", f"{folder}/ca.pem", "--insecure")
            assert not accepted(none)[0], "no certificate is needed"
            # Rotation: a self-signed one as the next, both work, then only it.
            stranger = pathlib.Path(folder, "stranger.pem").read_text()
            p.call("device.update", id="d1", certificate=stranger, next=True)
            assert with_certificate(p, "d1", folder, "d1")[0] and with_certificate(p, "d1", folder, "stranger")[0]
            try:
                p.call("device.create", id="d3", certificate=stranger)
                raise AssertionError("two devices with one certificate")
            except ApiError as e:
                assert e.name == "exists", e.error
            p.call("device.update", id="d1", promote=True)
            assert with_certificate(p, "d1", folder, "stranger")[0] and not with_certificate(p, "d1", folder, "d1")[0]
            assert p.call("device.get", id="d1")["device"]["credential_kind"] == "certificate"
        with Secure(*sets, "provisioning.certificates=provision", "provisioning.auto=off") as p:
            good, text = with_certificate(p, "new-one", folder, "new")
            assert good, text
            assert p.call("device.get", id="new-one")["device"]["device"]["state"] == "active"
            assert not with_certificate(p, "d1", folder, "stranger")[0], "a foreign authority provisions"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def revocation_list(folder, *names):
    """crl.pem of the CA, with the certificates of these."""
    pathlib.Path(folder, "index.txt").write_text("")
    pathlib.Path(folder, "crlnumber").write_text("01\n")
    pathlib.Path(folder, "ca.cnf").write_text(
        "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\ncrlnumber=crlnumber\ndefault_md=sha256\ndefault_crl_days=30\n")
    for name in names:
        openssl(folder, "ca", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-revoke", f"{name}.pem")
    openssl(folder, "ca", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-gencrl", "-out", "crl.pem")


def test_a_revoked_certificate_is_refused():
    folder = tempfile.mkdtemp(prefix="signalbox-certs-")
    try:
        certificates(folder)
        revocation_list(folder)
        with Secure(*tls_sets(folder, "mqtt.client-certificates=optional", f"tls.client-ca={folder}/ca.pem",
                              f"tls.client-crl={folder}/crl.pem", "provisioning.certificates=named")) as p:
            p.call("device.create", id="d1")
            p.call("device.create", id="d2", password="a secret of it")
            assert with_certificate(p, "d1", folder, "d1")[0] and with_certificate(p, "d2", folder, "d2")[0]
            stolen, kept = (Client(p, client_id=name, cert=f"{folder}/{name}") for name in ("d1", "d2"))
            assert stolen.up and kept.up
            revocation_list(folder, "d1")
            p.call("system.reload")
            assert eventually(lambda: stolen.closed), "its connection goes on"
            assert not kept.closed and "tls.client-crl names their certificates: 1" in p.log()
            for client in stolen, kept:
                client.c.loop_stop()
                client.c.disconnect()
            assert not with_certificate(p, "d1", folder, "d1")[0]
            assert with_certificate(p, "d2", folder, "d2")[0]
            plain = publish_tls(p, "d2", "--cafile", f"{folder}/ca.pem", "--insecure", "-u", "d2", "-P", "a secret of it")
            good, text = accepted(plain)
            assert good, text
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_a_pre_shared_key_speaks_for_its_device():
    folder = tempfile.mkdtemp(prefix="signalbox-certs-")
    try:
        certificates(folder)
        key, other = "00112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"
        with Secure(*tls_sets(folder, "mqtt.psk=yes")) as p:
            p.call("device.create", id="d1", psk=key)
            p.call("device.create", id="d2", password="a secret of it")
            good, text = accepted(publish_tls(p, "d1", "--psk", key, "--psk-identity", "d1"))
            assert good, text
            # mosquitto speaks 1.3; that 1.2 uses the key shows in its cipher.
            old = subprocess.run(["openssl", "s_client", "-connect", "%s:%d" % p.address("mqtts"), "-tls1_2", "-psk", key,
                                  "-psk_identity", "d1"], input="", capture_output=True, text=True, timeout=20)
            assert "ECDHE-PSK" in old.stdout, old.stdout
            for secret, identity in (other, "d1"), (key, "d2"), (key, "nobody"):
                answer = publish_tls(p, identity, "--psk", secret, "--psk-identity", identity)
                assert not accepted(answer)[0], identity
            assert not accepted(publish_tls(p, "d2", "--psk", key, "--psk-identity", "d1"))[0], "d1 speaks for d2"
            p.call("device.update", id="d1", psk=other, next=True)
            assert accepted(publish_tls(p, "d1", "--psk", other, "--psk-identity", "d1#next"))[0]
            p.call("device.update", id="d1", promote=True)
            assert accepted(publish_tls(p, "d1", "--psk", other, "--psk-identity", "d1"))[0]
            assert not accepted(publish_tls(p, "d1", "--psk", key, "--psk-identity", "d1"))[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    run(globals())
