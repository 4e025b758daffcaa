#!/usr/bin/env bash
# Fuzzes tokio-modem with cargo-fuzz: one target, or `all` of them one after the other, each for so
# many seconds. What is found lies in firmware/tokio-modem/fuzz/artifacts/TARGET.
# usage: board/fuzz.sh TARGET|all SECONDS
set -euo pipefail
. "$(dirname "$0")/setup/lib.sh"

version=0.13.2
tool=$FAILBERRY_CACHE/cargo-fuzz
fuzz=$FAILBERRY_ROOT/firmware/tokio-modem/fuzz

[ $# = 2 ] || die "usage: $0 TARGET|all SECONDS"
target=$1 seconds=$2
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "expected a number of seconds, got $seconds"

build() {
  step "building cargo-fuzz $version (a minute, once)"
  # Unoptimised: it only calls cargo and the fuzzer.
  cargo install --quiet --locked --debug --root "$tool" "cargo-fuzz@$version"
}

cargo_fuzz() {
  local verb=$1
  shift
  # No sanitizer: the engines have no unsafe code, and Debian's Rust comes without the run-times.
  (cd "$fuzz/.." && "$tool/bin/cargo-fuzz" fuzz "$verb" --sanitizer none \
    --target-dir "${CARGO_TARGET_DIR:-$FAILBERRY_ROOT/target}/fuzz" "$@")
}

once cargo-fuzz "$version" build
mapfile -t targets < <(cd "$fuzz/.." && "$tool/bin/cargo-fuzz" fuzz list)
if [ "$target" != all ]; then
  printf '%s\n' "${targets[@]}" | grep -qx -- "$target" ||
    die "expected all or one of ${targets[*]}, got $target"
  targets=("$target")
fi
for target in "${targets[@]}"; do
  # What is new goes to the cache; the kept corpus is only read.
  found=$FAILBERRY_CACHE/fuzz/$target
  mkdir -p "$found"
  step "fuzzing $target for $seconds s"
  cargo_fuzz run "$target" "$found" "$fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -max_len=4096 -timeout=60 -rss_limit_mb=1024 -print_final_stats=1
done
