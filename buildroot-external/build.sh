#!/usr/bin/env bash
# Builds the card image of a board with Buildroot: `make buildroot-image`.
#
# usage: build.sh BOARD
#   BUILDROOT=/path   a checkout; without it the pinned release is cloned and its commit checked
#   SOURCES=/path     what debian/provide.sh has filled, for machines without the upstream sites
#   BR2_OUT=/path     where to build (default: out/buildroot/BOARD)
# BR2_DL_DIR, BR2_PRIMARY_SITE, BR2_BACKUP_SITE, BR2_CCACHE=y, BR2_CCACHE_DIR, BR2_JLEVEL and
# BR2_PER_PACKAGE_DIRECTORIES=y are what they are in Buildroot; with the last, packages are built
# side by side.
set -euo pipefail
. "$(dirname "$0")/../board/setup/lib.sh"

# The newest stable release. The present LTS, 2026.02, has Rust 1.88; the workspace needs 1.95.
# A commit's name is a hash of all that is in it; the release's tar archive would need another.
release=2026.05.1
commit=cb857ba4c87a93e5265a9e4a3f32071abf39e14a
repository=https://gitlab.com/buildroot.org/buildroot.git

external=$FAILBERRY_ROOT/buildroot-external
board=${1:-}
[ -f "$external/configs/failberrypi_${board:-}_defconfig" ] ||
  die "expected BOARD to be one of $(basename -a "$external"/configs/*_defconfig | sed 's/failberrypi_\(.*\)_defconfig/\1/' | xargs), got '$board'"
# Its boot files, lists of modules and environment are the assembler's, not Buildroot's.
[ -d "$FAILBERRY_ROOT/board/$board" ] || die "the assembler knows no board $board: there is no board/$board"

get_buildroot() {
  BUILDROOT=$FAILBERRY_CACHE/buildroot-$release
  [ -d "$BUILDROOT" ] || {
    step "cloning Buildroot $release"
    rm -rf "$BUILDROOT.new"
    git clone --quiet --depth 1 --branch "$release" "$repository" "$BUILDROOT.new" ||
      die "Buildroot cannot be cloned from $repository; give a checkout of $release as BUILDROOT=/path"
    mv "$BUILDROOT.new" "$BUILDROOT"
  }
  [ "$(git -C "$BUILDROOT" rev-parse HEAD)" = "$commit" ] || die "$BUILDROOT is not commit $commit"
}
[ -n "${BUILDROOT:-}" ] || get_buildroot
[ -f "$BUILDROOT/Makefile" ] || die "BUILDROOT: there is no Buildroot in $BUILDROOT"

out=$(realpath -m "${BR2_OUT:-$FAILBERRY_ROOT/out/buildroot/$board}")
mkdir -p "$out"
trees=$external
if [ -n "${SOURCES:-}" ]; then
  SOURCES=$(realpath "$SOURCES")
  [ "$(cat "$SOURCES/board" 2>/dev/null)" = "$board" ] || die "SOURCES: expected what provide.sh $board has filled, got $SOURCES"
  trees=$external:$SOURCES/tree
  export BR2_DL_DIR=${BR2_DL_DIR:-$SOURCES/dl}
fi
# The Makefile's choice of compiler is not for Buildroot, nor is a person's own.
unset RUSTC RUSTFLAGS CARGO_TARGET_DIR CARGO_HOME
# Time stamps inside are those of the product, not of Buildroot.
SOURCE_DATE_EPOCH=$(git -C "$FAILBERRY_ROOT" log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH
buildroot() { make -C "$BUILDROOT" "O=$out" "BR2_EXTERNAL=$trees" "$@"; }

{
  cat "$external/configs/failberrypi_${board}_defconfig"
  if [ -n "${SOURCES:-}" ]; then cat "$SOURCES/config"; fi
  for name in BR2_PRIMARY_SITE BR2_BACKUP_SITE; do
    if [ -n "${!name:-}" ]; then printf '%s="%s"\n' "$name" "${!name}"; fi
  done
  for name in BR2_CCACHE BR2_JLEVEL BR2_PER_PACKAGE_DIRECTORIES; do
    if [ -n "${!name:-}" ]; then printf '%s=%s\n' "$name" "${!name}"; fi
  done
} >"$out/asked"
step "configuring Buildroot for $board in $out"
buildroot --silent defconfig "BR2_DEFCONFIG=$out/asked" >"$out/build.log" 2>&1 || {
  cat "$out/build.log" >&2
  die 'Buildroot cannot be configured'
}
"$external/asked.sh" -e BR2_DEFCONFIG "$out/.config" "$out/asked" ||
  die 'Buildroot has dropped what the configuration asks for'
step "building (output in $out/build.log)"

jobs=()
if [ "${BR2_PER_PACKAGE_DIRECTORIES:-}" = y ]; then jobs=("-j$(($(nproc) + 2))" --output-sync=target); fi
buildroot "${jobs[@]}" >"$out/build.log" 2>&1 || { tail -n 40 "$out/build.log" >&2; die "Buildroot failed; see $out/build.log"; }
step "finished: $(ls "$out"/images/failberrypi-*.img.xz)"
