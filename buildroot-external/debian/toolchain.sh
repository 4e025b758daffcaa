#!/usr/bin/env bash
# Makes a musl tool chain that Buildroot takes as a preinstalled one of Debian's cross compiler and
# musl package. Buildroot refuses the compiler as it is, because it looks for everything below /.
# A copy in a directory of its own finds nothing there and looks where it is told.
# usage: toolchain.sh GCC-TRIPLET MUSL-TRIPLET MUSL-LOCK-NAME LOADER DIR
set -euo pipefail
. "$(dirname "$0")/../../board/setup/lib.sh"

gcc=$1 musl=$2 lock=$3 loader=$4 out=$(realpath -m "$5")
version=$("$gcc-gcc" -dumpversion)
libs=lib/gcc-cross/$gcc/$version

step "copying Debian's $gcc-gcc $version to $out"
rm -rf "$out"
mkdir -p "$out"/{bin,usr/bin,"usr/$libs","usr/$gcc/bin",sysroot/usr/lib}
for program in gcc g++; do
  cp "$(readlink -f "$(command -v "$gcc-$program-$version")")" "$out/usr/bin/$gcc-$program"
  # It is no longer true, and what Buildroot knows a distribution's compiler by.
  sed -i 's#--with-sysroot=/ #--with-sysroot=. #' "$out/usr/bin/$gcc-$program"
done
cp -a "/usr/$libs/." "$out/usr/$libs/"
# The shared ones are glibc's.
rm -f "$out/usr/$libs"/*.so
cp -a "/usr/$libs/liblto_plugin.so" "$out/usr/$libs/"
for program in "/usr/$gcc/bin"/*; do
  ln -s "$(readlink -f "$program")" "$out/usr/$gcc/bin/$(basename "$program")"
done

unpack "$lock" "$out/musl"
cp -a "$out/musl/usr/include/$musl" "$out/sysroot/usr/include"
cp -a "$out/musl/usr/lib/$musl"/*.[ao] "$out/sysroot/usr/lib/"
rm -rf "$out/musl"
for header in linux asm asm-generic mtd; do
  cp -a "/usr/$gcc/include/$header" "$out/sysroot/usr/include/"
done
# libgcc_eh asks glibc for its index of unwind tables; musl has none.
echo 'int _dl_find_object(void *pc, void *result) { (void)pc; (void)result; return -1; }' >"$out/stub.c"
"$gcc-gcc" -Os -c "$out/stub.c" -o "$out/stub.o"
"$gcc-ar" rD "$out/usr/$libs/libgcc_eh.a" "$out/stub.o"
rm "$out"/stub.*

# The loader that it names is glibc's; the last one named counts.
printf '%%rename link glibc_link\n\n*link:\n%%(glibc_link) %%{!static:%%{!shared:-dynamic-linker %s}}\n\n' \
  "$loader" >"$out/usr/$libs/musl.specs"

# wrapper NAME DRIVER
wrapper() {
  printf '#!/bin/sh\nexec "%s/usr/bin/%s-%s" --sysroot="%s/sysroot" -specs="%s/usr/%s/musl.specs" -static-libgcc -no-pie "$@"\n' \
    "$out" "$gcc" "$2" "$out" "$out" "$libs" >"$out/bin/$musl-$1"
  chmod +x "$out/bin/$musl-$1"
}
wrapper gcc gcc
wrapper g++ g++
printf '#!/bin/sh\nexec "%s/bin/%s-gcc" -E "$@"\n' "$out" "$musl" >"$out/bin/$musl-cpp"
chmod +x "$out/bin/$musl-cpp"
for program in ar as ld ld.bfd nm objcopy objdump ranlib readelf strip; do
  ln -s "$(readlink -f "/usr/$gcc/bin/$program")" "$out/bin/$musl-$program"
done
for program in ar nm ranlib; do
  printf '#!/bin/sh\nexec %s-gcc-%s "$@"\n' "$gcc" "$program" >"$out/bin/$musl-gcc-$program"
  chmod +x "$out/bin/$musl-gcc-$program"
done
