#!/usr/bin/env bash
# Builds U-Boot for the Raspberry Pi 2B from Debian's source with the configuration in board/rpi2.
# Gives: $FAILBERRY_CACHE/u-boot/rpi2/{u-boot.bin,mkimage}
set -euo pipefail
. "$(dirname "$0")/lib.sh"

config=$FAILBERRY_ROOT/board/rpi2
work=$FAILBERRY_CACHE/u-boot
out=$work/rpi2

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
  done <"$config/uboot.fragment"
  [ "$refused" = 0 ] || die 'U-Boot is not configured as board/rpi2/uboot.fragment asks'
}

# The build date and the builder's name would make each build a different one.
build_env=(
  SOURCE_DATE_EPOCH=1735689600 KBUILD_BUILD_USER=failberry KBUILD_BUILD_HOST=failberry
  CROSS_COMPILE=arm-linux-gnueabihf- ARCH=arm
)

build() {
  unpack u-boot-source "$work/source"
  unpack u-boot-patches "$work/debian"
  local tree=$work/tree log=$work/build.log patch
  step 'building U-Boot (half a minute; output in u-boot/build.log of the cache)'
  rm -rf "$tree" "$out.new"
  mkdir -p "$out.new"
  cp -a "$work/source" "$tree"
  while read -r patch; do
    patch --quiet --strip=1 --directory="$tree" <"$work/debian/patches/$patch"
  done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$work/debian/patches/series")
  for patch in "$config"/uboot-patches/*.patch; do
    patch --quiet --strip=1 --directory="$tree" <"$patch"
  done
  cp "$config/uboot.env" "$tree/uboot.env"
  (
    cd "$tree"
    export "${build_env[@]}"
    make -s rpi_2_defconfig
    scripts/kconfig/merge_config.sh -m .config "$config/uboot.fragment"
    make -s olddefconfig
  ) >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "U-Boot could not be configured; see $log"; }
  check_asked_options "$tree/.config"
  (
    cd "$tree"
    export "${build_env[@]}"
    make -s -j"$(nproc)" u-boot.bin tools
  ) >>"$log" 2>&1 || { tail -n 30 "$log" >&2; die "U-Boot did not build; see $log"; }
  cp "$tree/u-boot.bin" "$tree/tools/mkimage" "$tree/.config" "$out.new"
  rm -rf "$out" "$tree"
  mv "$out.new" "$out"
  step "U-Boot: $(stat -c %s "$out/u-boot.bin") bytes"
}

once u-boot-rpi2 "$(key_of "$config/uboot.fragment" "$config/uboot.env" "$config"/uboot-patches/*.patch "$0" "$(lock_field u-boot-source 4)" "$(lock_field u-boot-patches 4)")" build
