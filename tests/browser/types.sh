#!/bin/sh
# The console's types hold.
set -eu
cd "$(dirname "$0")/../../web"
exec npx --no-install tsc --noEmit
