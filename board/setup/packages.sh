#!/usr/bin/env bash
# Installs what builds the firmware and the image, and the emulator that runs it.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# Rust with its standard library's source, because no package has that library for musl on ARM.
rust=(rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web)
cross=(gcc libc6-dev make pkg-config gcc-arm-linux-gnueabihf libc6-dev-armhf-cross
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static)
uboot=(bc bison flex python3 patch bzip2 xz-utils device-tree-compiler libssl-dev libgnutls28-dev libfdt-dev uuid-dev)
image=(curl ca-certificates git kmod zstd xz-utils e2fsprogs mtools dosfstools fdisk bmap-tools)
# The network around the box in the tests, a second PPP to talk to, and a dialler for the emulated stick.
bench=(dnsmasq-base iproute2 slirp wvdial ppp hostname util-linux)
checks=(shellcheck nftables)
# fw_printenv and fw_setenv, to compare with; openssl makes keys as people have them.
peers=(libubootenv-tool openssl)
# Debian 12's own QEMU is too old to run the stick on the emulated Pi's USB bus: 10.0 comes from backports.
qemu=(qemu-system-arm qemu-system-x86 qemu-utils)

packages=("${rust[@]}" "${cross[@]}" "${uboot[@]}" "${image[@]}" "${bench[@]}" "${checks[@]}" "${peers[@]}")

qemu_is_fit() {
  local version
  version=$(dpkg-query --show --showformat '${Version}' qemu-system-arm 2>/dev/null) || return 1
  dpkg --compare-versions "$version" ge 1:10.0 && qemu-system-arm -device help | grep -q '"usb-redir"'
}

install_qemu() {
  local codename dir=$FAILBERRY_CACHE/apt/qemu sources log=$FAILBERRY_CACHE/apt/qemu.log
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
  if [ "$codename" != bookworm ]; then
    apt_install "${qemu[@]}"
  else
    step 'installing QEMU 10.0 from bookworm-backports'
    mkdir -p "$dir"
    # A list of our own: the machine's apt sources stay as they are.
    sources="deb [signed-by=$FAILBERRY_KEYRING arch=amd64] $(mirror)"
    printf '%s %s main\n' "$sources" bookworm "$sources" bookworm-updates "$sources" bookworm-backports >"$dir/sources.list"
    {
      apt_in "$dir" amd64 update &&
        apt_in "$dir" amd64 install --no-install-recommends --target-release bookworm-backports "${qemu[@]}"
    } >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "QEMU could not be installed; see $log"; }
  fi
  qemu_is_fit || die "qemu-system-arm is $(qemu-system-arm --version | head -n1); needed is 10.0 with the usb-redir device"
}

apt_install "${packages[@]}"
qemu_is_fit || install_qemu
