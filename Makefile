# The verbs a person needs. Each calls one tool; `make help` lists them.

# Debian's Rust, for the firmware and for the tools alike: it is what `make setup` installs.
export PATH := /usr/bin:$(PATH)
export RUSTC := /usr/bin/rustc
FAILBERRY_CACHE ?= $(HOME)/.cache/failberrypi
export FAILBERRY_CACHE

CARGO := cargo --locked
ASSEMBLE = $(CARGO) run --quiet --package failberry-image --
BENCH = $(CARGO) run --quiet --package failberry-bench --bin bench --
# Whoever starts a carrier needs the program that is its guest.
BENCH_PROGRAMS = $(CARGO) build --package failberry-bench --bins

.PHONY: help setup firmware firmware-arm64 cards image bundle buildroot-image run test test-all unit saboteur system bench fuzz lint deny docs

help: ## these lines
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What `make test` is about. The other boards are set up with their image, and by `make test-all`.
TESTED := rpi2 virt

setup: ## install and build what the others need (done once; they call it themselves)
	@board/setup/all.sh $(TESTED)

firmware: setup ## the static armv7 binary
	@board/firmware.sh armv7

firmware-arm64: setup ## the same for 64-bit boards
	@board/firmware.sh aarch64

cards: ## out/rpi2 and out/virt, which the tests boot: userland, slot, card
	@board/cards.sh $(TESTED)

BOARD ?= rpi2

image: ## out/failberrypi-<board>-<version>.img.xz of BOARD=rpi2, rpi3, rpi3_64 or rpi4_64, with .sha256 and .bmap
	@board/cards.sh $(BOARD)
	@$(ASSEMBLE) release --board $(BOARD) --image out/$(BOARD)/card.img

VERSION ?= $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)

bundle: ## out/failberrypi-<board>-<version>.bundle of BOARD=rpi2, signed with KEY=<file> (failberryctl key new <file>)
	@board/cards.sh $(BOARD)
	@$(CARGO) run --quiet --package failberry-tool -- bundle out/$(BOARD)/slot.fit --board $(BOARD) \
	  --version $(VERSION) --key $(KEY) --out out/failberrypi-$(BOARD)-$(VERSION).bundle

buildroot-image: ## the same with Buildroot for BOARD=rpi2; BUILDROOT=/path for a checkout of yours
	@buildroot-external/build.sh $(BOARD)

run: ## boot the card image in an emulated Pi 2B with an emulated stick; the console is yours
	@board/cards.sh rpi2
	@$(BENCH_PROGRAMS)
	@$(BENCH) run

lint: setup ## rustfmt, clippy, shellcheck, the Buildroot tree, cargo-deny
	cargo fmt --check
	$(CARGO) clippy --quiet --workspace --all-targets --all-features -- -D warnings
	shellcheck -x board/*.sh board/setup/*.sh .ci/run
	@buildroot-external/check.sh
	@board/deny.sh

unit: setup ## unit and property tests
	$(CARGO) test --workspace --all-features --exclude failberry-system-tests --no-fail-fast
	FAILBERRY_BOARDS="$(TESTED)" $(CARGO) test --package failberry-image --test setup --test u_boot -- --ignored --skip other_boards

saboteur: setup
	@board/firmware.sh armv7 saboteur

system: cards saboteur ## the product, booted and used
	$(BENCH_PROGRAMS)
	$(CARGO) build --package failberry-tool
	$(CARGO) test --package failberry-system-tests

test: lint unit system ## everything that is tested

test-all: test ## `make test` and what takes longer, other boards among it
	@board/cards.sh rpi3 rpi3_64 rpi4_64
	$(CARGO) test --package failberry-image --test setup --test u_boot -- --ignored
	$(CARGO) test --package failberry-system-tests --test system -- faults --all
	$(CARGO) test --package failberry-system-tests --test system -- rpi --all
	$(CARGO) test --package failberry-system-tests --test system -- update --all
	$(CARGO) test --package failberry-interop --test interop -- --all
	$(CARGO) test --package failberry-system-tests --test system -- power-cut
	$(CARGO) test --package failberry-system-tests --test system -- soak

bench: cards image saboteur ## the figures of docs/benchmarks.md, measured on the built image
	@$(BENCH_PROGRAMS)
	@$(CARGO) build --quiet --package failberry-tool
	@$(BENCH) measure
	@$(CARGO) run --quiet --package failberry-interop --bin ppp_timing
	$(CARGO) bench --quiet --package tokio-modem --bench framing
	$(CARGO) test --package failberry-system-tests --test system -- faults
	@cat out/faults-quick.md

TARGET = all
SECONDS = 60

# SECONDS is bash's own in the environment of a script.
fuzz: ## fuzz modem, bundles and environment, each target for SECONDS=60, or only TARGET=hdlc
	@env --unset=SECONDS board/fuzz.sh $(TARGET) $(SECONDS)

docs: ## regenerate docs/configuration.md
	UPDATE_DOCS=1 $(CARGO) test --quiet --package failberry-config --test reference
