#!/bin/sh
# Fetches the browser driver if it is not there, then runs one test file.
set -eu
cd "$(dirname "$0")"
if ! cmp -s package-lock.json node_modules/.installed; then
	npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >&2
	cp package-lock.json node_modules/.installed
fi
exec node "$1"
