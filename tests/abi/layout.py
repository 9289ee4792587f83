#!/usr/bin/env python3
"""The layout of the plugin ABI as text, compared with what was promised.

    layout.py check  --golden FILE --cc CC      every promised line still holds (what the test runs)
    layout.py extend --golden FILE --cc CC      append what is new, after check passed
    layout.py write  --golden FILE --cc CC      write anew; only while nothing is frozen (no 1.0/ here)

One line per member, constant and type. Lines are only ever added: an incompatible change is a new
interface revision, not an edit here. The size of a struct that begins with `size` may grow.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parent.parent / "sdk" / "include"
HEADERS = ["error.h", "types.h", "services.h", "kinds.h", "plugin.h"]


def source():
    text = "\n".join((INCLUDE / "signalbox" / h).read_text() for h in HEADERS)
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    return text


def plain(text):
    return re.sub(r"\s+", " ", text).strip()


def split_members(body):
    """Declarations of a struct body, nested braces kept whole."""
    out, depth, part = [], 0, ""
    for c in body:
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(c, 0)
        if c == ";" and depth == 0:
            out.append(plain(part))
            part = ""
        else:
            part += c
    return [m for m in out if m]


def names_of(decl):
    """(type, name) pairs of one declaration: 'uint32_t size, pad_' gives two."""
    pointer = re.match(r"(.*?\(\*)(\w+)(\)\(.*\))$", decl)
    returns = re.match(r"(.*\(\*)(\w+)(\)\(.*)$", decl)
    if pointer or returns:
        m = pointer or returns
        return [(plain(m[1] + m[3]), m[2])]
    nested = re.match(r"(struct|union) \{.*\} (\w+)$", decl)
    if nested:
        return [(nested[1], nested[2])]
    head = re.match(r"((?:const |struct |union |unsigned )*\w+(?: const)?)\s*(.*)$", decl)
    out = []
    for one in head[2].split(","):
        m = re.match(r"\s*((?:\*\s*(?:const\s*)?)*)(\w+)((?:\[[^\]]*\])*)$", one)
        out.append((plain(head[1] + " " + m[1] + m[3]), m[2]))
    return out


def structs(text):
    for m in re.finditer(r"^(struct|union) (\w+) \{(.*?)^\};", text, flags=re.S | re.M):
        yield m[1], m[2], [pair for d in split_members(m[3]) for pair in names_of(d)]


def constants(text):
    for m in re.finditer(r"\benum\s*\{(.*?)\}\s*;", text, flags=re.S):
        body = re.sub(r"^\s*#.*$", "", m[1], flags=re.M)
        for name in re.findall(r"\b(SB_[A-Z][A-Z0-9_]*)\b(?=\s*[,=]|\s*$)", body, flags=re.M):
            yield name
    for name in re.findall(r"X\((SB_E_\w+),", text):
        yield name
    for name in re.findall(r"^#define (SB_ABI_MAJOR|SB_ENTRY_MAGIC|SB_NOTE_TYPE|SB_TS_UNKNOWN)\b",
                           text, flags=re.M):
        yield name


def typedefs(text):
    for m in re.finditer(r"^typedef (.*?);", text, flags=re.S | re.M):
        yield "typedef " + plain(m[1])


def program(text):
    out = ["#include <stdio.h>", "#include <signalbox/plugin.h>", "int main(void)", "{"]
    for kind, name, members in structs(text):
        growable = "growable" if members and members[0][1] == "size" else "frozen"
        out.append(f'printf("{kind} {name} {growable} size %zu\\n", sizeof({kind} {name}));')
        for type_, member in members:
            out.append(f'printf("{kind} {name}.{member} at %zu bytes %zu: {type_}\\n", '
                       f'offsetof({kind} {name}, {member}), '
                       f'sizeof((({kind} {name} *)0)->{member}));')
    seen = set()
    for name in constants(text):
        if name not in seen and name != "SB_ABI_MINOR":
            seen.add(name)
            out.append(f'printf("constant {name} %lld\\n", (long long){name});')
    out += ["return 0;", "}"]
    return "\n".join(out)


def layout(cc):
    text = source()
    with tempfile.TemporaryDirectory() as tmp:
        c, exe = pathlib.Path(tmp, "layout.c"), pathlib.Path(tmp, "layout")
        c.write_text(program(text))
        subprocess.run([*cc.split(), "-std=gnu11", "-w", "-I", INCLUDE, "-o", exe, c], check=True)
        lines = subprocess.run([exe], check=True, capture_output=True, text=True).stdout
    return lines.splitlines() + sorted(set(typedefs(text)))


def size_line(line):
    m = re.match(r"((?:struct|union) \w+ growable size) (\d+)$", line)
    return m and (m[1], int(m[2]))


def broken(golden, now):
    have = set(now)
    sizes = dict(s for s in map(size_line, now) if s)
    for line in golden:
        grown = size_line(line)
        if grown and sizes.get(grown[0], -1) >= grown[1]:
            continue
        if line not in have:
            yield line


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["check", "extend", "write"])
    parser.add_argument("--golden", required=True, type=pathlib.Path)
    parser.add_argument("--cc", default="cc")
    args = parser.parse_args()
    now = layout(args.cc)
    if args.what == "write":
        if (HERE / "1.0").exists():
            sys.exit("the ABI is frozen: extend, do not write")
        args.golden.write_text("\n".join(now) + "\n")
        return
    if not args.golden.exists():
        print(f"no promise for this machine yet: {args.golden.name}")
        sys.exit(77)
    golden = args.golden.read_text().splitlines()
    gone = list(broken(golden, now))
    for line in gone:
        print(f"BROKEN: {line}")
    if gone:
        sys.exit("the ABI may only grow; see the head of this script")
    new = [line for line in now if line not in set(golden)]
    if args.what == "extend":
        grown = {s[0]: line for line, s in ((l, size_line(l)) for l in now) if s}
        kept = [grown[size_line(l)[0]] if size_line(l) else l for l in golden]
        new = [line for line in new if not size_line(line) or size_line(line)[0] not in
               {size_line(l)[0] for l in golden if size_line(l)}]
        args.golden.write_text("\n".join(kept + new) + "\n")
    elif new:
        print("\n".join("NEW: " + line for line in new))
        sys.exit("new parts of the ABI are not promised yet: tests/abi/layout.py extend")
    print(f"{len(golden)} lines hold, {len(new)} new")


if __name__ == "__main__":
    main()
