#!/bin/sh
# Shell scripts without the usual mistakes.
set -eu
cd "$(dirname "$0")/../.."
find .ci core packaging plugins schemas sdk tests web -name node_modules -prune -o -type f -size -100k -print |
	while read -r file; do
		if head -n 1 "$file" | grep -qaE '^#!(/usr/bin/env bash|/bin/(ba)?sh)'; then
			printf '%s\0' "$file"
		fi
	done | xargs -0 shellcheck
