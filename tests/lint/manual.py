"""The manual names every command and option that the programs know, and the installed configuration is right:
manual.py SIGNALBOX SIGNALBOXD FLEET"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAN = ROOT / "packaging" / "man"
signalbox, signalboxd, fleet = sys.argv[1:]


def output(*line):
    return subprocess.run(line, capture_output=True, text=True, timeout=20, check=True).stdout


def options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


def page(name):
    return re.sub(r"\\(.)", r"\1", (MAN / name).read_text())


missing = []
manual = page("signalbox.1.scd")
commands = re.findall(r"^  ((?:[a-z]+ )*[a-z]+)(?= +[A-Z\[]|$)", output(signalbox, "help"), re.M)
if len(commands) < 20:
    sys.exit("the commands are no longer found in 'signalbox help'")
for command in commands:
    if f"*{command}*" not in manual:
        missing.append(f"signalbox.1.scd: the command '{command}'")
    for option in options(output(signalbox, *command.split(), "--help")) - options(manual):
        missing.append(f"signalbox.1.scd: {option} of '{command}'")
for program, name in ((signalboxd, "signalboxd.8.scd"), (fleet, "signalbox-fleet.1.scd")):
    for option in options(output(program, "--help")) - options(page(name)):
        missing.append(f"{name}: {option}")
for conf in sorted((ROOT / "packaging" / "conf").glob("*.conf")):
    answer = subprocess.run([signalboxd, "--check", "--config", conf], capture_output=True, text=True, timeout=20)
    if answer.returncode:
        missing.append(f"{conf.name} does not pass --check: {answer.stderr}")
for text in missing:
    print(text if "check" in text else "not said in " + text)
sys.exit(bool(missing))
