//! Power switching by class requests to the hub (USB 2.0, 11.24.2), bypassing the kernel.

use std::time::Duration;

use rusb::{Context, Direction, Recipient, RequestType, UsbContext, constants::LIBUSB_CLASS_HUB};

use super::{PortPower, PowerError, SocketPort};
use crate::bus::bus_path;

/// `CLEAR_FEATURE`.
const CLEAR_FEATURE: u8 = 1;
/// `SET_FEATURE`.
const SET_FEATURE: u8 = 3;
/// Feature selector `PORT_POWER`.
const PORT_POWER: u16 = 8;
/// Timeout of a control request: a hub answers within 5 s (USB 2.0, 9.2.6.1).
const TIMEOUT: Duration = Duration::from_secs(5);

/// Switches ports with requests to the hub. Needs write access to the hub's usbfs node.
#[derive(Clone, Copy, Debug, Default)]
pub struct HubPower;

#[derive(Debug, PartialEq, Eq)]
struct Request {
    kind: u8,
    code: u8,
    value: u16,
    index: u16,
}

impl Request {
    fn new(port: SocketPort, on: bool) -> Self {
        Self {
            kind: rusb::request_type(Direction::Out, RequestType::Class, Recipient::Other),
            code: if on { SET_FEATURE } else { CLEAR_FEATURE },
            value: PORT_POWER,
            index: port.port.into(),
        }
    }
}

impl PortPower for HubPower {
    fn set(&self, port: SocketPort, on: bool) -> Result<(), PowerError> {
        let hub = port.hub.to_string();
        let failed = |what| {
            let hub = hub.clone();
            move |source| PowerError::Hub { what, hub, source }
        };
        let context = Context::new().map_err(failed("looking for"))?;
        let device = context
            .devices()
            .map_err(failed("looking for"))?
            .iter()
            .find(|device| {
                let is_hub = device
                    .device_descriptor()
                    .is_ok_and(|descriptor| descriptor.class_code() == LIBUSB_CLASS_HUB);
                let place = device
                    .port_numbers()
                    .map(|ports| bus_path(device.bus_number(), &ports));
                is_hub && place.as_ref() == Ok(&hub)
            })
            .ok_or_else(|| PowerError::NoHub(hub.clone()))?;
        let Request {
            kind,
            code,
            value,
            index,
        } = Request::new(port, on);
        device
            .open()
            .map_err(failed("opening"))?
            .write_control(kind, code, value, index, &[], TIMEOUT)
            .map_err(failed("switching a port of"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::power::Board;

    #[test]
    fn requests_match_the_usb_standard() {
        let port = Board::Pi2B.socket("1-1", 2).unwrap();
        let off = Request {
            kind: 0x23,
            code: 1,
            value: 8,
            index: 2,
        };
        let on = Request {
            code: 3,
            ..Request::new(port, false)
        };
        assert_eq!(Request::new(port, false), off);
        assert_eq!(Request::new(port, true), on);
    }
}
