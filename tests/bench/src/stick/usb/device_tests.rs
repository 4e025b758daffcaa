//! The device with its host played by packets.

use super::{
    super::models::{MF180, MF190J},
    *,
};

/// The interface of the port that dials.
const MODEM: u8 = 2;

fn attached(transport: Transport) -> Device {
    let mut device = Device::attach(&MF180.modem, transport);
    let frames = device.take_frames();
    assert!(matches!(
        frames.as_slice(),
        [
            Frame {
                packet: Packet::InterfaceInfo(_),
                ..
            },
            Frame {
                packet: Packet::EndpointInfo(_),
                ..
            },
            Frame {
                packet: Packet::DeviceConnect {
                    product: 0x2003,
                    ..
                },
                ..
            },
        ]
    ));
    handle(&mut device, 1, Packet::SetConfiguration(1));
    assert!(matches!(
        device.take_frames().last(),
        Some(Frame {
            id: 1,
            packet: Packet::ConfigurationStatus {
                configuration: 1,
                ..
            }
        })
    ));
    device
}

fn handle(device: &mut Device, id: u64, packet: Packet) -> Option<Event> {
    device.handle(Frame { id, packet }, 0)
}

fn bulk(endpoint: u8, length: u32, data: &[u8]) -> Packet {
    let data = data.to_vec();
    Packet::Bulk {
        endpoint,
        status: Status::Success,
        length,
        stream: 0,
        data,
    }
}

#[test]
fn a_read_waits_for_bytes_or_its_cancel() {
    let mut device = attached(Transport::Bulk);
    handle(&mut device, 5, bulk(0x83, 64, b""));
    handle(&mut device, 6, bulk(0x83, 64, b""));
    assert!(device.take_frames().is_empty());
    handle(&mut device, 6, Packet::Cancel);
    let cancelled = device.take_frames();
    assert!(matches!(
        cancelled.as_slice(),
        [Frame {
            id: 6,
            packet: Packet::Bulk {
                status: Status::Cancelled,
                ..
            }
        }]
    ));
    device.write(MODEM, b"OK");
    device.tick(0);
    let answer = Frame {
        id: 5,
        packet: bulk(0x83, 2, b"OK"),
    };
    assert_eq!(device.take_frames(), [answer]);
}

#[test]
fn a_write_is_answered_when_it_is_taken() {
    let mut device = attached(Transport::Bulk);
    handle(&mut device, 9, bulk(3, 2, b"AT"));
    assert!(device.take_frames().is_empty());
    assert_eq!(device.read(MODEM).unwrap(), b"AT");
    assert_eq!(
        device.take_frames(),
        [Frame {
            id: 9,
            packet: bulk(3, 2, b"")
        }]
    );
    handle(&mut device, 10, bulk(3, 1, b"x"));
    handle(&mut device, 10, Packet::Cancel);
    assert_eq!(device.read(MODEM), None);
    assert_eq!(device.take_frames().len(), 1);
}

#[test]
fn interrupt_transfers_end_short_and_are_paced() {
    let mut device = attached(Transport::Interrupt);
    device.write(MODEM, &[7; 64 * 40]);
    device.tick(0);
    assert!(device.take_frames().is_empty(), "nobody polls");
    handle(&mut device, 2, Packet::StartInterrupt { endpoint: 0x83 });
    device.take_frames();
    let (mut now, mut bytes) = (0, 0);
    while let Some(at) = device.deadline() {
        now = at.max(now);
        device.tick(now);
        let lengths: Vec<u16> = device
            .take_frames()
            .iter()
            .map(|frame| match &frame.packet {
                Packet::Interrupt { length, .. } => *length,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(lengths.len() <= PACKETS_PER_TURN && *lengths.last().unwrap() < 64);
        bytes += lengths
            .iter()
            .map(|length| usize::from(*length))
            .sum::<usize>();
    }
    assert!((48 - 16..=48).contains(&now), "{now}");
    // The first turn was sent on the start of polling.
    assert_eq!(bytes, 64 * 40 - (64 * 16 - 1));
}

#[test]
fn a_polled_endpoint_is_stalled_before_leaving() {
    let mut device = attached(Transport::Interrupt);
    handle(&mut device, 2, Packet::StartInterrupt { endpoint: 0x83 });
    device.take_frames();
    device.detach(100);
    assert_eq!(device.take_frames().len(), STALLS);
    device.tick(100);
    assert!(!device.is_gone() && device.take_frames().is_empty());
    assert_eq!(device.deadline(), Some(130));
    device.tick(130);
    let gone = Frame {
        id: 0,
        packet: Packet::DeviceDisconnect,
    };
    assert_eq!(device.take_frames(), [gone]);
    assert!(device.is_gone());
}

#[test]
fn bulk_leaves_at_once() {
    let mut device = attached(Transport::Bulk);
    device.detach(0);
    device.tick(0);
    assert_eq!(device.take_frames().len(), 1);
    assert!(device.is_gone());
}

#[test]
fn line_states_come_by_the_communications_interface() {
    let mut device = Device::attach(&MF190J.modem, Transport::Bulk);
    handle(&mut device, 1, Packet::SetConfiguration(1));
    handle(&mut device, 2, Packet::StartInterrupt { endpoint: 0x83 });
    device.take_frames();
    assert!(device.line_states(4, 3));
    let packet = Packet::Interrupt {
        endpoint: 0x83,
        status: Status::Success,
        length: 10,
        data: vec![0xa1, 0x20, 0, 0, 3, 0, 2, 0, 3, 0],
    };
    assert_eq!(device.take_frames(), [Frame { id: 0, packet }]);
    assert!(!device.line_states(2, 3), "that endpoint is not polled");
    assert_eq!(device.take_frames(), []);
}
