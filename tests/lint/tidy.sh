#!/bin/sh
# clang-tidy over our own C files that this build compiles, with the configuration at the root. Needs a build made
# with clang. One file a call: version 14 sees uninitialized va_lists in the second of several.
set -eu
cd "$2"
# shellcheck disable=SC2016
sed -n 's/^ *"file": "\(.*\.c\)",*$/\1/p' compile_commands.json | grep -E '^(\.\./)*([^.].*/)?(core|plugins)/' | sort -u |
	xargs -n 1 -P "$(nproc)" sh -c 'out=$(clang-tidy --quiet -p "$0" "$1" 2>/dev/null) || { printf "%s\n" "$out"; exit 1; }' .
