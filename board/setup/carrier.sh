#!/usr/bin/env bash
# Lays out what the mobile carrier of the tests is made of: a kernel with PPP, and pppd.
# Gives: $FAILBERRY_CACHE/carrier/{vmlinux,modules/,modules.order,root/}
set -euo pipefail
. "$(dirname "$0")/lib.sh"

out=$FAILBERRY_CACHE/carrier
programs=(/usr/sbin/pppd /usr/sbin/ip)
drivers=(virtio_pci virtio_net virtio_console ppp_async)

# uncompress BZIMAGE VMLINUX: QEMU starts the bare ELF file at once; the emulated CPU would take
# seconds for the XZ of a bzImage. Offsets are those of the x86 boot protocol.
uncompress() {
  local sectors start length
  sectors=$(od -An -tu1 -j497 -N1 "$1")
  start=$(((sectors + 1) * 512 + $(od -An -tu4 -j584 -N4 "$1")))
  length=$(od -An -tu4 -j588 -N4 "$1")
  # The last four bytes of the payload are its uncompressed length, not XZ.
  head -c "$((start + length - 4))" "$1" | tail -c "+$((start + 1))" | xz -dc >"$2"
}

build() {
  local kernel=$FAILBERRY_CACHE/carrier-kernel tree=$FAILBERRY_CACHE/carrier-ppp new=$out.new
  local release driver module program library
  unpack carrier-kernel "$kernel"
  unpack carrier-ppp "$tree"
  unpack carrier-libpcap "$tree-libpcap"
  release=$(basename "$kernel"/lib/modules/*)
  step "laying out the carrier: Linux $release and pppd"
  rm -rf "$new"
  mkdir -p "$new"/{modules,root/usr/sbin}
  uncompress "$kernel/boot/vmlinuz-$release" "$new/vmlinux"
  depmod --basedir "$kernel" "$release"
  for driver in "${drivers[@]}"; do
    modprobe --dirname "$kernel" --set-version "$release" --show-depends "$driver"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$new/paths"
  while read -r module; do
    cp "$module" "$new/modules/"
    basename "$module"
  done <"$new/paths" >"$new/modules.order"
  grep -q ppp_async "$new/modules.order" || die "no ppp_async among the modules of Linux $release"
  cp "$tree/usr/sbin/pppd" "$new/root/usr/sbin/"
  cp /usr/sbin/ip "$new/root/usr/sbin/"
  # Each library under the path at which the loader will look for it.
  for program in "${programs[@]}"; do
    LD_LIBRARY_PATH=$tree-libpcap/usr/lib/x86_64-linux-gnu ldd "$new/root$program"
  done >"$new/libraries"
  ! grep 'not found' "$new/libraries" >&2 || die 'pppd or ip needs libraries that this machine has not'
  grep -o '/[^ ]*' "$new/libraries" | sort -u | while read -r library; do
    local target=${library#"$tree-libpcap"}
    mkdir -p "$new/root$(dirname "$target")"
    cp --dereference "$library" "$new/root$target"
  done
  rm -rf "$out" "$kernel" "$tree" "$tree-libpcap" "$new"/{paths,libraries}
  mv "$new" "$out"
}

once carrier "$(key_of "$0" "$(lock_field carrier-kernel 4)" "$(lock_field carrier-ppp 4)" "$(lock_field carrier-libpcap 4)")" build
