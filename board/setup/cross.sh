#!/usr/bin/env bash
# Makes musl tool chains for static ARM binaries from Debian's cross compilers and musl packages.
# Gives: $FAILBERRY_CACHE/cross/bin/{arm-linux-musleabihf,aarch64-linux-musl}-gcc
set -euo pipefail
. "$(dirname "$0")/lib.sh"

prefix=$FAILBERRY_CACHE/cross

# chain MUSL-TRIPLET GCC-TRIPLET LOCK-NAME
chain() {
  local musl=$1 gcc=$2 root=$prefix.new/$1 final=$prefix/$1 header
  unpack "$3" "$root"
  # The package's wrapper and specs speak of /usr; they are told where the files are now.
  sed -i "s# /usr/include/$musl# $final/usr/include/$musl#g; s#/usr/lib/$musl#$final/usr/lib/$musl#g" \
    "$root/usr/lib/$musl/musl-gcc.specs"
  # Kernel headers are the C library's neighbours, not part of musl.
  for header in linux asm asm-generic mtd; do
    ln -sfn "/usr/$gcc/include/$header" "$root/usr/include/$musl/$header"
  done
  # Rust's musl targets link libunwind; libgcc_eh has the same entry points. The stub answers its
  # question for a glibc-only index of unwind tables with "none".
  echo 'int _dl_find_object(void *pc, void *result) { (void)pc; (void)result; return -1; }' >"$root/stub.c"
  "$gcc-gcc" -Os -c "$root/stub.c" -o "$root/stub.o"
  cp "$("$gcc-gcc" -print-file-name=libgcc_eh.a)" "$root/usr/lib/$musl/libunwind.a"
  "$gcc-ar" rD "$root/usr/lib/$musl/libunwind.a" "$root/stub.o" 2>/dev/null
  rm -rf "$root"/stub.* "${root:?}/usr/share"
  printf '#!/bin/sh\nexec %s-gcc "$@" -specs "%s/usr/lib/%s/musl-gcc.specs" -L"%s/usr/lib/%s"\n' \
    "$gcc" "$final" "$musl" "$final" "$musl" >"$prefix.new/bin/$musl-gcc"
  ln -s "/usr/bin/$gcc-ar" "$prefix.new/bin/$musl-ar"
  chmod +x "$prefix.new/bin/$musl-gcc"
}

build() {
  step 'making the musl cross compilers'
  rm -rf "$prefix.new"
  mkdir -p "$prefix.new/bin"
  chain arm-linux-musleabihf arm-linux-gnueabihf musl-armhf
  chain aarch64-linux-musl aarch64-linux-gnu musl-arm64
  rm -rf "$prefix"
  mv "$prefix.new" "$prefix"
  # A program for each, linked now rather than failing in the middle of a Rust build.
  local musl
  for musl in arm-linux-musleabihf aarch64-linux-musl; do
    echo '#include <stdio.h>
      int main(void) { return puts("ok") < 0; }' >"$prefix/probe.c"
    "$prefix/bin/$musl-gcc" -static "$prefix/probe.c" -o "$prefix/probe"
    case $musl in
    arm-*) qemu-arm-static "$prefix/probe" ;;
    *) qemu-aarch64-static "$prefix/probe" ;;
    esac | grep -qx ok || die "a program from $musl-gcc does not run"
  done
  rm "$prefix"/probe*
}

once cross "$(key_of "$0" "$prefix" "$(lock_field musl-armhf 4)" "$(lock_field musl-arm64 4)")" build
