//! Control transfers that reach the device: the host's controller keeps the rest to itself.

use super::{
    super::wire::{Control, Status},
    layout::Layout,
};

/// Direction bit of `bmRequestType`.
const IN: u8 = 0x80;

const GET_STATUS: u8 = 0x00;
const GET_DESCRIPTOR: u8 = 0x06;
/// CDC, as `usb_wwan` sends it to sticks: bit 0 of `wValue` is DTR.
const SET_CONTROL_LINE_STATE: u8 = 0x22;
/// USB PSTN 1.2, 6.3.11: `cdc_acm` asks for it.
const GET_LINE_CODING: u8 = 0x21;
/// Mass storage, bulk only: how many units.
const GET_MAX_LUN: u8 = 0xfe;

/// What a request asks the function to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dtr {
    /// `bInterfaceNumber` of the port's data.
    pub(super) interface: u8,
    /// Raised or dropped.
    pub(super) on: bool,
}

/// The answer to a request, and what it changes.
pub(super) fn answer(layout: &Layout, request: &Control) -> (Control, Option<Dtr>) {
    let mut dtr = None;
    let data = match (request.request_type, request.request) {
        (0x80, GET_DESCRIPTOR) => layout.descriptor(request.value),
        (0x80..=0x82, GET_STATUS) => Some(vec![0, 0]),
        // 115200 bit/s, 8 bits, no parity, 1 stop bit.
        (0xa1, GET_LINE_CODING) => Some(vec![0x00, 0xc2, 0x01, 0x00, 0, 0, 8]),
        (0xa1, GET_MAX_LUN) => Some(vec![0]),
        (0x21, SET_CONTROL_LINE_STATE) => {
            let [interface, _] = request.index.to_le_bytes();
            let interface = layout.data_of(interface);
            let on = request.value & 1 != 0;
            dtr = Some(Dtr { interface, on });
            Some(Vec::new())
        }
        // Features, halts and class requests of a modem: nothing to do here.
        (kind, _) => (kind & IN == 0).then(Vec::new),
    };
    let mut answer = Control {
        data: Vec::new(),
        status: Status::Success,
        ..request.clone()
    };
    match data {
        Some(mut data) if request.request_type & IN != 0 => {
            data.truncate(request.length.into());
            answer.length = u16::try_from(data.len()).unwrap_or_default();
            answer.data = data;
        }
        Some(_) => {}
        None => {
            answer.status = Status::Stall;
            answer.length = 0;
        }
    }
    (answer, dtr)
}

#[cfg(test)]
mod tests {
    use super::{
        super::models::{MF180, MF190J},
        *,
    };

    fn request(request_type: u8, request: u8, value: u16, index: u16, length: u16) -> Control {
        Control {
            endpoint: request_type & IN,
            request,
            request_type,
            status: Status::Success,
            value,
            index,
            length,
            data: Vec::new(),
        }
    }

    #[test]
    fn descriptors_are_cut_to_what_is_asked() {
        let (head, _) = answer(&MF180.modem, &request(0x80, GET_DESCRIPTOR, 0x0100, 0, 8));
        assert_eq!(
            (head.status, head.length, head.data.len()),
            (Status::Success, 8, 8)
        );
        let (whole, _) = answer(&MF180.modem, &request(0x80, GET_DESCRIPTOR, 0x0100, 0, 255));
        assert_eq!((whole.length, whole.data.len()), (18, 18));
        let (absent, _) = answer(&MF180.modem, &request(0x80, GET_DESCRIPTOR, 0x0600, 0, 10));
        assert_eq!((absent.status, absent.length), (Status::Stall, 0));
    }

    #[test]
    fn dtr_is_bit_0_and_the_interface_is_in_the_index() {
        for (value, on) in [(3, true), (2, false), (0, false)] {
            let (done, dtr) = answer(
                &MF180.modem,
                &request(0x21, SET_CONTROL_LINE_STATE, value, 2, 0),
            );
            assert_eq!(done.status, Status::Success);
            assert_eq!(dtr, Some(Dtr { interface: 2, on }));
        }
    }

    #[test]
    fn a_communications_interface_stands_for_its_data() {
        let layout = &MF190J.modem;
        let (_, dtr) = answer(layout, &request(0x21, SET_CONTROL_LINE_STATE, 3, 3, 0));
        let (interface, on) = (4, true);
        assert_eq!(dtr, Some(Dtr { interface, on }));
        let (coding, _) = answer(layout, &request(0xa1, GET_LINE_CODING, 0, 3, 7));
        assert_eq!((coding.status, coding.length), (Status::Success, 7));
    }

    #[test]
    fn unknown_questions_stall() {
        let (unknown, dtr) = answer(&MF180.modem, &request(0xc0, 0x55, 0, 0, 4));
        assert_eq!((unknown.status, dtr), (Status::Stall, None));
    }
}
