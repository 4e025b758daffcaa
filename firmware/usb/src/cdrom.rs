//! Ejecting the CD-ROM that a stick shows before it is a modem.
//!
//! The commands are mass storage's (bulk only transport 1.0, SCSI): the drive may be opened, it
//! opens, and where a product wants a third word of its maker's, that. Sent past the kernel, which
//! has no driver for disks here.

use std::time::Duration;

use rusb::{
    ConfigDescriptor, Context, Device as UsbDevice, DeviceHandle, Direction, TransferType,
    UsbContext,
};

use crate::{Device, bus::bus_path};

/// Length of a command block wrapper.
const CBW: usize = 31;
/// Length of the status that follows.
const CSW: usize = 13;
/// `bInterfaceClass`: mass storage.
const CLASS_STORAGE: u8 = 0x08;
/// A drive that has been told to open leaves when it likes: nothing is waited for long.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A command block wrapper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrapper {
    tag: u8,
    /// Bytes that the drive sends before its status.
    data_in: u8,
    /// Bytes of the command.
    length: u8,
    command: &'static [u8],
}

/// `PREVENT ALLOW MEDIUM REMOVAL`: allowed.
const ALLOW: Wrapper = Wrapper {
    tag: 1,
    data_in: 0,
    length: 6,
    command: &[0x1e],
};
/// `START STOP UNIT`: stop and eject.
const EJECT: Wrapper = Wrapper {
    tag: 2,
    data_in: 0,
    length: 6,
    command: &[0x1b, 0, 0, 0, 2],
};
/// ZTE's own, for those that stay a drive after that (`usb_modeswitch`'s data have it).
const BE_A_MODEM: Wrapper = Wrapper {
    tag: 3,
    data_in: 0x20,
    length: 12,
    command: &[0x85, 1, 1, 1, 0x18, 1, 1, 1, 1, 1],
};

/// `idProduct` of the MF180 and its like as a drive.
const PRODUCT_2000: u16 = 0x2000;

/// Why the CD-ROM is still there.
#[derive(Debug, thiserror::Error)]
pub enum EjectError {
    /// It is not on the bus any more.
    #[error("no device at {0}")]
    Gone(String),
    /// It is no drive.
    #[error("{0} has no storage interface with a pair of bulk endpoints")]
    NoDrive(String),
    /// libusb or the kernel refused.
    #[error("{what}: {source}")]
    Usb {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: rusb::Error,
    },
}

impl Wrapper {
    /// As it goes over the bus.
    pub fn bytes(&self) -> [u8; CBW] {
        let mut bytes = [0; CBW];
        let head = [
            b'U',
            b'S',
            b'B',
            b'C',
            self.tag,
            0,
            0,
            0,
            self.data_in,
            0,
            0,
            0,
            if self.data_in > 0 { 0x80 } else { 0 },
            0,
            self.length,
        ];
        let all = head.iter().chain(self.command);
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = *from;
        }
        bytes
    }
}

/// What `product` has to be told, in order.
pub const fn words(product: u16) -> &'static [Wrapper] {
    match product {
        PRODUCT_2000 => &[ALLOW, EJECT, BE_A_MODEM],
        _ => &[ALLOW, EJECT],
    }
}

/// Ejects the CD-ROM of `stick`. Blocks for some seconds. The stick then leaves the bus and comes
/// back as a modem, which is for uevents to tell.
///
/// # Errors
/// The drive could not be told so much as to eject.
pub fn eject(stick: &Device) -> Result<(), EjectError> {
    let failed = |what| move |source| EjectError::Usb { what, source };
    let context = Context::new().map_err(failed("looking for the drive"))?;
    let device = context
        .devices()
        .map_err(failed("looking for the drive"))?
        .iter()
        .find(|device| is_at(device, &stick.bus_path))
        .ok_or_else(|| EjectError::Gone(stick.bus_path.clone()))?;
    let drive = device
        .active_config_descriptor()
        .ok()
        .and_then(|configuration| Drive::find(&configuration))
        .ok_or_else(|| EjectError::NoDrive(stick.bus_path.clone()))?;
    let handle = device.open().map_err(failed("opening the drive"))?;
    // Unknown to some kernels, and needless where none of its drivers has the interface.
    let _ = handle.set_auto_detach_kernel_driver(true);
    handle
        .claim_interface(drive.interface)
        .map_err(failed("claiming the drive"))?;
    for wrapper in words(stick.product) {
        match drive.tell(&handle, wrapper) {
            Ok(()) => {}
            // From the eject on, a drive that is gone or says nothing has done as it was told.
            Err(_) if *wrapper != ALLOW && *wrapper != EJECT => {}
            Err(rusb::Error::NoDevice | rusb::Error::Timeout | rusb::Error::Io)
                if *wrapper == EJECT => {}
            // It may not know that there is something to allow.
            Err(rusb::Error::Pipe) if *wrapper == ALLOW => {}
            Err(source) => {
                let what = "telling the drive to eject";
                return Err(EjectError::Usb { what, source });
            }
        }
    }
    Ok(())
}

fn is_at(device: &UsbDevice<Context>, path: &str) -> bool {
    device
        .port_numbers()
        .is_ok_and(|ports| bus_path(device.bus_number(), &ports) == path)
}

struct Drive {
    interface: u8,
    input: u8,
    output: u8,
}

impl Drive {
    fn find(configuration: &ConfigDescriptor) -> Option<Self> {
        configuration.interfaces().find_map(|interface| {
            let setting = interface.descriptors().next()?;
            let bulk = |direction| {
                setting
                    .endpoint_descriptors()
                    .find(|endpoint| {
                        endpoint.transfer_type() == TransferType::Bulk
                            && endpoint.direction() == direction
                    })
                    .map(|endpoint| endpoint.address())
            };
            (setting.class_code() == CLASS_STORAGE).then_some(())?;
            Some(Self {
                interface: setting.interface_number(),
                input: bulk(Direction::In)?,
                output: bulk(Direction::Out)?,
            })
        })
    }

    fn tell(&self, handle: &DeviceHandle<Context>, wrapper: &Wrapper) -> Result<(), rusb::Error> {
        handle.write_bulk(self.output, &wrapper.bytes(), TIMEOUT)?;
        if wrapper.data_in > 0 {
            let mut data = [0; u8::MAX as usize];
            let room = data.get_mut(..wrapper.data_in.into()).unwrap_or_default();
            // What it has to say is of no interest, but it waits until it is taken.
            let _ = handle.read_bulk(self.input, room, TIMEOUT)?;
        }
        let mut status = [0; CSW];
        match handle.read_bulk(self.input, &mut status, TIMEOUT) {
            // A drive stalls where it has no data, and tells its status after that (6.7.2).
            Err(rusb::Error::Pipe) => {
                handle.clear_halt(self.input)?;
                handle.read_bulk(self.input, &mut status, TIMEOUT).map(drop)
            }
            outcome => outcome.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hex(wrapper: &Wrapper) -> String {
        use std::fmt::Write;
        wrapper
            .bytes()
            .iter()
            .fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").unwrap();
                text
            })
    }

    #[test]
    fn wrappers_are_as_the_standard_says() {
        assert_eq!(
            hex(&ALLOW),
            "55534243010000000000000000000\
             61e000000000000000000000000000000"
        );
        assert_eq!(
            hex(&EJECT),
            "55534243020000000000000000000\
             61b000000020000000000000000000000"
        );
        assert_eq!(
            hex(&BE_A_MODEM),
            "5553424303000000200000008000\
             0c85010101180101010101000000000000"
        );
    }

    #[test]
    fn only_some_want_a_third_word() {
        assert_eq!(words(0x2000).len(), 3);
        assert_eq!(words(0x0166), [ALLOW, EJECT]);
    }

    #[test]
    fn a_stick_that_left_is_told_of() {
        let nobody = Device {
            vendor: 0x19d2,
            product: 0x2000,
            bus_path: "250-1.2".into(),
        };
        // A machine without USB refuses earlier.
        assert!(matches!(
            eject(&nobody),
            Err(EjectError::Gone(_) | EjectError::Usb { .. })
        ));
    }
}
