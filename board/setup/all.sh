#!/usr/bin/env bash
# Everything `make image` and the tests need on a bare Debian machine. A second call finds all of it done.
set -euo pipefail
here=$(dirname "$0")
for part in packages cross kernel uboot carrier; do
  "$here/$part.sh"
done
