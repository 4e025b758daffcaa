#!/usr/bin/env bash
# Fills a directory from Debian for `make buildroot-image SOURCES=DIR`: see README.md beside this.
# usage: BUILDROOT=/path/to/checkout provide.sh BOARD DIR
set -euo pipefail
. "$(dirname "$0")/../../board/setup/lib.sh"

if [ $# != 2 ] || [ -z "${BUILDROOT:-}" ]; then die "usage: BUILDROOT=/path/to/checkout $0 BOARD DIR"; fi
here=$(cd "$(dirname "$0")" && pwd)
external=$(dirname "$here")
board=$1 out=$(realpath -m "$2")
defconfig=$external/configs/failberrypi_${board}_defconfig
[ -f "$defconfig" ] || die "there is no $defconfig"
case $board in
*_64) gcc=aarch64-linux-gnu musl=aarch64-linux-musl lock=musl-arm64 loader=/lib/ld-musl-aarch64.so.1 rust=aarch64-unknown-linux-musl ;;
*) gcc=arm-linux-gnueabihf musl=arm-linux-musleabihf lock=musl-armhf loader=/lib/ld-musl-armhf.so.1 rust=armv7-unknown-linux-musleabihf ;;
esac
mkdir -p "$out"/{dl,tree,none}
printf "%s\n" "$board" >"$out/board"
cat "$FAILBERRY_ROOT/board/debian.lock" "$here/debian.lock" >"$out/lock"
FAILBERRY_LOCK=$out/lock
: >"$out/REPLACED"
: >"$out/local.mk"
replaced() { printf '%s\n' "$*" >>"$out/REPLACED"; }

# override PACKAGE DIRECTORY REASON: another source for a package of Buildroot's.
override() {
  printf '%s_OVERRIDE_SRCDIR = %s\n' "$(tr a-z- A-Z_ <<<"$1")" "$2" >>"$out/local.mk"
  replaced "$1: $3"
}

apt_install rsync cpio unzip file wget patchelf libssl-dev xxd python3 bison flex m4 pkg-config \
  "g++-${gcc/x86_64/x86-64}"
"$here/toolchain.sh" "$gcc" "$musl" "$lock" "$loader" "$out/toolchain"
version=$("$gcc-gcc" -dumpversion)
headers=$(sed -n 's/^#define LINUX_VERSION_CODE //p' "$out/toolchain/sysroot/usr/include/linux/version.h")
cat >"$out/config" <<CONFIG
# BR2_TOOLCHAIN_BUILDROOT is not set
# BR2_TOOLCHAIN_BUILDROOT_MUSL is not set
# BR2_TOOLCHAIN_BUILDROOT_CXX is not set
# BR2_PACKAGE_HOST_LINUX_HEADERS_CUSTOM_6_12 is not set
BR2_TOOLCHAIN_EXTERNAL=y
BR2_TOOLCHAIN_EXTERNAL_CUSTOM=y
BR2_TOOLCHAIN_EXTERNAL_PREINSTALLED=y
BR2_TOOLCHAIN_EXTERNAL_PATH="$out/toolchain"
BR2_TOOLCHAIN_EXTERNAL_CUSTOM_PREFIX="$musl"
BR2_TOOLCHAIN_EXTERNAL_GCC_$version=y
BR2_TOOLCHAIN_EXTERNAL_HEADERS_$((headers >> 16))_$((headers >> 8 & 255))=y
BR2_TOOLCHAIN_EXTERNAL_CUSTOM_MUSL=y
BR2_TOOLCHAIN_EXTERNAL_CXX=y
BR2_PACKAGE_OVERRIDE_FILE="$out/local.mk"
CONFIG
replaced "toolchain: Debian's $gcc-gcc $version and musl $(basename "$(lock_field "$lock" 3)") instead of gcc and musl built from source"

rust_version=$(sed -n 's/^RUST_BIN_VERSION = //p' "$BUILDROOT/package/rust-bin/rust-bin.mk")
"$here/rust.sh" "$rust_version" "$rust" "$out"
override host-rust-bin "$out/rust-bin" "Debian's $(/usr/bin/rustc --version) instead of $rust_version from rust-lang.org"
override host-failberrypi-rust-src "$out/rust-src" "the library's source of the same Debian Rust"

unpack linux-source "$out/linux"
override linux "$out/linux" "$(basename "$(lock_field linux-source 3)") instead of $(sed -n 's/^BR2_LINUX_KERNEL_CUSTOM_VERSION_VALUE=//p' "$defconfig")"
unpack raspi-firmware "$out/raspi-firmware"
mkdir -p "$out/rpi-firmware"
cp -a "$out/raspi-firmware/usr/lib/raspi-firmware" "$out/rpi-firmware/boot"
override rpi-firmware "$out/rpi-firmware" "$(basename "$(lock_field raspi-firmware 3)") instead of the repository of the Raspberry Pi"
override musl-compat-headers "$out/none" "left out: nothing here uses them"
# It has none, but one with another source must.
printf 'MUSL_COMPAT_HEADERS_SITE = %s\n' "$out/none" >>"$out/local.mk"

# Host packages for which the machine's programs stand. Sources are overridden before Buildroot
# reads its packages, what is done with them after that.
# shellcheck disable=SC2016 # make expands it
{
  printf 'MUSL_COMPAT_HEADERS_INSTALL_STAGING_CMDS = true\n'
  while read -r package programs; do
    name=HOST_$(tr a-z- A-Z_ <<<"$package")
    if [ -n "$programs" ]; then reason="this machine's $programs"; else reason='left out'; fi
    override "host-$package" "$out/none" "$reason"
    for step in PRE_PATCH_HOOKS POST_PATCH_HOOKS PRE_CONFIGURE_HOOKS CONFIGURE_CMDS POST_CONFIGURE_HOOKS \
      PRE_BUILD_HOOKS BUILD_CMDS POST_BUILD_HOOKS PRE_INSTALL_HOOKS POST_INSTALL_HOOKS; do
      printf '%s_%s =\n' "$name" "$step"
    done
    printf 'define %s_INSTALL_CMDS\n\tmkdir -p $(HOST_DIR)/bin\n' "$name"
    for program in $programs; do
      path=$(PATH=$PATH:/usr/sbin:/sbin command -v "$program") || die "$program is not installed"
      printf '\tln -sf %s $(HOST_DIR)/bin/%s\n' "$path" "$program"
    done
    printf 'endef\n'
  done < <(sed 's/#.*//; /^[[:space:]]*$/d' "$here/host-tools")
} >"$out/tree/external.mk"
printf 'name: FAILBERRYPI_DEBIAN\ndesc: programs of this machine for FailberryPi\n' >"$out/tree/external.desc"
: >"$out/tree/Config.in"

# Downloads whose SHA-256 Debian has under another name.
"$here/downloads.py" "$BUILDROOT" "$external" "$out" "$(mirror)" 3>>"$out/REPLACED"
step "$out is ready; what stands for what is in $out/REPLACED"
