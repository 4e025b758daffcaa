#!/usr/bin/env bash
# Checks licences, bans, duplicates and sources of all dependencies with cargo-deny; known
# vulnerabilities too where their data base can be had.
set -euo pipefail
. "$(dirname "$0")/setup/lib.sh"

version=0.20.2
tool=$FAILBERRY_CACHE/cargo-deny

build() {
  step "building cargo-deny $version (some minutes, once)"
  # Unoptimised: it runs for a second and is built on every new machine.
  cargo install --quiet --locked --debug --no-default-features --root "$tool" "cargo-deny@$version"
}

once cargo-deny "$version" build
cd "$FAILBERRY_ROOT"
"$tool/bin/cargo-deny" check licenses bans sources
# The advisories lie in a git repository that not every machine can reach. Not reaching it is
# told and no more; an advisory that applies is a failure.
log=$FAILBERRY_CACHE/cargo-deny-advisories.log
if ! "$tool/bin/cargo-deny" check advisories >"$log" 2>&1; then
  if grep -qiE 'failed to fetch|unable to (find|fetch|connect)|failed to (clone|open|resolve)' "$log"; then
    warn 'the advisory data base cannot be reached from here; advisories were not checked'
  else
    cat "$log" >&2
    die 'an advisory applies to a dependency'
  fi
fi
