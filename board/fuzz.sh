#!/usr/bin/env bash
# Fuzzes tokio-modem with cargo-fuzz: one target, or `all` of them one after the other, each for so
# many seconds. What is found lies in firmware/tokio-modem/fuzz/artifacts/TARGET. With `keep` it
# does not fuzz: the corpus in the repository becomes as few inputs as reach all that was reached,
# and those with a name of their own, each of which once found the mistake that it is named after.
# usage: board/fuzz.sh TARGET|all SECONDS|keep
set -euo pipefail
. "$(dirname "$0")/setup/lib.sh"

version=0.13.2
tool=$FAILBERRY_CACHE/cargo-fuzz
fuzz=$FAILBERRY_ROOT/firmware/tokio-modem/fuzz
# Inputs longer than this only say the same again.
length=-max_len=4096

[ $# = 2 ] || die "usage: $0 TARGET|all SECONDS|keep"
target=$1 seconds=$2
[[ $seconds =~ ^([1-9][0-9]*|keep)$ ]] || die "expected a number of seconds or keep, got $seconds"

build() {
  step "building cargo-fuzz $version (a minute, once)"
  # Unoptimised: it only calls cargo and the fuzzer.
  cargo install --quiet --locked --debug --root "$tool" "cargo-fuzz@$version"
}

# run TARGET DIRECTORY... -- FLAGS
run() {
  # No sanitizer: the engines have no unsafe code, and Debian's Rust comes without the run-times.
  (cd "$fuzz/.." && "$tool/bin/cargo-fuzz" fuzz run --sanitizer none \
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
  kept=$fuzz/corpus/$target
  mkdir -p "$found" "$kept"
  if [ "$seconds" = keep ]; then
    step "choosing what is kept of $target"
    rm -rf "$kept.new"
    mkdir "$kept.new"
    # By edges, not by how often each was taken: that is what fits a repository.
    run "$target" "$kept.new" "$found" "$kept" -- -set_cover_merge=1 -use_counters=0 "$length"
    find "$kept" -type f ! -regex '.*/[0-9a-f]*' -exec cp -t "$kept.new" {} +
    rm -rf "$kept"
    mv "$kept.new" "$kept"
  else
    step "fuzzing $target for $seconds s"
    # The time-out counts the time of the clock on the wall, also while the machine stands still.
    run "$target" "$found" "$kept" -- \
      -max_total_time="$seconds" "$length" -timeout=600 -rss_limit_mb=1024 -print_final_stats=1
  fi
done
