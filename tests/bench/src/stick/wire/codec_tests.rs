//! The codec against bytes and against itself.

use super::*;

fn frame(id: u64, packet: Packet) -> Frame {
    Frame { id, packet }
}

fn hello(capabilities: Capabilities) -> Frame {
    let version = "peer 1.0".to_owned();
    frame(
        0,
        Packet::Hello {
            version,
            capabilities,
        },
    )
}

/// A codec that has heard a peer with `theirs`.
fn after_hello(theirs: Capabilities) -> Codec {
    let all = Capabilities(u32::MAX);
    let mut bytes = Vec::new();
    Codec::new(all).encode(&hello(theirs), &mut bytes);
    let mut codec = Codec::new(all);
    codec.push(&bytes);
    assert_eq!(codec.next().unwrap(), Some(hello(theirs)));
    codec
}

fn bulk(length: u32, data: &[u8]) -> Packet {
    Packet::Bulk {
        endpoint: 0x81,
        status: Status::Success,
        length,
        stream: 0,
        data: data.to_vec(),
    }
}

#[test]
fn bytes_of_a_hello() {
    let mut bytes = Vec::new();
    let capabilities = Capabilities::IDS_64.and(Capabilities::DEVICE_VERSION);
    Codec::new(capabilities).encode(&hello(capabilities), &mut bytes);
    assert_eq!(bytes.len(), 12 + 64 + 4);
    assert_eq!(&bytes[..12], [0, 0, 0, 0, 68, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&bytes[12..21], b"peer 1.0\0");
    assert_eq!(&bytes[76..], [0b10_0010, 0, 0, 0]);
}

#[test]
fn ids_and_bulk_lengths_widen_only_when_both_can() {
    let cases = [
        (Capabilities::NONE, 12 + 8),
        (Capabilities::IDS_64, 16 + 8),
        (
            Capabilities::IDS_64.and(Capabilities::BULK_LENGTH_32),
            16 + 10,
        ),
    ];
    for (theirs, length) in cases {
        let mut bytes = Vec::new();
        after_hello(theirs).encode(&frame(7, bulk(0, b"")), &mut bytes);
        assert_eq!(bytes.len(), length, "{theirs:?}");
    }
    let mut bytes = Vec::new();
    let wide = after_hello(Capabilities(u32::MAX));
    wide.encode(&frame(1 << 40, bulk(0x0001_0002, b"")), &mut bytes);
    let mut back = after_hello(Capabilities(u32::MAX));
    back.push(&bytes);
    assert_eq!(
        back.next().unwrap(),
        Some(frame(1 << 40, bulk(0x0001_0002, b"")))
    );
}

#[test]
fn every_packet_comes_back_byte_by_byte() {
    let packets = [
        Packet::DeviceDisconnect,
        Packet::Reset,
        Packet::SetConfiguration(1),
        Packet::GetConfiguration,
        Packet::SetAlternate {
            interface: 2,
            alternate: 1,
        },
        Packet::GetAlternate { interface: 2 },
        Packet::StartInterrupt { endpoint: 0x84 },
        Packet::StopInterrupt { endpoint: 0x84 },
        Packet::Cancel,
        Packet::DisconnectAck,
        Packet::Control(Control {
            endpoint: 0,
            request: 0x22,
            request_type: 0x21,
            status: Status::Stall,
            value: 3,
            index: 2,
            length: 4,
            data: b"data".to_vec(),
        }),
        bulk(3, b"abc"),
        Packet::Interrupt {
            endpoint: 3,
            status: Status::Cancelled,
            length: 2,
            data: b"xy".to_vec(),
        },
    ];
    for theirs in [Capabilities::NONE, Capabilities(u32::MAX)] {
        let mut codec = after_hello(theirs);
        for (id, packet) in (1..).zip(&packets) {
            let mut bytes = Vec::new();
            codec.encode(&frame(id, packet.clone()), &mut bytes);
            let (last, first) = bytes.split_last().unwrap();
            for byte in first {
                codec.push(&[*byte]);
                assert_eq!(codec.next().unwrap(), None, "{packet:?}");
            }
            codec.push(&[*last]);
            assert_eq!(codec.next().unwrap(), Some(frame(id, packet.clone())));
        }
    }
}

#[test]
fn tables_have_their_fixed_lengths() {
    let mut info = EndpointInfo::new();
    info.set(0x83, 2, 0, 2, 64);
    let codec = after_hello(Capabilities::MAX_PACKET_SIZE);
    let mut bytes = Vec::new();
    codec.encode(&frame(0, Packet::EndpointInfo(Box::new(info))), &mut bytes);
    let body = &bytes[12..];
    assert_eq!(body.len(), 32 * 5);
    assert_eq!((body[0], body[16], body[19], body[3]), (0, 0, 2, 255));
    assert_eq!((body[64 + 19], body[96 + 38]), (2, 64));

    let classes = vec![[255, 255, 255], [8, 6, 80]];
    let mut bytes = Vec::new();
    codec.encode(
        &frame(0, Packet::InterfaceInfo(InterfaceInfo { classes })),
        &mut bytes,
    );
    let body = &bytes[12..];
    assert_eq!(body.len(), 4 + 32 * 4);
    assert_eq!(
        (body[0], body[5], body[37], body[69], body[101]),
        (2, 1, 8, 6, 80)
    );
}

#[test]
fn nonsense_is_an_error_and_not_memory() {
    let mut codec = Codec::new(Capabilities::NONE);
    codec.push(&[101, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]);
    let error = codec.next().unwrap_err();
    assert_eq!(
        error,
        WireError::TooLong {
            kind: 101,
            got: u32::MAX
        }
    );
    let mut codec = Codec::new(Capabilities::NONE);
    codec.push(&[101, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9]);
    assert_eq!(
        codec.next().unwrap_err(),
        WireError::Truncated { kind: 101, got: 1 }
    );
}
