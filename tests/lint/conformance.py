"""CONFORMANCE.md of the MQTT server has every statement of both standards once, with files and tests that exist:
conformance.py ROOT"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
PLUGIN = ROOT / "plugins" / "adapter-mqtt"
TESTS = ROOT / "tests"

# How many statements each section of the standard has, or which, where it begins with another than 1.
V5 = {
    "1.5.4": 3, "1.5.5": 1, "1.5.7": 1, "2.1.3": 1, "2.2.1": range(2, 7), "2.2.2": 1, "3.1.0": 2, "3.1.2": 30,
    "3.1.3": 12, "3.1.4": 6, "3.2.0": 2, "3.2.2": 22, "3.3.1": 13, "3.3.2": 20, "3.3.4": 10, "3.4.2": 3, "3.5.2": 3,
    "3.6.1": 1, "3.6.2": 3, "3.7.2": 3, "3.8.1": 1, "3.8.3": 5, "3.8.4": 8, "3.9.2": 2, "3.9.3": 2, "3.10.1": 1,
    "3.10.3": 2, "3.10.4": 6, "3.11.2": 2, "3.11.3": 2, "3.12.4": 1, "3.14.0": 1, "3.14.1": 1, "3.14.2": 4,
    "3.14.4": 3, "3.15.1": 1, "3.15.2": 3, "4.1.0": 2, "4.2": 1, "4.3.1": 1, "4.3.2": 5, "4.3.3": 13, "4.4.0": 2,
    "4.5.0": 2, "4.6.0": 6, "4.7.0": 1, "4.7.1": 2, "4.7.2": 1, "4.7.3": 4, "4.8.2": 6, "4.9.0": 3, "4.12.0": 7,
    "4.12.1": 2, "4.13.1": 1, "4.13.2": 1, "6.0.0": 4,
}
V3 = {
    "1.5.3": 3, "2.2.2": 2, "2.3.1": 7, "3.1.0": 2, "3.1.2": 24, "3.1.3": 11, "3.1.4": 5, "3.2.0": 1, "3.2.2": 6,
    "3.3.1": 12, "3.3.2": 3, "3.3.4": 1, "3.3.5": 2, "3.6.1": 1, "3.8.1": 1, "3.8.3": 4, "3.8.4": 6, "3.9.3": 2,
    "3.10.1": 1, "3.10.3": 2, "3.10.4": 6, "3.12.4": 1, "3.14.1": 1, "3.14.4": 3, "4.1.0": 2, "4.2.0": 1, "4.3.1": 1,
    "4.3.2": 2, "4.3.3": 2, "4.4.0": 1, "4.5.0": 2, "4.6.0": 6, "4.7.1": 3, "4.7.2": 1, "4.7.3": 4, "4.8.0": 2,
    "6.0.0": 4,
}


def statements(sections):
    return [f"{section}-{n}" for section, count in sections.items()
            for n in (count if isinstance(count, range) else range(1, count + 1))]


def functions():
    """suite -> names of its tests."""
    found = {"e2e": set(), "fuzz": {p.stem[5:] for p in (TESTS / "fuzz").glob("fuzz_*.c")}}
    for path in [*(TESTS / "plugin" / "adapter-mqtt").glob("test_*.c"), *(TESTS / "unit" / "base").glob("test_*.c")]:
        found.setdefault(path.stem[5:], set()).update(
            re.findall(r"^static void (\w+)\(\s*void \*\*state", path.read_text(), re.M))
    for path in [*(TESTS / "e2e").glob("mqtt*_test.py"), TESTS / "e2e" / "websocket_test.py"]:
        found["e2e"].update(re.findall(r"^def test_(\w+)", path.read_text(), re.M))
    return found


def table(part):
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[0] not in ("clause", "what"):
            yield cells


bad = []
known = functions()


def check(name, files, tests):
    for file in files.split():
        if not (ROOT / file if "/" in file else PLUGIN / file).is_file():
            bad.append(f"{name}: there is no {file}")
    if not tests:
        bad.append(f"{name}: no test")
    for test in tests.split("; "):
        suite, _, function = test.partition(": ")
        if function not in known.get(suite, ()):
            bad.append(f"{name}: there is no test {test!r}")


def part(text, title, sections):
    rows = list(table(text))
    for number, *cells in rows:
        check(f"{title} {number}", cells[1], cells[2])
    clients = re.search(r"### Bind clients only\n\n(.*?)\n\n", text, re.S).group(1)
    have = [row[0] for row in rows] + re.findall(r"\d+(?:\.\d+)+-\d+", clients)
    for number in statements(sections):
        if have.count(number) != 1:
            bad.append(f"{title} {number} stands {have.count(number)} times")
    for number in set(have) - set(statements(sections)):
        bad.append(f"{title} has no {number}")
    return len(have)


text = (PLUGIN / "CONFORMANCE.md").read_text()
_, five, rest = re.split(r"^## MQTT 5\.0$|^## MQTT 3\.1\.1$", text, maxsplit=2, flags=re.M)
three, chosen = re.split(r"^## What is optional", rest, maxsplit=1, flags=re.M)
count = part(five + "\n\n", "MQTT 5.0", V5) + part(three + "\n\n", "MQTT 3.1.1", V3)
for name, _, tests in table(chosen):
    check(name, "", tests)
print(f"{count} statements", *bad, sep="\n")
sys.exit(bool(bad))
