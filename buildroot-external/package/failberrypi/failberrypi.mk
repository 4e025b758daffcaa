################################################################################
#
# failberrypi
#
################################################################################

FAILBERRYPI_VERSION = 0.3.0
FAILBERRYPI_SITE = $(BR2_EXTERNAL_FAILBERRYPI_PATH)/..
FAILBERRYPI_SITE_METHOD = local
FAILBERRYPI_LICENSE = MIT or Apache-2.0
FAILBERRYPI_LICENSE_FILES = LICENSE-MIT LICENSE-APACHE
# What a person has built in the clone is not source.
FAILBERRYPI_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = --exclude=/target --exclude=/out
HOST_FAILBERRYPI_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	$(FAILBERRYPI_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS)

FAILBERRYPI_DEPENDENCIES = host-failberrypi host-failberrypi-crates \
	host-failberrypi-rust-src
# What the assembler runs.
HOST_FAILBERRYPI_DEPENDENCIES = host-failberrypi-crates host-e2fsprogs \
	host-xz host-zstd

# Sources from this directory are not vendored by the download step: crates
# come from packages of their own instead.
define FAILBERRYPI_USE_CRATES
	rm -rf $(@D)/vendor
	mkdir -p $(@D)/.cargo $(@D)/vendor
	ln -s $(HOST_FAILBERRYPI_CRATES_INSTALLED)/* $(@D)/vendor/
	printf '[source.crates-io]\nreplace-with = "vendor"\n[source.vendor]\ndirectory = "vendor"\n' \
		>$(@D)/.cargo/config.toml
endef
HOST_FAILBERRYPI_PRE_CONFIGURE_HOOKS += FAILBERRYPI_USE_CRATES
FAILBERRYPI_PRE_CONFIGURE_HOOKS += FAILBERRYPI_USE_CRATES

# The standard library is built along, from crates that come with it, and asks
# for libunwind by name: libgcc has the same entry points, in one archive or,
# where there is a shared one too, in two.
define FAILBERRYPI_USE_RUST_SRC
	ln -sf $(HOST_FAILBERRYPI_RUST_SRC_INSTALLED)/vendor/* $(@D)/vendor/
	mkdir -p $(@D)/lib
	unwind=`$(TARGET_CC) -print-file-name=libgcc_eh.a`; \
	test -e $$unwind || unwind=`$(TARGET_CC) -print-libgcc-file-name`; \
	cp $$unwind $(@D)/lib/libunwind.a
endef
FAILBERRYPI_PRE_CONFIGURE_HOOKS += FAILBERRYPI_USE_RUST_SRC

FAILBERRYPI_RUSTFLAGS = \
	-C link-self-contained=no \
	-C target-feature=+crt-static \
	-C relocation-model=static \
	-L native=$(@D)/lib \
	--remap-path-prefix=$(@D)=/src \
	--remap-path-prefix=$(HOST_DIR)=/host
ifeq ($(BR2_cortex_a7),y)
FAILBERRYPI_RUSTFLAGS += -C target-cpu=cortex-a7
endif

# RUST_LIBC_UNSTABLE_MUSL_V1_2_3: without it time_t has 32 bits on 32-bit
# boards, in the libc crate and in the standard library that is built with it.
# That is why the latter is built along, which takes RUSTC_BOOTSTRAP.
# The clock's floor is the time of the commit.
FAILBERRYPI_CARGO_ENV = \
	CARGO_TARGET_$(call UPPERCASE,$(RUSTC_TARGET_NAME))_RUSTFLAGS="$(FAILBERRYPI_RUSTFLAGS)" \
	CFLAGS="$(TARGET_CFLAGS) -Os -ffile-prefix-map=$(@D)=/src" \
	FAILBERRY_BUILD_EPOCH=$(or $(shell git -C $(FAILBERRYPI_SITE) log -1 --format=%ct 2>/dev/null),$(SOURCE_DATE_EPOCH)) \
	PKG_CONFIG=/bin/false \
	RUSTC_BOOTSTRAP=1 \
	RUST_LIBC_UNSTABLE_MUSL_V1_2_3=1

# The profile "firmware" of Cargo.toml is what is shipped, not Buildroot's.
define FAILBERRYPI_BUILD_CMDS
	cd $(@D) && \
	$(TARGET_MAKE_ENV) \
		$(TARGET_CONFIGURE_OPTS) \
		$(PKG_CARGO_ENV) \
		$(FAILBERRYPI_CARGO_ENV) \
		cargo build \
			--offline \
			--locked \
			--target-dir target \
			--package failberry \
			--bin failberry \
			--profile firmware \
			-Z build-std=std,panic_abort \
			-Z build-std-features=
endef

define FAILBERRYPI_INSTALL_TARGET_CMDS
	$(INSTALL) -D -m 0755 $(@D)/target/$(RUSTC_TARGET_NAME)/firmware/failberry \
		$(TARGET_DIR)/init
endef

HOST_FAILBERRYPI_CARGO_BUILD_OPTS = --package failberry-image --target-dir target

define HOST_FAILBERRYPI_INSTALL_CMDS
	$(INSTALL) -D -m 0755 $(@D)/target/release/failberry-image \
		$(HOST_DIR)/bin/failberry-image
endef

$(eval $(cargo-package))
$(eval $(host-cargo-package))
