#!/usr/bin/env bash
# Everything that building and the tests need on a bare Debian machine; for all boards, or only for
# those named. A second call finds all of it done.
# Usage: board/setup/all.sh [BOARD...]
set -euo pipefail
. "$(dirname "$0")/lib.sh"
here=$(dirname "$0")
if [ $# = 0 ]; then
  mapfile -t all < <(boards)
  set -- "${all[@]}"
fi
"$here/packages.sh"
"$here/cross.sh"
"$here/kernel.sh" "$@"
for board; do
  "$here/uboot.sh" "$board"
done
"$here/carrier.sh"
