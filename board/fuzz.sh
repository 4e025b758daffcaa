#!/usr/bin/env bash
# Fuzzes with cargo-fuzz: one target, or `all` of them one after the other, each for so many seconds.
# What is found lies in firmware/CRATE/fuzz/artifacts/TARGET. With `keep` it does not fuzz: the
# corpus in the repository becomes as few inputs as reach all that was reached, and those with a name
# of their own, each of which once found the mistake that it is named after.
# usage: board/fuzz.sh TARGET|all SECONDS|keep
set -euo pipefail
. "$(dirname "$0")/setup/lib.sh"

version=0.13.2
tool=$FAILBERRY_CACHE/cargo-fuzz
# The crates that have targets.
crates=(tokio-modem update)
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

# run CRATE TARGET DIRECTORY... -- FLAGS
run() {
  # No sanitizer: what is fuzzed has no unsafe code, and Debian's Rust comes without the run-times.
  (cd "$FAILBERRY_ROOT/firmware/$1" && shift && "$tool/bin/cargo-fuzz" fuzz run --sanitizer none \
    --target-dir "${CARGO_TARGET_DIR:-$FAILBERRY_ROOT/target}/fuzz" "$@")
}

once cargo-fuzz "$version" build
declare -A crate_of
targets=()
for crate in "${crates[@]}"; do
  mapfile -t names < <(cd "$FAILBERRY_ROOT/firmware/$crate" && "$tool/bin/cargo-fuzz" fuzz list)
  targets+=("${names[@]}")
  for name in "${names[@]}"; do crate_of[$name]=$crate; done
done
if [ "$target" != all ]; then
  printf '%s\n' "${targets[@]}" | grep -qx -- "$target" ||
    die "expected all or one of ${targets[*]}, got $target"
  targets=("$target")
fi
for target in "${targets[@]}"; do
  crate=${crate_of[$target]}
  # What is new goes to the cache; the kept corpus is only read.
  found=$FAILBERRY_CACHE/fuzz/$target
  kept=$FAILBERRY_ROOT/firmware/$crate/fuzz/corpus/$target
  mkdir -p "$found" "$kept"
  if [ "$seconds" = keep ]; then
    step "choosing what is kept of $target"
    rm -rf "$kept.new"
    mkdir "$kept.new"
    # By edges, not by how often each was taken: that is what fits a repository.
    run "$crate" "$target" "$kept.new" "$found" "$kept" -- -set_cover_merge=1 -use_counters=0 "$length"
    find "$kept" -type f ! -regex '.*/[0-9a-f]*' -exec cp -t "$kept.new" {} +
    rm -rf "$kept"
    mv "$kept.new" "$kept"
  else
    step "fuzzing $target for $seconds s"
    # The time-out counts the time of the clock on the wall, also while the machine stands still.
    run "$crate" "$target" "$found" "$kept" -- \
      -max_total_time="$seconds" "$length" -timeout=600 -rss_limit_mb=1024 -print_final_stats=1
  fi
done
