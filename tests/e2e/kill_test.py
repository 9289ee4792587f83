"""A fleet sends while the platform is killed again and again; the oracle finds nothing lost, duplicated,
disordered or altered. Seconds and kills can be raised: KILL_SECONDS=60 KILL_TIMES=5 KILL_DEVICES=2000."""
import os
import pathlib
import socket
import subprocess
import tempfile
import time

from harness import FLEET, Platform, run

SECONDS = int(os.environ.get("KILL_SECONDS", "16"))
TIMES = int(os.environ.get("KILL_TIMES", "3"))
DEVICES = int(os.environ.get("KILL_DEVICES", "300"))
RATE = int(os.environ.get("KILL_RATE", str(DEVICES)))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def verify(p, oracle):
    answer = subprocess.run([FLEET, "verify", "--oracle", oracle, "--url", p.url(), "--token", p.bearer()],
                            capture_output=True, text=True, timeout=240)
    print("\n".join("# " + line for line in (answer.stdout + answer.stderr).splitlines()[-30:]))
    return answer.returncode


def test_a_fleet_loses_nothing_when_the_platform_is_killed():
    port = free_port()
    oracle = pathlib.Path(tempfile.mkstemp(prefix="signalbox-oracle-")[1])
    try:
        with Platform(f"mqtt.listen=127.0.0.1:{port}", "log.level=info") as p:
            fleet = subprocess.Popen([FLEET, "run", "--devices", str(DEVICES), "--broker", f"127.0.0.1:{port}",
                                      "--rate", str(RATE), "--duration", str(SECONDS), "--oracle", oracle, "--quiet"],
                                     stdout=subprocess.PIPE, text=True)
            for _ in range(TIMES):
                time.sleep(SECONDS / (TIMES + 1))
                p.kill()
                p.start()
                print(f"# ready again after {p.ready_seconds:.2f} s")
                assert p.ready_seconds <= 2, p.ready_seconds
            out, _ = fleet.communicate(timeout=SECONDS + 120)
            print("# " + out.strip().replace("\n", "\n# "))
            assert fleet.returncode == 0, "not everything was acknowledged"
            assert verify(p, oracle) == 0
            p.kill()
            p.start()
            assert verify(p, oracle) == 0
            assert p.stop() == 0
            p.start()
            assert verify(p, oracle) == 0
    finally:
        oracle.unlink()


def test_the_oracle_notices_what_is_missing_and_what_is_wrong():
    with Platform() as p:
        oracle = pathlib.Path(tempfile.mkstemp(prefix="signalbox-oracle-")[1])
        subprocess.run([FLEET, "run", "--devices", "20", "--broker", "%s:%d" % p.mqtt, "--rate", "100", "--duration",
                        "2", "--oracle", oracle, "--quiet"], check=True, stdout=subprocess.DEVNULL)
        lines = oracle.read_text().splitlines()
        oracle.write_text("\n".join(lines + ['a s1-meter1 1790000000000 "power":1.5']) + "\n")
        assert verify(p, oracle) == 1
        oracle.write_text("\n".join(lines[:1] + [lines[1].replace('"seq":1', '"seq":7')] + lines[2:]) + "\n")
        assert verify(p, oracle) == 1
        oracle.write_text("\n".join(lines) + "\n")
        assert verify(p, oracle) == 0
        oracle.unlink()


if __name__ == "__main__":
    run(globals())
