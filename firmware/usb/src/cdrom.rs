//! Mode switch of a stick from the CD-ROM that it shows first to its modem.
//!
//! Executes the actions that [`switch`] has for a device: command block wrappers (mass storage, bulk
//! only transport 1.0), control requests, another configuration. They bypass the kernel, which has
//! no driver for disks here.

use std::time::Duration;

use rusb::{
    ConfigDescriptor, Context, Device as UsbDevice, DeviceHandle, Direction, TransferType,
    UsbContext,
};

use crate::{
    Device, Sysfs,
    bus::bus_path,
    switch::{self, Action, Control, Identity, Recipient, Switch, VENDOR_ZTE},
};

mod run;

pub use crate::switch::CommandBlockWrapper;
use run::{Drive, DriveError};

/// `bInterfaceClass`: mass storage.
const CLASS_STORAGE: u8 = 0x08;
/// Timeout of one transfer. A drive that is being switched leaves the bus at any time.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Timeout of a control request, as in `usb_modeswitch`.
const CONTROL_TIMEOUT: Duration = Duration::from_secs(1);
/// Time from no configuration to the next one: `usb_modeswitch` found switches more reliable with it.
const UNCONFIGURED_DELAY: Duration = Duration::from_millis(100);

/// Reason why the mode switch failed.
#[derive(Debug, thiserror::Error)]
pub enum EjectError {
    /// The device is no longer on the bus.
    #[error("no device at {0}")]
    Gone(String),
    /// The device has no drive.
    #[error("{0} has no storage interface with a pair of bulk endpoints")]
    NoDrive(String),
    /// The device has more than drives, so it is a modem already, or something else.
    #[error("{0} has other interfaces than mass storage; expected a CD-ROM alone")]
    NotAlone(String),
    /// The drives are disks: a memory stick or a telephone.
    #[error("{at}: expected a CD-ROM (peripheral device 0x05), got {got:#04x}")]
    NotCdRom {
        /// Bus path.
        at: String,
        /// First byte of its first drive's answer to `INQUIRY` (SPC-2 7.3.2).
        got: u8,
    },
    /// No mode switch is known for the device.
    #[error("no mode switch is known for {0}")]
    Unknown(Device),
    /// libusb or the kernel refused.
    #[error("{what}: {source}")]
    Usb {
        /// Operation that failed.
        what: &'static str,
        /// Reason.
        source: rusb::Error,
    },
}

/// Returns the command block wrappers for a ZTE product, in order; for a product without a row those
/// of most ZTE sticks.
pub fn words(product: u16) -> Vec<CommandBlockWrapper> {
    let identity = Identity {
        vendor: VENDOR_ZTE,
        product,
        ..Identity::default()
    };
    let actions = switch::switch(identity).map_or(&[][..], |switch| switch.actions);
    let word = |action: &Action| match action {
        Action::Command(wrapper) => Some(*wrapper),
        _ => None,
    };
    actions.iter().filter_map(word).collect()
}

/// Switches `stick` to its modem mode. Blocks for some seconds. The stick then leaves the bus and
/// re-enumerates as a modem, which uevents report.
///
/// # Errors
/// No mode switch is known for it, it is no CD-ROM, or it accepted no action.
pub fn eject(stick: &Device) -> Result<(), EjectError> {
    let failed = |what| move |source| EjectError::Usb { what, source };
    let sysfs = Sysfs::default();
    let choice = sysfs
        .mode_switch(stick)
        .ok_or_else(|| EjectError::Unknown(stick.clone()))?;
    let context = Context::new().map_err(failed("looking for the drive"))?;
    let device = context
        .devices()
        .map_err(failed("looking for the drive"))?
        .iter()
        .find(|device| is_at(device, &stick.bus_path))
        .ok_or_else(|| EjectError::Gone(stick.bus_path.clone()))?;
    let configuration = device.active_config_descriptor().ok();
    let storage = configuration.as_ref().and_then(Storage::find);
    check(&choice, configuration.as_ref(), storage.as_ref(), stick)?;
    let handle = device.open().map_err(failed("opening the drive"))?;
    // Unsupported by some kernels, and not needed if no driver has the interface.
    let _ = handle.set_auto_detach_kernel_driver(true);
    if let Some(storage) = &storage {
        handle
            .claim_interface(storage.interface)
            .map_err(failed("claiming the drive"))?;
    }
    let mut drive = UsbDrive { handle, storage };
    if !choice.known {
        run::expect_cdrom(&mut drive).map_err(|error| match error {
            run::NotCdRom::Disk(got) => {
                let at = stick.bus_path.clone();
                EjectError::NotCdRom { at, got }
            }
            run::NotCdRom::Unanswered(source) => failed("asking the drive what it is")(source),
        })?;
    }
    run::run(choice.actions, &mut drive).map_err(failed("switching the drive"))
}

/// Checks that the device is in the state that its actions are for.
fn check(
    choice: &Switch,
    configuration: Option<&ConfigDescriptor>,
    storage: Option<&Storage>,
    stick: &Device,
) -> Result<(), EjectError> {
    if let [Action::Configure(_)] = choice.actions {
        return Ok(());
    }
    let alone = configuration.is_some_and(|configuration| {
        configuration.interfaces().all(|interface| {
            let mut settings = interface.descriptors();
            settings.all(|setting| setting.class_code() == CLASS_STORAGE)
        })
    });
    if !alone {
        return Err(EjectError::NotAlone(stick.bus_path.clone()));
    }
    let mut actions = choice.actions.iter();
    if storage.is_none() && actions.any(|action| matches!(action, Action::Command(_))) {
        return Err(EjectError::NoDrive(stick.bus_path.clone()));
    }
    Ok(())
}

fn is_at(device: &UsbDevice<Context>, path: &str) -> bool {
    device
        .port_numbers()
        .is_ok_and(|ports| bus_path(device.bus_number(), &ports) == path)
}

/// A mass storage interface.
struct Storage {
    interface: u8,
    input: u8,
    output: u8,
}

impl Storage {
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
}

/// An opened device with its storage interface claimed.
struct UsbDrive {
    handle: DeviceHandle<Context>,
    storage: Option<Storage>,
}

impl UsbDrive {
    fn storage(&self) -> Result<&Storage, rusb::Error> {
        self.storage.as_ref().ok_or(rusb::Error::NotFound)
    }
}

impl Drive for UsbDrive {
    fn send(&mut self, bytes: &[u8]) -> Result<(), DriveError> {
        let output = self.storage()?.output;
        Ok(self.handle.write_bulk(output, bytes, TIMEOUT).map(drop)?)
    }

    fn receive(&mut self, room: &mut [u8]) -> Result<usize, DriveError> {
        let input = self.storage()?.input;
        Ok(self.handle.read_bulk(input, room, TIMEOUT)?)
    }

    fn clear_halts(&mut self) {
        if let Some(storage) = &self.storage {
            for endpoint in [storage.input, storage.output] {
                // Harmless if none was stalled; if this fails, so does the next transfer.
                let _ = self.handle.clear_halt(endpoint);
            }
        }
    }

    fn control(&mut self, control: &Control) -> Result<(), DriveError> {
        let Control {
            request_type,
            request,
            value,
            recipient,
            answer,
            data,
        } = *control;
        let index = match recipient {
            Recipient::Device => 0,
            Recipient::Interface => self.storage()?.interface.into(),
        };
        let done = if request_type & 0x80 == 0 {
            (self.handle).write_control(request_type, request, value, index, data, CONTROL_TIMEOUT)
        } else {
            let mut room = vec![0; answer.into()];
            (self.handle).read_control(
                request_type,
                request,
                value,
                index,
                &mut room,
                CONTROL_TIMEOUT,
            )
        };
        Ok(done.map(drop)?)
    }

    fn configure(&mut self, value: u8) -> Result<(), DriveError> {
        if let Some(storage) = &self.storage {
            let _ = self.handle.release_interface(storage.interface);
        }
        let active = self.handle.device().active_config_descriptor();
        for interface in active.iter().flat_map(ConfigDescriptor::interfaces) {
            // The kernel changes no configuration that a driver uses.
            let _ = self.handle.detach_kernel_driver(interface.number());
        }
        let _ = self.handle.unconfigure();
        self.wait(UNCONFIGURED_DELAY);
        Ok(self.handle.set_active_configuration(value)?)
    }

    fn wait(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_by_product_are_the_rows() {
        let lengths = [
            (0x2000, 5),
            (0x0149, 5),
            (0x1542, 4),
            (0x0166, 1),
            (0xabcd, 5),
        ];
        for (product, expected) in lengths {
            assert_eq!(words(product).len(), expected, "{product:04x}");
        }
    }

    #[test]
    fn ejecting_an_absent_stick_fails() {
        let stick = Device {
            vendor: 0x19d2,
            product: 0x2000,
            bus_path: "250-1.2".into(),
        };
        // A machine without USB refuses earlier.
        assert!(matches!(
            eject(&stick),
            Err(EjectError::Gone(_) | EjectError::Usb { .. })
        ));
    }

    #[test]
    fn device_without_known_switch_is_refused() {
        let memory = Device {
            vendor: 0x0781,
            product: 0x5567,
            bus_path: "250-1.2".into(),
        };
        assert!(matches!(eject(&memory), Err(EjectError::Unknown(_))));
    }
}
