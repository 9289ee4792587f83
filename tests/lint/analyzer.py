#!/usr/bin/env python3
"""gcc -fanalyzer over core and plugins: the leak gate for the cleanup attribute, which clang-tidy cannot see.
analyzer.py SOURCE BUILD; findings that are wrong stand in analyzer.accepted with their reason."""
import os
import pathlib
import re
import subprocess
import sys

source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]) / "analyzer"
if not (build / "build.ninja").exists():
    subprocess.run(["meson", "setup", build, source, "-Dbuildtype=debugoptimized", "-Dwerror=false", "-Dtests=false",
                    "-Dc_args=-fanalyzer -Wno-analyzer-use-of-uninitialized-value -fdiagnostics-plain-output"],
                   check=True, stdout=subprocess.DEVNULL, env={**os.environ, "CC": "gcc"})
all_targets = subprocess.run(["ninja", "-C", build, "-t", "targets", "all"], check=True, capture_output=True, text=True)
wanted = re.findall(r"^((?:core/.*\.a|plugins/.*\.so)): ", all_targets.stdout, re.M)
subprocess.run(["ninja", "-C", build, "-t", "clean", *wanted], check=True, stdout=subprocess.DEVNULL)
made = subprocess.run(["ninja", "-C", build, *wanted], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

accepted = {}
for line in (source / "tests" / "lint" / "analyzer.accepted").read_text().splitlines():
    if line and not line.startswith("#"):
        accepted[tuple(line.split()[:3])] = line
found, function = {}, "-"
for line in made.stdout.splitlines():
    if match := re.search(r": In function [‘'](\w+)", line):
        function = match[1]
    elif match := re.match(r"(?:\.\./)*(?:.*/)?((?:core|plugins)/\S+\.[ch]):(\d+):\d+: warning: (.*) \[(-W\S+)\]$", line):
        found[match[1], function, match[4]] = f"{match[1]}:{match[2]}: {match[3]} [{match[4]}] in {function}"
for key in found.keys() - accepted.keys():
    print(found[key])
for key in accepted.keys() - found.keys():
    print("no longer found, remove from analyzer.accepted:", accepted[key])
if made.returncode:
    print(made.stdout[-3000:])
sys.exit(bool(made.returncode or found.keys() ^ accepted.keys()))
