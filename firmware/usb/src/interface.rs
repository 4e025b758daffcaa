//! Interface of a USB device in sysfs, and its classification.

use std::path::Path;

use crate::sysfs::{hexadecimal, names};

/// `bInterfaceClass`: communications.
const CLASS_COMM: u16 = 0x02;
/// `bInterfaceClass`: mass storage.
const CLASS_STORAGE: u16 = 0x08;
/// `bInterfaceClass`: vendor specific, as the modem ports of most sticks are.
const CLASS_VENDOR: u16 = 0xff;

/// `bInterfaceSubClass` of class 02: abstract control model, a modem's (CDC 1.2, table 4).
const SUBCLASS_ACM: u16 = 0x02;
/// `bInterfaceProtocol` of class 02: AT commands of V.250 (1) and of other standards (CDC 1.2, table
/// 5); higher values are vendor specific, among them RNDIS.
const PROTOCOLS_AT: std::ops::RangeInclusive<u16> = 1..=6;
/// `bInterfaceProtocol` of class 08: bulk only transport.
const PROTOCOL_BULK_ONLY: u16 = 0x50;
/// `bInterfaceSubClass` and `bInterfaceProtocol` of class ff: Android's debug bridge.
const DEBUG_BRIDGE: (u16, u16) = (0x42, 0x01);

/// The kernel's drivers for vendor specific serial ports of sticks: for most, for Qualcomm's layout,
/// and for Sierra's older ones. By their tables they bind only to modems.
const SERIAL_DRIVERS: [&str; 3] = ["option", "qcserial", "sierra"];
/// The kernel's driver for serial ports of class 02. It also binds to devices that are no modems.
const ACM_DRIVER: &str = "cdc_acm";

/// Bulk endpoints of a vendor specific serial port. A third endpoint is an interrupt endpoint, which
/// reports carrier loss: that port dials.
const BULK_PAIR: u8 = 2;

/// Kind of a serial port, by its descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serial {
    /// Vendor specific.
    Vendor,
    /// Class 02, with its data on another interface.
    Acm,
}

/// An interface in its first alternate setting.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) number: u8,
    class: u16,
    /// `None` if the attribute cannot be read; likewise the protocol.
    subclass: Option<u16>,
    protocol: Option<u16>,
    pub(crate) endpoints: u8,
    driver: Option<String>,
    pub(crate) tty: Option<String>,
}

impl Interface {
    pub(crate) fn read(directory: &Path) -> Option<Self> {
        let byte = |name| u8::try_from(hexadecimal(directory, name)?).ok();
        let driver = directory
            .join("driver")
            .read_link()
            .ok()
            .and_then(|link| link.file_name()?.to_str().map(str::to_owned));
        Some(Self {
            number: byte("bInterfaceNumber")?,
            class: hexadecimal(directory, "bInterfaceClass")?,
            subclass: hexadecimal(directory, "bInterfaceSubClass"),
            protocol: hexadecimal(directory, "bInterfaceProtocol"),
            endpoints: byte("bNumEndpoints")?,
            driver,
            tty: tty(directory),
        })
    }

    /// Returns the kind of serial port it can be, if any: with its driver, or before one is bound.
    pub(crate) fn serial(&self) -> Option<Serial> {
        let driven_by = |mine: &dyn Fn(&str) -> bool| self.driver.as_deref().is_none_or(mine);
        let acm = self.subclass.map_or_else(
            || self.driver.as_deref() == Some(ACM_DRIVER),
            |subclass| subclass == SUBCLASS_ACM,
        );
        match self.class {
            CLASS_VENDOR
                if self.endpoints >= BULK_PAIR
                    && self.subclass.zip(self.protocol) != Some(DEBUG_BRIDGE)
                    && driven_by(&|name| SERIAL_DRIVERS.contains(&name)) =>
            {
                Some(Serial::Vendor)
            }
            CLASS_COMM
                if acm
                    && self
                        .protocol
                        .is_none_or(|it| it == 0 || PROTOCOLS_AT.contains(&it))
                    && driven_by(&|name| name == ACM_DRIVER) =>
            {
                Some(Serial::Acm)
            }
            _ => None,
        }
    }

    /// Whether its descriptors say that a modem is behind it: an interrupt endpoint beside the bulk
    /// pair, or AT commands by its protocol.
    pub(crate) fn says_modem(&self) -> bool {
        match self.serial() {
            Some(Serial::Vendor) => self.endpoints == BULK_PAIR + 1,
            Some(Serial::Acm) => self.protocol.is_none_or(|it| PROTOCOLS_AT.contains(&it)),
            None => false,
        }
    }

    /// Whether it is the port of a Huawei that dials, by subclass and protocol (`ModemManager`'s
    /// `77-mm-huawei-net-port-types.rules`).
    pub(crate) fn is_huawei_modem(&self) -> bool {
        let kind = self.subclass.zip(self.protocol);
        self.class == CLASS_VENDOR && matches!(kind, Some((0x01 | 0x02, 0x01)))
    }

    /// Whether it is the port of a Huawei for commands ("PC UI"), by those: from the same rules, and
    /// as newer sticks call their interfaces.
    pub(crate) fn is_huawei_command(&self) -> bool {
        let kind = self.subclass.zip(self.protocol);
        self.class == CLASS_VENDOR && matches!(kind, Some((0x01..=0x03, 0x02 | 0x12)))
    }

    /// Whether it is a drive. What cannot be read counts as fitting: only ids tell then.
    pub(crate) fn is_storage(&self) -> bool {
        let bulk_only = self.protocol.is_none_or(|it| it == PROTOCOL_BULK_ONLY);
        self.class == CLASS_STORAGE && bulk_only
    }

    /// Whether it takes AT commands by its class and protocol.
    pub(crate) fn is_acm_modem(&self) -> bool {
        self.serial() == Some(Serial::Acm) && self.says_modem()
    }

    /// Whether a driver has it whose table names modems and nothing else.
    pub(crate) fn has_modem_driver(&self) -> bool {
        let driver = self.driver.as_deref();
        driver.is_some_and(|name| SERIAL_DRIVERS.contains(&name))
    }
}

/// The interface's tty: usb-serial has it in a directory of its own, `cdc_acm` in `tty`.
fn tty(directory: &Path) -> Option<String> {
    let of = |directory: &Path, prefix: &str| {
        names(directory).into_iter().find(|name| {
            let number = name.strip_prefix(prefix);
            number.is_some_and(|it| !it.is_empty() && it.bytes().all(|b| b.is_ascii_digit()))
        })
    };
    of(directory, "ttyUSB").or_else(|| of(&directory.join("tty"), "ttyACM"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    #[test]
    fn drivers_of_ports_are_in_both_kernels() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let modules = fs::read_to_string(root.join("board/common/modules")).unwrap();
        let debian: Vec<String> = modules.lines().map(|name| name.replace('-', "_")).collect();
        let config = root.join("buildroot-external/board/common/linux.config");
        let config = fs::read_to_string(config).unwrap();
        let symbols = [
            ("option", "CONFIG_USB_SERIAL_OPTION=y"),
            ("qcserial", "CONFIG_USB_SERIAL_QUALCOMM=y"),
            ("sierra", "CONFIG_USB_SERIAL_SIERRAWIRELESS=y"),
            ("cdc_acm", "CONFIG_USB_ACM=y"),
        ];
        for driver in SERIAL_DRIVERS.iter().chain([&ACM_DRIVER]) {
            assert!(debian.iter().any(|name| name == driver), "{driver}");
            let symbol = symbols.iter().find(|(name, _)| name == driver).unwrap().1;
            assert!(config.lines().any(|line| line == symbol), "{symbol}");
        }
    }
}
