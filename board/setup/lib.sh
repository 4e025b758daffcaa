# shellcheck shell=bash
# What the setup scripts share: where things are kept, progress lines, verified downloads, packages.
# Source it after `set -euo pipefail`. Nothing here writes below the clone or to /etc.

# What was said to our make, such as BOARD=, is not meant for the makefiles of others.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

FAILBERRY_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
FAILBERRY_CACHE=${FAILBERRY_CACHE:-${HOME:?}/.cache/failberrypi}
FAILBERRY_LOCK=$FAILBERRY_ROOT/board/debian.lock
FAILBERRY_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
mkdir -p "$FAILBERRY_CACHE"/{downloads,stamps,apt}
export DEBIAN_FRONTEND=noninteractive

SUDO=()
[ "$(id -u)" = 0 ] || SUDO=(sudo --preserve-env=DEBIAN_FRONTEND)

# step MESSAGE: one progress line with the seconds since the script began.
step() { printf '==> %4d s  %s\n' "$SECONDS" "$*" >&2; }

die() { printf 'error: %s\n' "$*" >&2; exit 1; }

warn() { printf '\n*** WARNING: %s\n\n' "$*" >&2; }

# key_of TEXT-OR-FILE...: one hash over the contents of files and the texts given.
key_of() {
  local it
  for it in "$@"; do
    if [ -f "$it" ]; then sha256sum <"$it"; else printf '%s\n' "$it"; fi
  done | sha256sum | cut -c1-32
}

# once NAME KEY COMMAND...: runs the command unless it already succeeded with the same key.
# Two at the same time are serialised; the second then finds the work done.
once() {
  local name=$1 key=$2 stamp=$FAILBERRY_CACHE/stamps/$1
  shift 2
  if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ]; then return 0; fi
  (
    flock 9
    [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && exit 0
    # Not inside a condition: there `set -e` would no longer stop at the first failing command.
    set -e
    "$@" 9>&-
    printf '%s\n' "$key" >"$stamp.new"
    mv "$stamp.new" "$stamp"
  ) 9>"$FAILBERRY_CACHE/stamps/.$name.lock"
}

# exchange NEW OLD: NEW takes OLD's place at once: whoever reads there meanwhile must not find it
# missing for as long as removing takes.
exchange() {
  rm -rf "$2.old"
  [ ! -e "$2" ] || mv -T "$2" "$2.old"
  mv -T "$1" "$2"
  rm -rf "$2.old"
}

# mirror: the base address of the Debian archive this machine's apt uses.
mirror() {
  local base
  # shellcheck disable=SC2016 # apt expands it
  base=$(apt-get indextargets --format '$(REPO_URI)' | grep -m1 '/debian/$') ||
    die 'no Debian archive among the apt sources of this machine (expected an address that ends in /debian/)'
  printf '%s' "$base"
}

# lock_field NAME COLUMN
lock_field() {
  local row
  row=$(awk -v n="$1" -v c="$2" '$1 == n { print $c }' "$FAILBERRY_LOCK")
  [ -n "$row" ] || die "$FAILBERRY_LOCK has no entry named $1"
  printf '%s' "$row"
}

# boards: the name of every board.
boards() {
  local file
  for file in "$FAILBERRY_ROOT"/board/*/board.toml; do
    basename "$(dirname "$file")"
  done
}

# board_field BOARD KEY: a value, or the values of a list with spaces between, of board/BOARD/board.toml;
# nothing where the board has no such key.
board_field() {
  local file=$FAILBERRY_ROOT/board/$1/board.toml
  [ -f "$file" ] || die "there is no board '$1'; there are: $(boards | tr '\n' ' ')"
  sed -n "/^\\[/q; s/^$2 = //p" "$file" | tr -d '][",'
}

# boards_with KEY VALUE: the boards of which this is true.
boards_with() {
  local board
  for board in $(boards); do
    [ "$(board_field "$board" "$1")" != "$2" ] || printf '%s\n' "$board"
  done
}

# download URL FILE: with retries, into place only when complete. Exit code 22: the server has no such file.
download() {
  local url=$1 file=$2 code=0
  curl --fail --silent --show-error --location --retry 5 --retry-connrefused --retry-delay 2 \
    --connect-timeout 20 --output "$file.part" "$url" || code=$?
  if [ "$code" != 0 ]; then rm -f "$file.part"; return "$code"; fi
  mv "$file.part" "$file"
}

# fetch_locked NAME: prints the path of the verified file of that name in board/debian.lock.
fetch_locked() {
  local name=$1 path sha file code=0 newest
  path=$(lock_field "$name" 3)
  sha=$(lock_field "$name" 4)
  file=$FAILBERRY_CACHE/downloads/$(basename "$path")
  if [ ! -f "$file" ]; then
    step "fetching $(basename "$path")"
    download "$(mirror)$path" "$file.unverified" || code=$?
    if [ "$code" = 22 ]; then
      newest=$(newest_in_index "$name") || die "$path is gone from the archive and nothing newer was found"
      read -r path sha <<<"$newest"
      warn "the pinned $name is gone from the archive; taking $(basename "$path") instead. Update board/debian.lock."
      file=$FAILBERRY_CACHE/downloads/$(basename "$path")
      [ -f "$file" ] || download "$(mirror)$path" "$file.unverified"
    elif [ "$code" != 0 ]; then
      die "download of $path failed (curl exit code $code)"
    fi
    if [ -f "$file.unverified" ]; then
      printf '%s  %s\n' "$sha" "$file.unverified" | sha256sum --check --quiet >&2 || {
        rm -f "$file.unverified"
        die "$(basename "$path") does not have the SHA-256 $sha"
      }
      mv "$file.unverified" "$file"
    fi
  fi
  printf '%s' "$file"
}

# newest_in_index NAME: path and SHA-256 of the newest package like the pinned one, from the signed index.
# "Like" means: the same name with any numbers, because a kernel has its version in its name.
newest_in_index() {
  local name=$1 path suite component arch pattern dir
  path=$(lock_field "$name" 3)
  suite=$(lock_field "$name" 2)
  case $path in *.deb) ;; *) return 1 ;; esac
  component=$(cut -d/ -f2 <<<"$path")
  arch=${path##*_}
  arch=${arch%.deb}
  [ "$arch" != all ] || arch=amd64
  pattern=$(basename "${path%%_*}" | sed -E 's/[.+]/\\&/g; s/[0-9]+(\\\.[0-9]+)*/[0-9.]+/g')
  dir=$FAILBERRY_CACHE/apt/$suite-$component-$arch
  mkdir -p "$dir"/{lists/partial,archives/partial}
  printf 'deb [signed-by=%s arch=%s] %s %s %s\n' "$FAILBERRY_KEYRING" "$arch" "$(mirror)" "$suite" "$component" >"$dir/sources.list"
  apt_in "$dir" "$arch" update >&2 || return 1
  APT_CONFIG=$dir/apt.conf apt-cache dumpavail | awk -v p="^$pattern\$" '
    /^Package:/ { pkg = $2 } /^Version:/ { v = $2 } /^Filename:/ { f = $2 }
    /^SHA256:/ { s = $2 } /^$/ { if (pkg ~ p) print v, f, s; pkg = v = f = s = "" }' |
    sort -V | tail -n1 | cut -d' ' -f2- | grep .
}

# apt_in DIR ARCH ARGS...: apt-get with the sources, lists and archives of DIR instead of the machine's.
apt_in() {
  local dir=$1 arch=$2 try
  shift 2
  mkdir -p "$dir"/{lists/partial,archives/partial}
  cat >"$dir/apt.conf" <<CONF
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$dir/lists";
Dir::Cache "$dir";
Dir::Cache::archives "$dir/archives";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
APT::Get::List-Cleanup "0";
Acquire::Retries "5";
Acquire::Languages "none";
DPkg::Lock::Timeout "600";
CONF
  for try in 1 2 3; do
    if "${SUDO[@]}" env APT_CONFIG="$dir/apt.conf" apt-get --quiet --yes "$@"; then return 0; fi
    [ "$try" = 3 ] || sleep $((try * 3))
  done
  return 1
}

# missing_packages PKG...: those of them that are not installed.
missing_packages() {
  local p
  for p in "$@"; do
    dpkg-query --show --showformat '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || printf '%s\n' "$p"
  done
}

# apt_install PKG...: installs what is missing from the machine's own sources.
# The archives directory is ours: hooks of some machines empty the common one while another apt still reads it.
apt_install() {
  local missing try log=$FAILBERRY_CACHE/apt/install.log
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} != 0 ] || return 0
  step "installing ${#missing[@]} packages: ${missing[*]}"
  mkdir -p "$FAILBERRY_CACHE/apt/archives/partial"
  local opts=(-o Dir::Cache::archives="$FAILBERRY_CACHE/apt/archives" -o DPkg::Lock::Timeout=600
    -o APT::Sandbox::User=root -o Acquire::Retries=5)
  for try in 1 2 3; do
    if [ "$try" != 1 ] || [ -z "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 -print -quit)" ]; then
      "${SUDO[@]}" apt-get "${opts[@]}" --quiet update >"$log" 2>&1 || true
    fi
    if "${SUDO[@]}" apt-get "${opts[@]}" --quiet --yes --no-install-recommends install "${missing[@]}" >"$log" 2>&1; then
      return 0
    fi
    [ "$try" = 3 ] || sleep $((try * 3))
  done
  tail -n 20 "$log" >&2
  die "could not install ${missing[*]}; all of apt's output is in $log"
}

# unpack NAME DIR: the content of a locked .deb or tar archive in DIR, which then holds that and nothing else.
unpack() {
  local file dir=$2
  file=$(fetch_locked "$1")
  if [ "$(cat "$dir/.unpacked-from" 2>/dev/null)" = "$(basename "$file")" ]; then return 0; fi
  step "unpacking $(basename "$file")"
  rm -rf "$dir" "$dir.new"
  mkdir -p "$dir.new"
  case $file in
  *.deb) dpkg-deb --extract "$file" "$dir.new" ;;
  *) tar --extract --file "$file" --directory "$dir.new" --strip-components=1 --no-same-owner ;;
  esac
  basename "$file" >"$dir.new/.unpacked-from"
  mv "$dir.new" "$dir"
}
