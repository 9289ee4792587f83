#!/usr/bin/env python3
"""Keeps the source honest: includes point to the left, a name says which file it is in, nothing grows
past what one can read. Prints one line per fault; exit 1 if there is any."""
import pathlib
import re
import sys

LAYERS = ["base", "model", "host", "journal", "series", "registry", "ingest", "backup", "promql", "alert", "fleet", "api"]
CLI_SEES = {"base", "model", "cli"}
# Helpers that are meant to read like the language.
FREE_NAMES = {"base/own.h"}
MAX_FILE = 500
MAX_FUNCTION = 80

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
faults = []


def sources(*folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*.[ch]")):
            if "node_modules" not in path.parts:
                yield path


def check_length(path, lines):
    if len(lines) > MAX_FILE:
        faults.append(f"{path.relative_to(root)}: {len(lines)} lines, {MAX_FILE} at most")
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > MAX_FUNCTION:
                faults.append(f"{path.relative_to(root)}:{start}: function of {number - start - 1} lines, "
                              f"{MAX_FUNCTION} at most")
            start = None


def check_includes(path, lines):
    where = path.relative_to(root / "core")
    folder = where.parts[0] if len(where.parts) > 1 else None
    for number, line in enumerate(lines, 1):
        m = re.match(r'#include "([a-z_]+)/', line)
        if not m:
            continue
        if folder in LAYERS and m[1] in LAYERS and LAYERS.index(m[1]) > LAYERS.index(folder):
            faults.append(f"core/{where}:{number}: {folder} may not include {m[1]}")
        if folder == "cli" and m[1] in LAYERS and m[1] not in CLI_SEES | CLI_EXTRA:
            faults.append(f"core/{where}:{number}: cli may not include {m[1]}")


# What the CLI does beside the platform with the platform's own code: it mints a token for whoever can read the
# data directory, puts a backup back, and reads a journal.
CLI_EXTRA = {"api", "backup", "journal"}


def check_plugin_includes(path, lines):
    for number, line in enumerate(lines, 1):
        m = re.match(r'#include "(?:\.\./)*([a-z_]+)/', line)
        if m and m[1] in LAYERS:
            faults.append(f"{path.relative_to(root)}:{number}: plugins include only <signalbox/...>")


def check_names(path, text):
    if str(path.relative_to(root / "core")) in FREE_NAMES:
        return
    owners = {path.stem} | set(re.findall(r"^struct (\w+) \{", text, re.M)) | set(
        re.findall(r"^struct (\w+);", text, re.M) if path.parent.name in LAYERS else [])
    for name in re.findall(r"^(?!static|typedef|#|\t| )[\w \*]*?\b([a-z]\w+)\(", text, re.M):
        if name.startswith("__"):
            continue
        if not any(name.startswith(owner + "_") or name == owner for owner in owners):
            faults.append(f"{path.relative_to(root)}: {name}() is named after none of {sorted(owners)}")


for path in sources("core", "plugins", "sdk", "tests"):
    if "abi/1." in str(path):
        continue
    lines = path.read_text().splitlines()
    check_length(path, lines)
for path in sources("core"):
    text = path.read_text()
    check_includes(path, text.splitlines())
    if path.suffix == ".h":
        check_names(path, text)
for path in sources("plugins"):
    check_plugin_includes(path, path.read_text().splitlines())

print("\n".join(faults))
sys.exit(bool(faults))
