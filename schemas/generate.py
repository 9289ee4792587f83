#!/usr/bin/env python3
"""Makes out of api.json: rows and prototypes for C, API.md, and types for TypeScript.

generate.py --c DIR --version V   methods.gen.c and methods.gen.h in DIR (the build does this)
generate.py --docs                schemas/API.md and web/src/types.gen.ts, which are committed
generate.py --check               1 and a line if one of the committed files is not up to date
"""
import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE / "API.md"
TYPES = HERE.parent / "web" / "src" / "types.gen.ts"
ROLES = {"viewer": "SB_ROLE_VIEWER", "operator": "SB_ROLE_OPERATOR", "admin": "SB_ROLE_ADMIN"}
NOTE = "made by schemas/generate.py from schemas/api.json"


def load():
    with open(HERE / "api.json", encoding="utf-8") as f:
        api = json.load(f)
    names = [m["name"] for m in api["methods"]]
    if names != sorted(set(names)):
        sys.exit("api.json: methods must be sorted by name and unique")
    errors = {e["name"] for e in api["errors"]}
    for method in api["methods"]:
        for name in method["errors"]:
            if name not in errors:
                sys.exit(f"api.json: {method['name']} answers with unknown error {name}")
        if method["role"] not in ROLES or method["thread"] not in ("api", "query"):
            sys.exit(f"api.json: {method['name']}: role or thread is unknown")
    return api


def name_of(schema):
    return schema["$ref"].removeprefix("#/types/")


# ---- C

def inlined(api, schema):
    """The schema without references and without what a validator does not need."""
    if "$ref" in schema:
        return inlined(api, api["types"][name_of(schema)])
    out = {}
    for key, value in schema.items():
        if key == "properties":
            out[key] = {k: inlined(api, v) for k, v in value.items()}
        elif key == "items":
            out[key] = inlined(api, value)
        elif key not in ("description", "default"):
            out[key] = value
    return out


def c_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def c_symbol(method):
    return method["name"].replace(".", "_") + "_call"


def c_error(name):
    return "RPC_" + name.upper()


def c_header(api, version):
    lines = [f"/* {NOTE} */", "#pragma once", "struct call;", "",
             f"#define SIGNALBOX_VERSION {c_text(version)}",
             f"#define RPC_METHODS {len(api['methods'])}", "", "enum rpc_error {"]
    lines += [f"\t{c_error(e['name'])} = {e['code']}," for e in api["errors"]]
    lines += ["};", ""]
    lines += [f"int {c_symbol(m)}(struct call *c);" for m in api["methods"]]
    return "\n".join(lines) + "\n"


def c_source(api):
    lines = [f"/* {NOTE} */", '#include <signalbox/services.h>', "", '#include "api/rpc.h"',
             '#include "methods.gen.h"', "",
             "const struct rpc_method rpc_methods[RPC_METHODS] = {"]
    for m in api["methods"]:
        schema = json.dumps(inlined(api, m["params"]), separators=(",", ":"), sort_keys=True)
        blocking = "true" if m["thread"] == "query" else "false"
        lines += [f"\t{{ {c_text(m['name'])}, {ROLES[m['role']]}, {blocking}, {c_symbol(m)},",
                  f"\t  {c_text(schema)} }},"]
    lines += ["};", "", "const struct rpc_error_text rpc_error_texts[] = {"]
    lines += [f"\t{{ {e['code']}, {c_text(e['name'])}, {c_text(e['text'])} }},"
              for e in api["errors"]]
    lines += ["\t{ 0, NULL, NULL },", "};"]
    return "\n".join(lines) + "\n"


# ---- TypeScript

def ts_type(schema, indent=""):
    if "$ref" in schema:
        return name_of(schema)
    if "enum" in schema:
        return " | ".join(json.dumps(v) for v in schema["enum"])
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(ts_type({"type": k}) for k in kind)
    if kind == "object":
        return ts_object(schema, indent)
    if kind == "array":
        item = ts_type(schema.get("items", {}), indent)
        return f"({item})[]" if " | " in item else f"{item}[]"
    return {"integer": "number", "number": "number", "string": "string", "boolean": "boolean",
            "null": "null"}.get(kind, "unknown")


def ts_object(schema, indent):
    if "properties" not in schema:
        return "Record<string, unknown>"
    if not schema["properties"]:
        return "Record<string, never>"
    inner = indent + "  "
    lines = ["{"]
    for name, member in schema["properties"].items():
        if member.get("description"):
            lines.append(f"{inner}/** {member['description']} */")
        mark = "" if name in schema.get("required", []) else "?"
        lines.append(f"{inner}{name}{mark}: {ts_type(member, inner)};")
    return "\n".join(lines) + f"\n{indent}}}"


def typescript(api):
    out = [f"// {NOTE}; do not edit", ""]
    for name, schema in api["types"].items():
        if schema.get("description"):
            out.append(f"/** {schema['description']} */")
        if schema.get("type") == "object":
            out.append(f"export interface {name} {ts_type(schema)}\n")
        else:
            out.append(f"export type {name} = {ts_type(schema)};\n")
    out.append("/** Every method with its parameters and its result. */\nexport interface Methods {")
    for m in api["methods"]:
        out.append(f"  /** {m['summary']} Role: {m['role']}. */")
        out.append(f"  \"{m['name']}\": {{")
        out.append(f"    params: {ts_type(m['params'], '    ')};")
        out.append(f"    result: {ts_type(m['result'], '    ')};")
        out.append("  };")
    out.append("}\n\nexport type MethodName = keyof Methods;\n")
    out.append("/** Every event with its parameters. */\nexport interface Events {")
    for e in api["events"]:
        out.append(f"  /** {e['summary']} */")
        out.append(f"  \"{e['name']}\": {ts_type(e['params'], '  ')};")
    out.append("}\n\nexport type EventName = keyof Events;\n")
    names = " | ".join(json.dumps(e["name"]) for e in api["errors"])
    out.append(f"export type ErrorName = {names};\n")
    out.append("/** What a refused call carries. */\nexport interface CallError {\n"
               "  code: number;\n  message: string;\n  data?: {\n    name: ErrorName;\n"
               "    /** the parameter at fault, as a JSON pointer */\n    field?: string;\n"
               "    /** the limit that was passed */\n    limit?: string;\n"
               "    /** what to do about it */\n    remedy?: string;\n  };\n}")
    return "\n".join(out) + "\n"


# ---- Markdown

def md_type(schema):
    if "$ref" in schema:
        name = name_of(schema)
        return f"[{name}](#{name.lower()})"
    if "enum" in schema:
        return " \\| ".join(f"`{v}`" for v in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return "array of " + md_type(schema.get("items", {}))
    if isinstance(kind, list):
        return " \\| ".join(kind)
    bounds = [f"{word} {schema[key]}" for key, word in (
        ("minLength", "from"), ("maxLength", "to"), ("minimum", "≥"), ("maximum", "≤")) if key in schema]
    if "default" in schema:
        bounds.append(f"default {schema['default']}")
    return kind + (f" ({', '.join(bounds)})" if bounds else "")


def md_members(schema):
    if "$ref" in schema:
        return [md_type(schema) + ".", ""]
    rows = schema.get("properties", {})
    if not rows:
        return ["None.", ""]
    out = ["| member | type | |", "|---|---|---|"]
    for name, member in rows.items():
        must = "**required** " if name in schema.get("required", []) else ""
        bounds = "".join(f"{word} {member[key]}; " for key, word in (
            ("minItems", "at least"), ("maxItems", "at most")) if key in member)
        text = (must + bounds + member.get("description", "")).strip()
        default = f" Default `{member['default']}`." if "enum" in member and "default" in member else ""
        out.append(f"| `{name}` | {md_type(member)} | {text}{default} |")
    return out + [""]


def markdown(api):
    out = (HERE / "API.head.md").read_text(encoding="utf-8").rstrip("\n").split("\n")
    out += ["", "## Errors", "", "| code | name | |", "|---|---|---|"]
    out += [f"| {e['code']} | `{e['name']}` | {e['text']} |" for e in api["errors"]]
    out += ["", "## Methods", ""]
    for m in api["methods"]:
        out += [f"### `{m['name']}`", "", f"{m['summary']} Role: **{m['role']}**.", "", "Parameters:", ""]
        out += md_members(m["params"]) + ["Result:", ""] + md_members(m["result"])
        if m["errors"]:
            out += ["Errors: " + ", ".join(f"`{e}`" for e in m["errors"]) + ".", ""]
    out += ["## Events", ""]
    for e in api["events"]:
        out += [f"### `{e['name']}` (event)", "", e["summary"], ""] + md_members(e["params"])
    out += ["## Types", ""]
    for name, schema in api["types"].items():
        out += [f"### {name}", ""]
        if schema.get("description"):
            out += [schema["description"][0].upper() + schema["description"][1:] + ".", ""]
        out += md_members(schema) if schema.get("type") == "object" else [md_type(schema) + ".", ""]
    return "\n".join(out).rstrip("\n") + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--c", metavar="DIR", type=pathlib.Path)
    parser.add_argument("--version", default="0")
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    api = load()
    if args.c:
        (args.c / "methods.gen.h").write_text(c_header(api, args.version), encoding="utf-8")
        (args.c / "methods.gen.c").write_text(c_source(api), encoding="utf-8")
    stale = 0
    for path, text in ((DOCS, markdown(api)), (TYPES, typescript(api))):
        if args.docs:
            path.write_text(text, encoding="utf-8")
        elif args.check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            print(f"{path.relative_to(HERE.parent)} is not up to date: run schemas/generate.py --docs")
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
