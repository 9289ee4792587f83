#!/bin/sh
# The product holds no unfinished words.
set -eu
cd "$(dirname "$0")/../.."
if grep -rnE '\b(TODO|FIXME|XXX|HACK)\b' core plugins sdk web/src packaging schemas 2>/dev/null; then
	exit 1
fi
