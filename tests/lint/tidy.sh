#!/bin/sh
# clang-tidy over our own C files, with the configuration at the root. Needs a build made with clang.
# One file a call: version 14 sees uninitialized va_lists in the second of several.
set -eu
cd "$1"
# shellcheck disable=SC2016
find core plugins -name '*.c' -print0 |
	xargs -0 -n 1 -P "$(nproc)" sh -c 'out=$(clang-tidy --quiet -p "$0" "$1" 2>/dev/null) || { printf "%s\n" "$out"; exit 1; }' "$2"
