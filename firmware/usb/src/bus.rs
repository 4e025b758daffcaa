//! Listing of the USB bus, for the log.

use std::fmt;

use rusb::{Context, Device, Speed, UsbContext};

/// A device by its descriptors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusDevice {
    /// Bus path as the kernel names it: `1-1.2`, or `usb1` for a root hub.
    pub bus_path: String,
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id.
    pub product: u16,
    /// `bDeviceClass`; 0 if the interfaces define it, 9 for hubs.
    pub class: u8,
    /// Negotiated speed in Mbit/s; `None` if the kernel does not report it.
    pub megabits: Option<u16>,
    /// Interfaces of the active configuration.
    pub interfaces: Vec<BusInterface>,
}

/// An interface of a [`BusDevice`], in its first setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusInterface {
    /// `bInterfaceNumber`.
    pub number: u8,
    /// `bInterfaceClass`.
    pub class: u8,
    /// `bNumEndpoints`.
    pub endpoints: u8,
}

/// Lists every device on every bus, in the kernel's order. Opens no device and changes none.
///
/// # Errors
/// libusb's error, for instance if there is no usbfs.
pub fn list() -> Result<Vec<BusDevice>, rusb::Error> {
    // Not rusb's global context: that one panics if there is no usbfs.
    let context = Context::new()?;
    Ok(context
        .devices()?
        .iter()
        .filter_map(|device| read(&device))
        .collect())
}

fn read(device: &Device<Context>) -> Option<BusDevice> {
    let descriptor = device.device_descriptor().ok()?;
    let configuration = device.active_config_descriptor().ok();
    let interfaces = configuration.iter().flat_map(|configuration| {
        configuration
            .interfaces()
            .filter_map(|interface| interface.descriptors().next())
            .map(|setting| BusInterface {
                number: setting.interface_number(),
                class: setting.class_code(),
                endpoints: setting.num_endpoints(),
            })
    });
    Some(BusDevice {
        bus_path: bus_path(device.bus_number(), &device.port_numbers().ok()?),
        vendor: descriptor.vendor_id(),
        product: descriptor.product_id(),
        class: descriptor.class_code(),
        megabits: megabits(device.speed()),
        interfaces: interfaces.collect(),
    })
}

/// Returns the kernel's name for a device: bus, dash, port numbers separated by dots.
pub(crate) fn bus_path(bus: u8, ports: &[u8]) -> String {
    if ports.is_empty() {
        return format!("usb{bus}");
    }
    let ports: Vec<String> = ports.iter().map(u8::to_string).collect();
    format!("{bus}-{}", ports.join("."))
}

const fn megabits(speed: Speed) -> Option<u16> {
    match speed {
        Speed::Full => Some(12),
        Speed::High => Some(480),
        Speed::Super => Some(5000),
        Speed::SuperPlus => Some(10_000),
        // Low speed (1.5 Mbit/s) is no integer, and no modem or hub uses it.
        _ => None,
    }
}

impl fmt::Display for BusDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            bus_path,
            vendor,
            product,
            class,
            megabits,
            interfaces,
        } = self;
        write!(
            f,
            "{bus_path} is {vendor:04x}:{product:04x}, class {class:02x}"
        )?;
        if let Some(megabits) = megabits {
            write!(f, ", {megabits} Mbit/s")?;
        }
        for BusInterface {
            number,
            class,
            endpoints,
        } in interfaces
        {
            write!(
                f,
                ", interface {number} class {class:02x} with {endpoints} endpoints"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bus_paths_match_the_kernels_names() {
        assert_eq!(bus_path(1, &[]), "usb1");
        assert_eq!(bus_path(1, &[1]), "1-1");
        assert_eq!(bus_path(2, &[1, 4, 3]), "2-1.4.3");
    }

    #[test]
    fn device_displays_as_one_line() {
        let stick = BusDevice {
            bus_path: "1-1.2".into(),
            vendor: 0x19d2,
            product: 0x2003,
            class: 0,
            megabits: Some(480),
            interfaces: vec![BusInterface {
                number: 2,
                class: 0xff,
                endpoints: 3,
            }],
        };
        assert_eq!(
            stick.to_string(),
            "1-1.2 is 19d2:2003, class 00, 480 Mbit/s, interface 2 class ff with 3 endpoints"
        );
    }

    #[test]
    fn listing_never_panics() {
        // A machine without USB refuses; one with USB has at least its root hubs.
        if let Ok(devices) = list() {
            assert!(devices.iter().all(|device| !device.bus_path.is_empty()));
        }
    }
}
