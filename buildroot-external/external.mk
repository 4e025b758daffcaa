include $(sort $(wildcard $(BR2_EXTERNAL_FAILBERRYPI_PATH)/package/*/*.mk))
include $(BR2_EXTERNAL_FAILBERRYPI_PATH)/board/board.mk
