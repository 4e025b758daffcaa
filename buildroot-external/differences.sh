#!/usr/bin/env bash
# Compares the cards of `make image` and of Buildroot part by part, and the outcome with
# differences.md: a difference that is not listed there is an error, one of its first table that
# is not there too.
# usage: differences.sh [DIRECTORY-OF-MAKE-IMAGE DIRECTORY-OF-BUILDROOT]
set -euo pipefail
. "$(dirname "$0")/../board/setup/lib.sh"

one=${1:-$FAILBERRY_ROOT/out/rpi2}
other=${2:-$FAILBERRY_ROOT/out/buildroot/rpi2/images/rpi2}
list=$FAILBERRY_ROOT/buildroot-external/differences.md
for directory in "$one" "$other"; do
  [ -f "$directory/card.img" ] || die "there is no card.img in $directory"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# number KEY: a number of board/layout.toml; start_of ROLE: where a partition begins, in MiB.
number() { printf '%d' "$(sed -n "s/^$1 = //p" "$FAILBERRY_ROOT/board/layout.toml" | tail -n1)"; }
start_of() { awk -v role="\"$1\"" '$1 == "role" { at = $3 == role } at && $1 == "start" { print $3 }' "$FAILBERRY_ROOT/board/layout.toml"; }
end_of() { awk -v role="\"$1\"" '$1 == "role" { at = $3 == role } at && $1 == "end" { print $3 }' "$FAILBERRY_ROOT/board/layout.toml"; }

# bytes CARD OFFSET LENGTH
bytes() { dd if="$1" iflag=skip_bytes,count_bytes skip="$2" count="$3" bs=1M status=none; }

# parts DIRECTORY TARGET: the parts of a card as files of a tree.
parts() {
  local card=$1/card.img to=$2 role part environment
  mkdir -p "$to"/{card,boot,slot,userland}
  bytes "$card" 0 512 >"$to/card/boot-record"
  environment=$(number size)
  bytes "$card" "$(number offset)" "$environment" >"$to/card/environment"
  bytes "$card" "$(number redundant)" "$environment" >"$to/card/environment-copy"
  for role in slot-b data; do
    bytes "$card" "$(($(start_of $role) << 20))" "$((($(end_of $role) - $(start_of $role)) << 20))" >"$to/card/$role"
  done
  MTOOLS_SKIP_CHECK=1 mcopy -s -n -i "$card@@$(start_of boot)M" '::*' "$to/boot/"
  for part in kernel $(board_field rpi2 device_trees) ramdisk; do
    fdtget -t bx "$1/slot.fit" "/images/$part/hash" value >"$to/slot/$part"
  done
  zstd --decompress --quiet --stdout "$1/userland.cpio.zst" |
    (cd "$to/userland" && cpio --extract --make-directories --quiet --no-absolute-filenames)
}
parts "$one" "$work/one"
parts "$other" "$work/other"

# Every path with its kind, mode and content; links are not followed.
listing() {
  (cd "$1" && find . -mindepth 1 \( -type f -printf '%P %M ' -exec sh -c 'sha256sum <"$1"' sh {} \; \) \
    -o \( -mindepth 1 ! -type f -printf '%P %M %l\n' \)) | sort
}
listing "$work/one" >"$work/one.list"
listing "$work/other" >"$work/other.list"
awk 'NR == FNR { one[$1] = $0; next }
  { other[$1] = $0 }
  END {
    for (it in one) {
      if (!(it in other)) print it " only in the first"
      else if (one[it] != other[it]) print it " other"
    }
    for (it in other) if (!(it in one)) print it " only in the second"
  }' "$work/one.list" "$work/other.list" | sort >"$work/found"

# shellcheck disable=SC2016 # those are Markdown's
sed -n 's/^| `\([^`]*\)` |.*/\1/p' "$list" >"$work/patterns"
# shellcheck disable=SC2016
sed -n '/^## /q; s/^| `\([^`]*\)` |.*/\1/p' "$list" >"$work/always"
bad=0
while read -r pattern; do
  hit=no
  while read -r path _; do
    # shellcheck disable=SC2254 # the pattern is one
    case $path in $pattern) hit=yes ;; esac
  done <"$work/found"
  [ "$hit" = yes ] || { warn "differences.md lists $pattern, which does not differ"; bad=1; }
done <"$work/always"
while read -r path how; do
  listed=no
  while read -r pattern; do
    # shellcheck disable=SC2254 # the pattern is one
    case $path in $pattern) listed=yes ;; esac
  done <"$work/patterns"
  [ "$listed" = yes ] || { warn "not in differences.md: $path ($how)"; bad=1; }
done <"$work/found"
step "$(wc -l <"$work/found") of $(sort -u <(cut -d' ' -f1 "$work/one.list") <(cut -d' ' -f1 "$work/other.list") | wc -l) parts differ"
exit "$bad"
