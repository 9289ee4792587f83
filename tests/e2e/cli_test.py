"""The program `signalbox` as people and scripts use it."""
import json
import os
import subprocess
import tempfile
import threading

from harness import SIGNALBOX, Platform, eventually, mosquitto_pub, run


def cli(p, *args, code=0, stdin=None, data=True, env=None):
    line = [str(SIGNALBOX), *args] + (["--data", str(p.data)] if data else [])
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SIGNALBOX_")}
    done = subprocess.run(line, input=stdin, capture_output=True, text=True, timeout=60, env={**clean, **(env or {})})
    assert done.returncode == code, (args, done.returncode, done.stdout, done.stderr)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.stdout if code == 0 else done.stderr


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_token_is_made_offline_and_works():
    with Platform() as p:
        token = cli(p, "token", "create", "--role", "operator", "--ttl", "1h").strip()
        assert token.count(".") == 2 and "\n" not in token
        me = json.loads(cli(p, "call", "session.me", "--url", p.url(), "--token", token, data=False))
        assert me["role"] == "operator"
        again = json.loads(cli(p, "token", "create", "--role", "viewer", "--url", p.url(), "--token", token, "--json", data=False))
        assert again["token"].count(".") == 2
        cli(p, "token", "create", "--role", "admin", "--url", p.url(), "--token", token, data=False, code=4)
        cli(p, "token", "create", "--role", "king", code=2)
        assert p.stop() == 0
        cli(p, "token", "create")
        cli(p, "status", "--url", p.url(), code=1)
    with tempfile.TemporaryDirectory() as empty:
        assert "keys" in cli(p, "token", "create", "--data", empty, data=False, code=4)


def test_devices_are_shown_with_fates_and_quarantine():
    with Platform() as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"temp": 21.5, "label": "a\\u001b[31mb"}', "-q", "1")
        mosquitto_pub(p, "devices/d1/telemetry", '{"temp": \x1b[2J', "-q", "1")
        text = cli(p, "device", "show", "d1")
        assert "temp" in text and "21.5" in text and "quarantined  1" in text and "\x1b" not in text, text
        assert "\\x1b" in text
        detail = json.loads(cli(p, "device", "show", "d1", "--json"))
        assert detail["device"]["fates"]["quarantined"]["count"] == 1 and detail["quarantine"][0]["head"].startswith('{"temp"')
        assert [d["id"] for d in lines(cli(p, "device", "list", "--json"))].count("d1") == 1
        assert "d1" in cli(p, "device", "list", "state:active")
        assert cli(p, "device", "list", "state:retired", "--json") == ""
        assert "no such device" in cli(p, "device", "show", "nobody", code=3)
        cli(p, "device", "show", code=2)
        cli(p, "device", "list", "state:odd", code=2)


def test_changes_have_exit_codes_that_tell():
    with Platform() as p:
        cli(p, "device", "create", "d1", "--name", "pump", "--tag", "a", "--tag", "b")
        cli(p, "device", "create", "d1", code=5)
        cli(p, "device", "update", "d1", "--name", "x", "--if-rev", "99", code=5)
        assert "would be" in cli(p, "device", "remove", "d1", "--dry-run")
        cli(p, "device", "approve", "d1")
        cli(p, "device", "suspend", "d1")
        cli(p, "device", "update", "d1", "--state=active", "--site", "north")
        one = json.loads(cli(p, "device", "show", "d1", "--json"))["device"]
        assert (one["state"], one["site"], one["name"], one["tags"]) == ("active", "north", "pump", ["a", "b"])
        viewer = cli(p, "token", "create", "--role", "viewer").strip()
        cli(p, "device", "remove", "d1", "--url", p.url(), "--token", viewer, data=False, code=4)
        cli(p, "device", "remove", "d1")
        cli(p, "device", "list", "--nonsense", code=2)
        cli(p, "nonsense", code=2)
        cli(p, "status", "--token", "bad", code=4)


def test_history_comes_as_table_csv_and_json():
    with Platform() as p:
        batch = json.dumps([{"ts": 1790000000000 + n * 1000, "values": {"n": n, "t": 'a,"b'}} for n in range(10)])
        mosquitto_pub(p, "devices/d1/telemetry", batch, "-q", "1")
        csv = cli(p, "query", "d1", "n", "--from", "2026-01-01", "--csv").splitlines()
        assert csv[0] == "device,series,time_ms,value,quality,flags" and csv[1].startswith("d1,n,1790000000000,0,") and len(csv) == 11
        assert 'd1,t,1790000000000,"a,""b"' in cli(p, "query", "d1/t", "--from", "1790000000000", "--csv")
        got = lines(cli(p, "query", "d1/n", "d1/t", "--from", "0", "--limit", "2", "--json"))
        assert [s["name"] for s in got] == ["n", "t"] and [v[:2] for v in got[0]["points"]] == [[1790000000000, 0], [1790000001000, 1]] and got[0]["truncated"]
        buckets = lines(cli(p, "query", "d1", "n", "--from", "0", "--every", "5s", "--json"))[0]["buckets"]
        assert [b[1] for b in buckets] == [5, 5]
        assert "2026-09-21T" in cli(p, "query", "d1", "n", "--from", "0", "--newest")
        assert [s["name"] for s in lines(cli(p, "series", "list", "d1", "--json"))] == ["n", "t"]
        cli(p, "query", "d1", "nothing", code=3)
        cli(p, "query", "d1", "--from", "yesterdayish", code=2)


def test_watching_prints_what_arrives():
    with Platform() as p:
        mosquitto_pub(p, "devices/d1/telemetry", '{"n": 0}', "-q", "1")
        out = []
        thread = threading.Thread(target=lambda: out.append(cli(p, "tail", "d1", "--count", "3", "--json")))
        thread.start()

        def sent():
            mosquitto_pub(p, "devices/d2/telemetry", '{"n": 5}', "-q", "1")
            mosquitto_pub(p, "devices/d1/telemetry", '{"n": 1}', "-q", "1")
            return not thread.is_alive()

        assert eventually(sent, 20)
        thread.join()
        assert [(v["device"], v["series"], v["value"]) for v in lines(out[0])] == [("d1", "n", 1)] * 3
        assert cli(p, "watch", "--for", "1s", "--series", "none") == ""


def test_people_are_managed_and_log_in():
    with Platform() as p, tempfile.TemporaryDirectory() as home:
        text = cli(p, "user", "create", "ada", "--role", "operator")
        first = text.split("first password: ")[1].strip()
        env = {"XDG_CONFIG_HOME": home, "SIGNALBOX_URL": p.url()}
        cli(p, "login", "ada", stdin="wrong password\n", data=False, env=env, code=4)
        cli(p, "login", "ada", stdin=first + "\n", data=False, env=env)
        kept = os.path.join(home, "signalbox", "cli.conf")
        assert os.stat(kept).st_mode & 0o777 == 0o600
        env = {"XDG_CONFIG_HOME": home}
        assert json.loads(cli(p, "call", "session.me", data=False, env=env))["user"] == "ada"
        cli(p, "device", "list", data=False, env=env, code=4)
        cli(p, "user", "password", stdin=first + "\nmy own password\n", data=False, env=env)
        cli(p, "device", "list", data=False, env=env, code=4)
        cli(p, "login", "ada", stdin="my own password\n", data=False, env=env)
        cli(p, "device", "list", data=False, env=env)
        reset = cli(p, "user", "reset", "ada").split("password: ")[1].strip()
        cli(p, "device", "list", data=False, env=env, code=4)
        cli(p, "login", "ada", stdin=reset + "\n", data=False, env=env)
        cli(p, "logout", data=False, env=env)
        assert not os.path.exists(kept)
        assert "ada" in cli(p, "user", "list")
        cli(p, "user", "update", "ada", "--role", "admin", "--disable")
        assert [u["disabled"] for u in lines(cli(p, "user", "list", "--json")) if u["name"] == "ada"] == [True]
        cli(p, "user", "remove", "ada")
        cli(p, "user", "remove", "ada", code=3)
        cli(p, "user", "create", "red", "--integration", "--publish", "red/#", "--publish", "a/+", "--subscribe", "")
        assert "red/# a/+  none" in cli(p, "user", "list")
        cli(p, "user", "update", "red", "--topics-by-role")
        assert "publish" not in lines(cli(p, "user", "list", "--json"))[-1]
        cli(p, "user", "update", "red", "--publish", "a/#/b", code=2)


def test_every_command_explains_itself():
    with Platform() as p:
        text = cli(p, "help", data=False)
        names = [line[2:38].strip() for line in text.splitlines() if line.startswith("  ") and not line.startswith("  --")]
        assert len(names) > 20
        for name in names:
            words = []
            for word in name.split():
                if word != word.lower() or not word.isalpha():
                    break
                words.append(word)
            assert "usage: signalbox" in cli(p, *words, "--help", data=False), name
        assert "signalbox" in cli(p, "version", data=False)
        assert "complete -F" in cli(p, "completion", "bash", data=False)
        assert subprocess.run(["bash", "-n"], input=cli(p, "completion", "bash", data=False), text=True).returncode == 0
        assert json.loads(cli(p, "status", "--json"))["name"] == "signalbox"
        assert "health" in cli(p, "status") and "store" in cli(p, "plugin", "list")
        assert any(m["name"] == "api_clients" for m in lines(cli(p, "metrics", "--json")))
        assert json.loads(cli(p, "call", "device.list", "-", stdin='{"limit": 1}'))["devices"] is not None
        cli(p, "call", "device.list", "[1]", code=2)
        cli(p, "call", "no.such", code=2)


if __name__ == "__main__":
    run(globals())
