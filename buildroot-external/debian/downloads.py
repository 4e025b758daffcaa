#!/usr/bin/env python3
"""Fills a BR2_DL_DIR with what Buildroot would download, where Debian or crates.io have it.

Reads what a configured Buildroot says it needs (`make show-info`) and which SHA-256 it asks for.
usage: downloads.py BUILDROOT EXTERNAL DIR MIRROR
"""

import hashlib
import json
import lzma
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.request

SUITES = ["bookworm", "trixie", "sid"]


def configured(buildroot, external, out):
    """Packages of the final configuration, as `make show-info` tells them."""
    work = out / "info"
    make = ["make", "-s", "-C", str(buildroot), f"O={work}", f"BR2_EXTERNAL={external}:{out}/tree"]
    board = (out / "board").read_text().strip()
    environment = {k: v for k, v in os.environ.items() if k not in ("RUSTC", "CARGO_TARGET_DIR")}
    run = dict(env=environment, check=True, stdout=subprocess.PIPE)
    subprocess.run(make + [f"failberrypi_{board}_defconfig"], **run)
    with open(work / ".config", "a", encoding="utf-8") as config:
        config.write((out / "config").read_text())
    subprocess.run(make + ["olddefconfig"], **run)
    told = json.loads(subprocess.run(make + ["show-info"], **run).stdout)
    shutil.rmtree(work)
    return told


def hashes(*roots):
    """SHA-256 by file name, from every .hash file."""
    known = {}
    for root in roots:
        for path in root.rglob("*.hash"):
            for line in path.read_text(errors="replace").splitlines():
                fields = line.split()
                if len(fields) == 3 and fields[0] == "sha256":
                    known[fields[2]] = fields[1]
    return known


def debian(mirror, cache):
    """Address by SHA-256 of every file of every source package."""
    found = {}
    for suite in SUITES:
        index = cache / f"{suite}-Sources.xz"
        if not index.exists():
            fetch(f"{mirror}dists/{suite}/main/source/Sources.xz", index)
        directory, listing, block = "", False, {}
        with lzma.open(index, "rt", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("Directory: "):
                    directory = line[11:].strip()
                listing = line.startswith("Checksums-Sha256:") or (listing and line.startswith(" "))
                if listing and line.startswith(" "):
                    digest, _, name = line.split()
                    block[digest] = name
                if line == "\n":
                    found.update({d: f"{mirror}{directory}/{n}" for d, n in block.items()})
                    block = {}
    return found


def fetch(address, path):
    """Downloads into place only when complete."""
    part = path.with_name(path.name + ".part")
    with urllib.request.urlopen(address, timeout=60) as source, open(part, "wb") as target:
        shutil.copyfileobj(source, target)
    part.rename(path)


def crates(out):
    """The archives of Cargo.lock's crates, through cargo and from where it keeps them."""
    repository = pathlib.Path(__file__).resolve().parents[2]
    home = pathlib.Path(os.environ.get("CARGO_HOME", pathlib.Path.home() / ".cargo"))
    subprocess.run(["/usr/bin/cargo", "fetch", "--locked", "--quiet"], cwd=repository, check=True)
    return {path.name: path for path in home.glob("registry/cache/*/*.crate")}


def main():
    buildroot, external, out = map(pathlib.Path, sys.argv[1:4])
    mirror = sys.argv[4]
    replaced = os.fdopen(3, "w") if len(sys.argv) > 4 else sys.stderr
    known = hashes(buildroot, external)
    sources = debian(mirror, out)
    archives = crates(out)
    overridden = {
        line.split("_OVERRIDE_SRCDIR")[0].lower().replace("_", "-")
        for line in (out / "local.mk").read_text().splitlines()
    }
    missing = []
    for package, told in configured(buildroot, external, out).items():
        if package in overridden or package.endswith("failberrypi"):
            continue
        for download in told.get("downloads", []):
            name = download["source"]
            place = out / "dl" / told["dl_dir"] / name
            digest = known.get(name)
            if place.exists():
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if name in archives:
                shutil.copyfile(archives[name], place)
            elif digest in sources:
                fetch(sources[digest], place)
                print(f"{package}: {name} is Debian's {sources[digest].rsplit('/', 1)[1]}", file=replaced)
            else:
                missing.append(f"{package}: {name}")
                continue
            if hashlib.sha256(place.read_bytes()).hexdigest() != digest:
                place.unlink()
                missing.append(f"{package}: {name} (what was found has another SHA-256)")
    for line in missing:
        print(f"not found: {line}", file=sys.stderr)
    return bool(missing)


if __name__ == "__main__":
    sys.exit(main())
