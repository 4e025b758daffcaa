#!/usr/bin/env bash
# Gives Debian's Rust the shape of the archives that Buildroot's package rust-bin installs, and its
# library's source that of package failberrypi-rust-src.
# usage: rust.sh VERSION-BUILDROOT-WANTS RUST-TARGET DIR    Gives: DIR/{rust-bin,rust-src}
set -euo pipefail
. "$(dirname "$0")/../../board/setup/lib.sh"

version=$1 target=$2 out=$(realpath -m "$3")
host=$(/usr/bin/rustc -vV | sed -n 's/^host: //p')
bin=$out/rust-bin
src=$(/usr/bin/rustc --print sysroot)/lib/rustlib

step "laying out $(/usr/bin/rustc --version) as rust-bin $version"
rm -rf "$bin" "$out/rust-src"
mkdir -p "$bin/std/rust-std-$version-$target" "$out/rust-src"
# Debian's programs stay where they are: they find their libraries there. The sysroot is the place
# they are called from, so that nothing else of the machine's is taken.
mkdir "$bin/bin"
cat >"$bin/bin/rustc" <<'SCRIPT'
#!/bin/sh
exec /usr/bin/rustc --sysroot "$(dirname "$(dirname "$(readlink -f "$0")")")" "$@"
SCRIPT
cat >"$bin/bin/cargo" <<'SCRIPT'
#!/bin/sh
RUSTC="$(dirname "$(readlink -f "$0")")/rustc" exec /usr/bin/cargo "$@"
SCRIPT
cat >"$bin/install.sh" <<SCRIPT
#!/bin/sh
set -eu
for argument; do
	case \$argument in --prefix=*) prefix=\${argument#--prefix=} ;; esac
done
mkdir -p "\$prefix/bin" "\$prefix/lib/rustlib"
rm -rf "\$prefix/lib/rustlib/$host"
cp -a "$src/$host" "\$prefix/lib/rustlib/"
cp "\$(dirname "\$0")"/bin/* "\$prefix/bin/"
chmod +x "\$prefix/bin/rustc" "\$prefix/bin/cargo"
SCRIPT
# There is no prebuilt library for this target: it is built along.
printf '#!/bin/sh\n' >"$bin/std/rust-std-$version-$target/install.sh"
chmod +x "$bin/install.sh" "$bin/std/rust-std-$version-$target/install.sh"
cp -a "$src/src/rust/library" "$out/rust-src/library"
