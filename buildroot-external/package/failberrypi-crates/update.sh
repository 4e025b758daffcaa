#!/bin/sh
# Writes failberrypi-crates.hash anew from Cargo.lock; with --check only tells whether it is that.
# usage: update.sh [--check]
set -eu
cd "$(dirname "$0")"
made=$(
	echo '# Made from Cargo.lock by update.sh.'
	awk '
		/^name = / { name = $3 } /^version = / { version = $3 }
		/^checksum = / { gsub(/"/, ""); sub(/^"/, "", name); gsub(/"/, "", name); gsub(/"/, "", version)
			printf "sha256  %s  %s-%s.crate\n", $3, name, version }
	' ../../../Cargo.lock
)
if [ "${1:-}" = --check ]; then
	printf '%s\n' "$made" | cmp -s - failberrypi-crates.hash || {
		echo 'error: failberrypi-crates.hash is not what Cargo.lock says; run buildroot-external/package/failberrypi-crates/update.sh' >&2
		exit 1
	}
else
	printf '%s\n' "$made" >failberrypi-crates.hash
fi
