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
# Device trees under the kernel's own names, also where the board has one of our own. What
# `make image` changes in them is changed here too.
changes=$repo/board/$board/device-tree.dtso
for name in $(sed -n 's/^device_trees = //p' "$repo/board/$board/board.toml" | tr -d '][",'); do
	tree=$images/$name.dtb
	if [ -e "$images/$name-failberrypi.dtb" ]; then tree=$images/$name-failberrypi.dtb; fi
	if [ -e "$changes" ]; then
		"$parts/dtc/dtc" -q -@ -I dts -O dtb -o "$parts/changes.dtbo" "$changes"
		"$parts/dtc/fdtoverlay" -i "$tree" -o "$parts/$name.dtb" "$parts/changes.dtbo"
	else
		cp "$tree" "$parts/$name.dtb"
	fi
done
cp -R "$images/rpi-firmware" "$parts/boot"

"$HOST_DIR/bin/failberry-image" card --board "$board" --repo "$repo" \
	--binary "$TARGET_DIR/init" --parts "$parts" --u-boot "$parts/u-boot" --out "$images/$board"
"$HOST_DIR/bin/failberry-image" release --board "$board" --repo "$repo" \
	--image "$images/$board/card.img" --out "$images"
