#!/usr/bin/env bash
# Assembles userlands, slots and cards: for all boards, or only for those named.
# Usage: board/cards.sh [BOARD...]    Gives: out/<board>/
set -euo pipefail
. "$(dirname "$0")/setup/lib.sh"

cd "$FAILBERRY_ROOT"
if [ $# = 0 ]; then
  mapfile -t all < <(boards)
  set -- "${all[@]}"
fi
board/setup/all.sh "$@"
processors=$(for board; do board_field "$board" processor; done | sort -u)
for processor in $processors; do
  board/firmware.sh "$processor"
done
for board; do
  cargo run --locked --quiet --package failberry-image -- card --board "$board" \
    --binary "out/firmware/$(board_field "$board" processor)/failberry" \
    --parts "$FAILBERRY_CACHE/parts/$(board_field "$board" kernel)" \
    --u-boot "$FAILBERRY_CACHE/u-boot/$board" --repo . --out "out/$board"
done
