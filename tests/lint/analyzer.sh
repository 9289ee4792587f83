#!/bin/sh
# gcc -fanalyzer over core and plugins: the leak gate for the cleanup attribute, which clang-tidy cannot see.
set -eu
build=$2/analyzer
[ -f "$build/build.ninja" ] || CC=gcc meson setup "$build" "$1" -Dbuildtype=debugoptimized \
	-Dc_args='-fanalyzer -Wno-analyzer-use-of-uninitialized-value' >/dev/null
cd "$build"
targets=$(ninja -t targets all | sed -n 's/^\(core\/[^:]*\.a\|plugins\/[^:]*\.so\): .*/\1/p')
# shellcheck disable=SC2086
ninja $targets
