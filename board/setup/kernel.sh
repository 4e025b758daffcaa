#!/usr/bin/env bash
# Lays out Debian's armhf kernel and the Pi's boot firmware as the image assembly wants them.
# Gives: $FAILBERRY_CACHE/rpi2/{zImage,board.dtb,modules/,boot/}
set -euo pipefail
. "$(dirname "$0")/lib.sh"

out=$FAILBERRY_CACHE/rpi2

build() {
  local kernel=$FAILBERRY_CACHE/kernel-armmp firmware=$FAILBERRY_CACHE/raspi-firmware release modules
  unpack kernel-armmp "$kernel"
  unpack raspi-firmware "$firmware"
  modules=$(echo "$kernel"/usr/lib/modules/*)
  release=$(basename "$modules")
  step "indexing the modules of Linux $release"
  rm -rf "$out.new"
  mkdir -p "$out.new/lib/modules"
  cp "$kernel/boot/vmlinuz-$release" "$out.new/zImage"
  cp "$kernel/usr/lib/linux-image-$release/bcm2836-rpi-2-b.dtb" "$out.new/board.dtb"
  cp -a "$modules" "$out.new/lib/modules/$release"
  depmod --basedir "$out.new" "$release"
  mv "$out.new/lib/modules/$release" "$out.new/modules"
  rm -r "$out.new/lib"
  cp -a "$firmware/usr/lib/raspi-firmware" "$out.new/boot"
  rm -rf "$out" "$kernel" "$firmware"
  mv "$out.new" "$out"
}

once kernel-rpi2 "$(key_of "$0" "$(lock_field kernel-armmp 4)" "$(lock_field raspi-firmware 4)")" build
