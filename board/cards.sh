#!/usr/bin/env bash
# Assembles userlands, slots and cards for the real board and for QEMU's `virt`.
# Gives: out/rpi2/ and out/virt/
set -euo pipefail
. "$(dirname "$0")/setup/lib.sh"

cd "$FAILBERRY_ROOT"
for board in rpi2 virt; do
  cargo run --locked --quiet --package failberry-image -- card --board "$board" \
    --binary out/firmware/armv7/failberry --parts "$FAILBERRY_CACHE/rpi2" \
    --u-boot "$FAILBERRY_CACHE/u-boot/rpi2" --repo . --out "out/$board"
done
