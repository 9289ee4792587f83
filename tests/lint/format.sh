#!/bin/sh
# Every C file is as clang-format leaves it.
set -eu
cd "$(dirname "$0")/../.."
find core plugins sdk tests -name node_modules -prune -o -name '*.[ch]' ! -path 'tests/abi/1.*' -print0 |
	xargs -0 clang-format --dry-run -Werror
