#!/usr/bin/env bash
# Builds U-Boot for a board from Debian's source with the configuration in board/common and board/BOARD.
# Usage: board/setup/uboot.sh BOARD    Gives: $FAILBERRY_CACHE/u-boot/BOARD/{u-boot.bin,mkimage}
set -euo pipefail
. "$(dirname "$0")/lib.sh"

board=${1:-}
defconfig=$(board_field "$board" u_boot)
# A board without U-Boot is done.
[ -n "$defconfig" ] || exit 0
common=$FAILBERRY_ROOT/board/common
config=$FAILBERRY_ROOT/board/$board
work=$FAILBERRY_CACHE/u-boot
out=$work/$board
fragments=("$common/uboot.fragment")
[ ! -f "$config/uboot.fragment" ] || fragments+=("$config/uboot.fragment")
case $(board_field "$board" processor) in
aarch64) cross=aarch64-linux-gnu- ;;
*) cross=arm-linux-gnueabihf- ;;
esac

# Kconfig drops without a word what it does not know or whose menu is off.
check_asked_options() {
  local line refused=0
  while read -r line; do
    case $line in
    CONFIG_*=n) line="# ${line%=n} is not set" ;;
    'CONFIG_'* | '# CONFIG_'*) ;;
    *) continue ;;
    esac
    if [[ $line == '# '* ]]; then
      line=${line#\# }
      ! grep -q "^${line%% *}=" "$1" || { warn "U-Boot: asked for '${line%% *} off', got $(grep "^${line%% *}=" "$1")"; refused=1; }
    elif ! grep -qxF -- "$line" "$1"; then
      warn "U-Boot: asked for $line, which is not in the final configuration"
      refused=1
    fi
  done < <(cat "${fragments[@]}")
  [ "$refused" = 0 ] || die "U-Boot is not configured as ${fragments[*]} ask"
}

# The build date and the builder's name would make each build a different one.
build_env=(
  SOURCE_DATE_EPOCH=1735689600 KBUILD_BUILD_USER=failberry KBUILD_BUILD_HOST=failberry
  CROSS_COMPILE="$cross" ARCH=arm
)

build() {
  once u-boot-source "$(lock_field u-boot-source 4)" unpack u-boot-source "$work/source"
  once u-boot-patches "$(lock_field u-boot-patches 4)" unpack u-boot-patches "$work/debian"
  local tree=$work/$board.tree log=$work/$board.log patch
  step "building U-Boot for $board (half a minute; output in u-boot/$board.log of the cache)"
  rm -rf "$tree" "$out.new"
  mkdir -p "$out.new"
  cp -a "$work/source" "$tree"
  while read -r patch; do
    patch --quiet --strip=1 --directory="$tree" <"$work/debian/patches/$patch"
  done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$work/debian/patches/series")
  for patch in "$common"/uboot-patches/*.patch; do
    patch --quiet --strip=1 --directory="$tree" <"$patch"
  done
  cat "$common/uboot.env" "$config/uboot.env" >"$tree/uboot.env"
  (
    cd "$tree"
    export "${build_env[@]}"
    make -s "${defconfig}_defconfig"
    scripts/kconfig/merge_config.sh -m .config "${fragments[@]}"
    make -s olddefconfig
  ) >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "U-Boot could not be configured; see $log"; }
  check_asked_options "$tree/.config"
  (
    cd "$tree"
    export "${build_env[@]}"
    make -s -j"$(nproc)" u-boot.bin tools
  ) >>"$log" 2>&1 || { tail -n 30 "$log" >&2; die "U-Boot did not build; see $log"; }
  cp "$tree/u-boot.bin" "$tree/tools/mkimage" "$tree/.config" "$out.new"
  exchange "$out.new" "$out"
  rm -rf "$tree"
  step "U-Boot for $board: $(stat -c %s "$out/u-boot.bin") bytes"
}

once "u-boot-$board" "$(key_of "$defconfig" "${fragments[@]}" "$common/uboot.env" "$config/uboot.env" \
  "$common"/uboot-patches/*.patch "$0" "$(lock_field u-boot-source 4)" "$(lock_field u-boot-patches 4)")" build
