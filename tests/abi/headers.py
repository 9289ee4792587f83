#!/usr/bin/env python3
"""Every public header, alone and together, in every language and by every compiler we promise."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

INCLUDE = pathlib.Path(sys.argv[1]).resolve()
STANDARDS = [("c", "c11"), ("c", "c17"), ("c++", "c++14"), ("c++", "c++20")]
COMPILERS = {"gcc": {"c": "gcc", "c++": "g++"}, "clang": {"c": "clang", "c++": "clang++"}}
PLUGIN = """
static int32_t init(const struct sb_core *core, const char *path) { return core && path ? 0 : SB_E_FAIL; }
static const struct sb_descriptor *describe(uint32_t i) { (void)i; return NULL; }
SB_PLUGIN("probe", "1.0.0", 0, init, NULL, describe);
"""


def main():
    wrong = done = 0
    headers = sorted(str(p.relative_to(INCLUDE)) for p in INCLUDE.rglob("*.h"))
    with tempfile.TemporaryDirectory() as tmp:
        for family, names in COMPILERS.items():
            for language, standard in STANDARDS:
                if not shutil.which(names[language]):
                    if os.environ.get("CI"):
                        sys.exit(f"{names[language]} is not installed")
                    print(f"skipped: no {names[language]}")
                    continue
                for header in [*headers, None]:
                    path = pathlib.Path(tmp, "probe.c")
                    body = f"#include <{header or 'signalbox/plugin.h'}>\n"
                    path.write_text(body + ("" if header else PLUGIN))
                    command = [names[language], "-x", language, f"-std={standard}", "-Wall", "-Wextra",
                               "-Wpedantic", "-Werror", "-I", str(INCLUDE), "-fsyntax-only", str(path)]
                    r = subprocess.run(command, capture_output=True, text=True)
                    done += 1
                    if r.returncode:
                        wrong += 1
                        print(f"{family} {standard} {header or 'a plugin'}:\n{r.stderr}")
    print(f"{done - wrong} of {done} compiled")
    sys.exit(1 if wrong else 0)


main()
