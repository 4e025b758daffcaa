################################################################################
#
# failberrypi-rust-src
#
################################################################################

# The compiler's own, always: nothing else may be compiled with it.
FAILBERRYPI_RUST_SRC_VERSION = $(RUST_VERSION)
FAILBERRYPI_RUST_SRC_SOURCE = rustc-$(RUST_VERSION)-src.tar.xz
FAILBERRYPI_RUST_SRC_SITE = $(RUST_SITE)
FAILBERRYPI_RUST_SRC_DL_SUBDIR = rust
FAILBERRYPI_RUST_SRC_LICENSE = $(RUST_LICENSE)
FAILBERRYPI_RUST_SRC_LICENSE_FILES = $(RUST_LICENSE_FILES)
# Nine tenths of it are the compiler.
HOST_FAILBERRYPI_RUST_SRC_EXCLUDES = compiler src tests
HOST_FAILBERRYPI_RUST_SRC_DEPENDENCIES = host-rustc

HOST_FAILBERRYPI_RUST_SRC_INSTALLED = $(HOST_DIR)/lib/rustlib/src/rust/library

# The library's crates lie among the compiler's; later releases also have them
# below the library.
define HOST_FAILBERRYPI_RUST_SRC_INSTALL_CMDS
	rm -rf $(HOST_FAILBERRYPI_RUST_SRC_INSTALLED)
	mkdir -p $(HOST_FAILBERRYPI_RUST_SRC_INSTALLED)
	cp -a $(@D)/library/. $(HOST_FAILBERRYPI_RUST_SRC_INSTALLED)/
	test -d $(@D)/library/vendor || { \
		mkdir $(HOST_FAILBERRYPI_RUST_SRC_INSTALLED)/vendor && \
		sed -n '/^name = /{s/.*"\(.*\)"/\1/;N;N;s/\n.*= "\(.*\)"\nsource.*/-\1/p}' \
			$(@D)/library/Cargo.lock | while read -r crate; do \
			cp -a $(@D)/vendor/$$crate $(HOST_FAILBERRYPI_RUST_SRC_INSTALLED)/vendor/ || exit 1; \
		done; \
	}
endef

$(eval $(host-generic-package))
