#!/usr/bin/env bash
# Builds the one static binary for 32-bit (armv7) or 64-bit (aarch64) boards, or another one for tests.
# Usage: board/firmware.sh armv7|aarch64 [saboteur]    Gives: out/firmware/<name>/failberry
set -euo pipefail
. "$(dirname "$0")/setup/lib.sh"

case ${1:-} in
armv7)
  target=armv7-unknown-linux-musleabihf musl=arm-linux-musleabihf
  rust_cpu='-C target-cpu=cortex-a7' c_cpu='-mcpu=cortex-a7 -mfpu=neon-vfpv4'
  ;;
aarch64)
  target=aarch64-unknown-linux-musl musl=aarch64-linux-musl
  rust_cpu='' c_cpu=''
  ;;
*) die "expected armv7 or aarch64, got '${1:-}'" ;;
esac

binary=${2:-failberry}
package=failberry${2:+-$2}

cd "$FAILBERRY_ROOT"
cross=$FAILBERRY_CACHE/cross
libs=$cross/$musl/usr/lib/$musl
cargo_home=${CARGO_HOME:-$HOME/.cargo}
# Nothing of this machine may show in the binary, or two machines would build two different ones.
rust_paths="--remap-path-prefix=$FAILBERRY_ROOT=/src --remap-path-prefix=$cargo_home=/cargo"
c_paths="-ffile-prefix-map=$FAILBERRY_ROOT=/src -ffile-prefix-map=$cargo_home=/cargo"
name=$(tr a-z- A-Z_ <<<"$target")
c_name=$(tr - _ <<<"$target")

# Debian's compiler: it comes with the source of its standard library, which is built along.
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
unset RUSTC_WRAPPER RUSTFLAGS RUSTUP_TOOLCHAIN
# Without it time_t has 32 bits: libusb's timeouts break, and the clock ends in 2038.
export RUST_LIBC_UNSTABLE_MUSL_V1_2_3=1
# The vendored libusb must not look for udev.
export PKG_CONFIG=/bin/false
# The clock's floor. The commit's time, so that building a commit again gives the same binary.
FAILBERRY_BUILD_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export FAILBERRY_BUILD_EPOCH
export "CARGO_TARGET_${name}_LINKER=$cross/bin/$musl-gcc"
export "CARGO_TARGET_${name}_RUSTFLAGS=-C link-self-contained=no -C target-feature=+crt-static \
-C relocation-model=static -L native=$libs $rust_cpu $rust_paths"
export "CC_$c_name=$cross/bin/$musl-gcc" "AR_$c_name=$cross/bin/$musl-ar"
export "CFLAGS_$c_name=$c_cpu -Os $c_paths"

step "building $binary for $1 (the first time takes some minutes)"
/usr/bin/cargo build --locked --package "$package" --bin "$binary" --profile firmware \
  --target "$target" --target-dir target/device \
  -Z build-std=std,panic_abort -Z build-std-features=
mkdir -p "out/firmware/$1"
cp "target/device/$target/firmware/$binary" "out/firmware/$1/$binary"
step "out/firmware/$1/$binary has $(stat -c %s "out/firmware/$1/$binary") bytes"
