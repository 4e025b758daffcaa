################################################################################
#
# failberrypi-crates
#
################################################################################

# failberrypi-crates.hash is made from Cargo.lock by update.sh and is the list.
FAILBERRYPI_CRATES_VERSION = 1
HOST_FAILBERRYPI_CRATES_SOURCE =
HOST_FAILBERRYPI_CRATES_LICENSE = MIT, Apache-2.0, others (see deny.toml)

FAILBERRYPI_CRATES_LIST = \
	$(shell sed -n 's/^sha256  [0-9a-f]*  //p' $(HOST_FAILBERRYPI_CRATES_PKGDIR)/failberrypi-crates.hash)
# name-1.2.3.crate lies below the crate's name.
HOST_FAILBERRYPI_CRATES_EXTRA_DOWNLOADS = \
	$(shell sed -n -r 's,^sha256  [0-9a-f]*  ((.*)-[0-9]+\.[0-9]+\..*),https://static.crates.io/crates/\2/\1,p' \
		$(HOST_FAILBERRYPI_CRATES_PKGDIR)/failberrypi-crates.hash)

HOST_FAILBERRYPI_CRATES_INSTALLED = $(HOST_DIR)/share/failberrypi-crates

# cargo wants the hash of the archive beside what was in it.
define HOST_FAILBERRYPI_CRATES_EXTRACT_CMDS
	for crate in $(FAILBERRYPI_CRATES_LIST); do \
		tar -xzf $(HOST_FAILBERRYPI_CRATES_DL_DIR)/$$crate -C $(@D) || exit 1; \
		printf '{"files":{},"package":"%s"}' \
			$$(sed -n "s/^sha256  \([0-9a-f]*\)  $$crate$$/\1/p" \
				$(HOST_FAILBERRYPI_CRATES_PKGDIR)/failberrypi-crates.hash) \
			>$(@D)/$${crate%.crate}/.cargo-checksum.json || exit 1; \
	done
endef

define HOST_FAILBERRYPI_CRATES_INSTALL_CMDS
	rm -rf $(HOST_FAILBERRYPI_CRATES_INSTALLED)
	mkdir -p $(HOST_FAILBERRYPI_CRATES_INSTALLED)
	cp -a $(@D)/*/ $(HOST_FAILBERRYPI_CRATES_INSTALLED)/
endef

$(eval $(host-generic-package))
