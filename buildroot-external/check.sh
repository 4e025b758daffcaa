#!/usr/bin/env bash
# Checks this tree. Without Buildroot: shell, Kconfig, what is made from other files, and that the
# configurations name only files that are there. With BUILDROOT=/path/to/checkout also Buildroot's
# own check-package (PYTHON=… for one that has its module magic), and that Kconfig keeps everything
# that each defconfig asks for.
set -euo pipefail
. "$(dirname "$0")/../board/setup/lib.sh"

external=$FAILBERRY_ROOT/buildroot-external
cd "$external"
apt_install shellcheck python3-kconfiglib

shellcheck -x ./*.sh board/*.sh debian/*.sh package/*/*.sh
package/failberrypi-crates/update.sh --check

# Config.in, read as Buildroot would read it.
BR2_EXTERNAL_FAILBERRYPI_PATH=$external /usr/bin/python3 - <<'PYTHON'
import kconfiglib
read = kconfiglib.Kconfig("Config.in", warn_to_stderr=False, suppress_traceback=True)
if read.warnings:
    raise SystemExit("\n".join(read.warnings))
for name in ("FAILBERRYPI", "HOST_FAILBERRYPI_CRATES", "HOST_FAILBERRYPI_RUST_SRC"):
    if not read.syms[f"BR2_PACKAGE_{name}"].nodes:
        raise SystemExit(f"Config.in: BR2_PACKAGE_{name} is not defined")
PYTHON

# U-Boot has a variable BOARD of its own, which `make image BOARD=...` must not change.
# shellcheck disable=SC2016 # the shell that is started expands it
told=$(MAKEFLAGS='w -- BOARD=x' bash -c '. ../board/setup/lib.sh; printf %s "${MAKEFLAGS-}"')
[ -z "$told" ] || die "what is said to make is handed down: $told"

# Paths below the two directories that defconfigs may speak of.
for defconfig in configs/*_defconfig; do
  grep -oE '\$\(BR2_EXTERNAL_FAILBERRYPI_PATH\)[^" ]*' "$defconfig" | while read -r path; do
    [ -e "$external${path#*)}" ] || die "$defconfig: there is no $path"
  done
done

# What compares configurations must see what is missing, changed and left out.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C="x"\n' >"$work/final"
printf 'CONFIG_A=y\n# CONFIG_B is not set\n# CONFIG_D is not set\nCONFIG_C="x"\n' >"$work/kept"
./asked.sh "$work/final" "$work/kept" || die 'asked.sh complains of what is as asked'
for line in CONFIG_B=y CONFIG_D=y 'CONFIG_C="y"' '# CONFIG_A is not set'; do
  printf '%s\n' "$line" >"$work/dropped"
  if ./asked.sh "$work/final" "$work/dropped" >/dev/null; then die "asked.sh does not see that '$line' is not so"; fi
done

[ -n "${BUILDROOT:-}" ] || exit 0
step "checking with the Buildroot in $BUILDROOT"
mapfile -t files < <(git ls-files | grep -vE '^debian/|\.md$')
${PYTHON:+"$PYTHON"} "$BUILDROOT/utils/check-package" --br2-external "${files[@]}"
for defconfig in configs/*_defconfig; do
  make --silent -C "$BUILDROOT" "O=$work/out" "BR2_EXTERNAL=$external" "$(basename "$defconfig")" >/dev/null 2>&1 ||
    die "$defconfig cannot be configured"
  ./asked.sh "$work/out/.config" "$defconfig"
done
