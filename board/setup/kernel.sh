#!/usr/bin/env bash
# Lays out Debian's kernel and the Pi's boot firmware as the image assembly wants them.
# Usage: board/setup/kernel.sh BOARD...
# Gives, for all boards with the same kernel together:
# $FAILBERRY_CACHE/parts/<kernel>/{zImage or Image,*.dtb,modules/,boot/}
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# build KERNEL BOARD...: the boards being all that have this kernel.
build() {
  local kernel=$1 tree=$FAILBERRY_CACHE/$1 firmware=$FAILBERRY_CACHE/raspi-firmware-$1
  local out=$FAILBERRY_CACHE/parts/$1 release modules board name changes
  shift
  unpack "$kernel" "$tree"
  unpack raspi-firmware "$firmware"
  modules=$(echo "$tree"/usr/lib/modules/*)
  release=$(basename "$modules")
  step "indexing the modules of Linux $release"
  rm -rf "$out.new"
  mkdir -p "$out.new/lib/modules"
  case $(board_field "$1" processor) in
  armv7) cp "$tree/boot/vmlinuz-$release" "$out.new/zImage" ;;
  aarch64) cp "$tree/boot/vmlinuz-$release" "$out.new/Image" ;;
  esac
  for board; do
    changes=$FAILBERRY_ROOT/board/$board/device-tree.dtso
    for name in $(board_field "$board" device_trees); do
      # 64-bit trees lie in a directory of the chip's maker.
      cp "$(find "$tree/usr/lib/linux-image-$release" -name "$name.dtb")" "$out.new/"
      if [ -f "$changes" ]; then
        dtc -q -@ -I dts -O dtb "$changes" |
          fdtoverlay -i "$out.new/$name.dtb" -o "$out.new/$name.changed" /dev/stdin
        mv "$out.new/$name.changed" "$out.new/$name.dtb"
      fi
    done
  done
  cp -a "$modules" "$out.new/lib/modules/$release"
  depmod --basedir "$out.new" "$release"
  mv "$out.new/lib/modules/$release" "$out.new/modules"
  rm -r "$out.new/lib"
  cp -a "$firmware/usr/lib/raspi-firmware" "$out.new/boot"
  exchange "$out.new" "$out"
  rm -rf "$tree" "$firmware"
}

kernels=$(for board; do board_field "$board" kernel; echo; done | sort -u)
for kernel in $kernels; do
  mapfile -t boards < <(boards_with kernel "$kernel")
  changes=()
  for board in "${boards[@]}"; do
    changes+=("$(board_field "$board" device_trees)")
    file=$FAILBERRY_ROOT/board/$board/device-tree.dtso
    [ ! -f "$file" ] || changes+=("$file")
  done
  once "$kernel" "$(key_of "$0" "$(lock_field "$kernel" 4)" "$(lock_field raspi-firmware 4)" "${changes[@]}")" \
    build "$kernel" "${boards[@]}"
done
