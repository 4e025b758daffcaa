#!/bin/sh
# Assembles the card image from what Buildroot has built, with the assembler of `make image`.
# usage: post-image.sh BINARIES_DIR BOARD (Buildroot calls it)
set -eu
images=$1
board=$2
repo=$BR2_EXTERNAL_FAILBERRYPI_PATH/..
parts=$images/failberrypi

rm -rf "${parts:?}/boot" "${images:?}/$board"
for kernel in "$images/zImage" "$images/Image"; do
	if [ -e "$kernel" ]; then cp "$kernel" "$parts/"; fi
done
cp "$images"/bcm2*.dtb "$parts/board.dtb"
cp -R "$images/rpi-firmware" "$parts/boot"

"$HOST_DIR/bin/failberry-image" card --board "$board" --repo "$repo" \
	--binary "$TARGET_DIR/init" --parts "$parts" --u-boot "$parts/u-boot" --out "$images/$board"
"$HOST_DIR/bin/failberry-image" release --board "$board" --repo "$repo" \
	--image "$images/$board/card.img" --out "$images"
