include $(sort $(wildcard $(BR2_EXTERNAL_FAILBERRYPI_PATH)/package/*/*.mk))

# What post-image.sh needs of the kernel and of U-Boot beside their images. Both are
# also held to what their configuration fragments ask of them.
FAILBERRYPI_ASKED = $(BR2_EXTERNAL_FAILBERRYPI_PATH)/asked.sh

# The names of what is built in: the assembler checks its lists of modules
# against them. The kernel's own tools for changes to its device trees.
define FAILBERRYPI_LINUX_PARTS
	$(FAILBERRYPI_ASKED) $(@D)/.config $(LINUX_KCONFIG_FILE) \
		$(LINUX_KCONFIG_FRAGMENT_FILES)
	$(INSTALL) -D -m 0644 $(@D)/modules.builtin \
		$(BINARIES_DIR)/failberrypi/modules/modules.builtin
	$(INSTALL) -D -m 0755 -t $(BINARIES_DIR)/failberrypi/dtc \
		$(@D)/scripts/dtc/dtc $(@D)/scripts/dtc/fdtoverlay
endef
LINUX_POST_INSTALL_IMAGES_HOOKS += FAILBERRYPI_LINUX_PARTS

# The text of the environment: what all boards have and the board's own, in one
# file where CONFIG_DEFAULT_ENV_FILE="uboot.env" looks for it.
FAILBERRYPI_BOARD = $(call qstrip,$(BR2_ROOTFS_POST_SCRIPT_ARGS))
FAILBERRYPI_UBOOT_ENV_FILES = $(wildcard \
	$(BR2_EXTERNAL_FAILBERRYPI_PATH)/../board/common/uboot.env \
	$(BR2_EXTERNAL_FAILBERRYPI_PATH)/../board/$(FAILBERRYPI_BOARD)/uboot.env)

define FAILBERRYPI_UBOOT_ENV
	cat /dev/null $(FAILBERRYPI_UBOOT_ENV_FILES) >$(@D)/uboot.env
endef
UBOOT_POST_PATCH_HOOKS += FAILBERRYPI_UBOOT_ENV

# The very mkimage of the U-Boot that will read the slot.
define FAILBERRYPI_UBOOT_MKIMAGE
	$(FAILBERRYPI_ASKED) $(@D)/.config $(UBOOT_KCONFIG_FRAGMENT_FILES)
	$(INSTALL) -D -m 0755 $(@D)/tools/mkimage \
		$(BINARIES_DIR)/failberrypi/u-boot/mkimage
	$(INSTALL) -D -m 0644 $(@D)/u-boot.bin \
		$(BINARIES_DIR)/failberrypi/u-boot/u-boot.bin
endef
UBOOT_POST_INSTALL_IMAGES_HOOKS += FAILBERRYPI_UBOOT_MKIMAGE
