//! Packets to bytes and back, in the form that both sides' capabilities agree on.

use thiserror::Error;

use super::{
    packet::{Capabilities, Control, EndpointInfo, Frame, InterfaceInfo, Packet, Status, TABLE},
    reader::{Reader, Truncated},
};

/// Length of the version in a hello.
const VERSION: usize = 64;

/// Largest body taken: far above a mass storage transfer, far below what could hurt.
const BODY_MAX: u32 = 1 << 20;

/// The other side does not keep to the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// A body that is too short for its type.
    #[error("packet of type {kind}: expected more than {got} bytes")]
    Truncated {
        /// The packet's type.
        kind: u32,
        /// Length of its body.
        got: u32,
    },
    /// A body beyond all reason.
    #[error("packet of type {kind}: expected at most {BODY_MAX} bytes, got {got}")]
    TooLong {
        /// The packet's type.
        kind: u32,
        /// Length of its body.
        got: u32,
    },
}

/// One connection's codec.
pub(in super::super) struct Codec {
    ours: Capabilities,
    /// What both sides can; nothing before the other's hello.
    agreed: Capabilities,
    received: Vec<u8>,
}

impl Codec {
    /// For a side with these capabilities.
    pub(in super::super) fn new(ours: Capabilities) -> Self {
        Self {
            ours,
            agreed: Capabilities::NONE,
            received: Vec::new(),
        }
    }

    /// Takes bytes of the connection.
    pub(in super::super) fn push(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
    }

    /// The next whole packet.
    pub(in super::super) fn next(&mut self) -> Result<Option<Frame>, WireError> {
        let Ok((kind, length, id, header)) = self.header() else {
            return Ok(None);
        };
        if length > BODY_MAX {
            return Err(WireError::TooLong { kind, got: length });
        }
        // Below BODY_MAX, so it fits.
        let end = header + length as usize;
        let Some(body) = self.received.get(header..end) else {
            return Ok(None);
        };
        let packet = self
            .decode(kind, body)
            .map_err(|Truncated| WireError::Truncated { kind, got: length })?;
        self.received.drain(..end);
        if let Packet::Hello { capabilities, .. } = &packet {
            self.agreed = self.ours.common(*capabilities);
        }
        Ok(Some(Frame { id, packet }))
    }

    fn header(&self) -> Result<(u32, u32, u64, usize), Truncated> {
        let mut reader = Reader::new(&self.received);
        let (kind, length) = (reader.u32()?, reader.u32()?);
        if self.agreed.has(Capabilities::IDS_64) {
            Ok((kind, length, reader.u64()?, 16))
        } else {
            Ok((kind, length, reader.u32()?.into(), 12))
        }
    }

    fn decode(&self, kind: u32, body: &[u8]) -> Result<Packet, Truncated> {
        let mut body = Reader::new(body);
        Ok(match kind {
            0 => {
                let version: [u8; VERSION] = body.bytes()?;
                let version = version.split(|byte| *byte == 0).next().unwrap_or_default();
                Packet::Hello {
                    version: String::from_utf8_lossy(version).into_owned(),
                    // Old peers have none.
                    capabilities: Capabilities(body.u32().unwrap_or_default()),
                }
            }
            2 => Packet::DeviceDisconnect,
            3 => Packet::Reset,
            6 => Packet::SetConfiguration(body.u8()?),
            7 => Packet::GetConfiguration,
            9 => Packet::SetAlternate {
                interface: body.u8()?,
                alternate: body.u8()?,
            },
            10 => Packet::GetAlternate {
                interface: body.u8()?,
            },
            15 => Packet::StartInterrupt {
                endpoint: body.u8()?,
            },
            16 => Packet::StopInterrupt {
                endpoint: body.u8()?,
            },
            21 => Packet::Cancel,
            24 => Packet::DisconnectAck,
            100 => Packet::Control(Control {
                endpoint: body.u8()?,
                request: body.u8()?,
                request_type: body.u8()?,
                status: Status::from_code(body.u8()?),
                value: body.u16()?,
                index: body.u16()?,
                length: body.u16()?,
                data: body.rest().to_vec(),
            }),
            101 => {
                let (endpoint, status) = (body.u8()?, Status::from_code(body.u8()?));
                let (low, stream) = (body.u16()?, body.u32()?);
                let high = if self.agreed.has(Capabilities::BULK_LENGTH_32) {
                    body.u16()?
                } else {
                    0
                };
                Packet::Bulk {
                    endpoint,
                    status,
                    length: u32::from(high) << 16 | u32::from(low),
                    stream,
                    data: body.rest().to_vec(),
                }
            }
            103 => Packet::Interrupt {
                endpoint: body.u8()?,
                status: Status::from_code(body.u8()?),
                length: body.u16()?,
                data: body.rest().to_vec(),
            },
            other => Packet::Other(other),
        })
    }

    /// Appends a packet's bytes to `out`.
    pub(in super::super) fn encode(&self, frame: &Frame, out: &mut Vec<u8>) {
        let mut body = Vec::new();
        let kind = self.body(&frame.packet, &mut body);
        out.extend_from_slice(&kind.to_le_bytes());
        out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        let id = frame.id.to_le_bytes();
        let width = if self.agreed.has(Capabilities::IDS_64) {
            8
        } else {
            4
        };
        out.extend(id.iter().take(width));
        out.append(&mut body);
    }

    fn body(&self, packet: &Packet, out: &mut Vec<u8>) -> u32 {
        match packet {
            Packet::Hello {
                version,
                capabilities,
            } => {
                let mut padded = [0; VERSION];
                for (to, from) in padded.iter_mut().zip(version.bytes()) {
                    *to = from;
                }
                out.extend_from_slice(&padded);
                out.extend_from_slice(&capabilities.0.to_le_bytes());
                0
            }
            Packet::DeviceConnect {
                speed,
                vendor,
                product,
                version,
            } => {
                // Class 0: it is told by interface.
                out.extend_from_slice(&[*speed, 0, 0, 0]);
                out.extend_from_slice(&vendor.to_le_bytes());
                out.extend_from_slice(&product.to_le_bytes());
                if self.agreed.has(Capabilities::DEVICE_VERSION) {
                    out.extend_from_slice(&version.to_le_bytes());
                }
                1
            }
            Packet::DeviceDisconnect => 2,
            Packet::Reset => 3,
            Packet::InterfaceInfo(info) => {
                interfaces(info, out);
                4
            }
            Packet::EndpointInfo(info) => {
                self.endpoints(info, out);
                5
            }
            Packet::SetConfiguration(configuration) => {
                out.push(*configuration);
                6
            }
            Packet::GetConfiguration => 7,
            Packet::ConfigurationStatus {
                status,
                configuration,
            } => {
                out.extend_from_slice(&[status.code(), *configuration]);
                8
            }
            Packet::SetAlternate {
                interface,
                alternate,
            } => {
                out.extend_from_slice(&[*interface, *alternate]);
                9
            }
            Packet::GetAlternate { interface } => {
                out.push(*interface);
                10
            }
            Packet::AlternateStatus {
                status,
                interface,
                alternate,
            } => {
                out.extend_from_slice(&[status.code(), *interface, *alternate]);
                11
            }
            Packet::StartInterrupt { endpoint } => {
                out.push(*endpoint);
                15
            }
            Packet::StopInterrupt { endpoint } => {
                out.push(*endpoint);
                16
            }
            Packet::InterruptStatus { status, endpoint } => {
                out.extend_from_slice(&[status.code(), *endpoint]);
                17
            }
            Packet::Cancel => 21,
            Packet::DisconnectAck => 24,
            Packet::Control(_) | Packet::Bulk { .. } | Packet::Interrupt { .. } => {
                self.transfer(packet, out)
            }
            Packet::Other(kind) => *kind,
        }
    }

    fn transfer(&self, packet: &Packet, out: &mut Vec<u8>) -> u32 {
        match packet {
            Packet::Control(control) => {
                out.extend_from_slice(&[
                    control.endpoint,
                    control.request,
                    control.request_type,
                    control.status.code(),
                ]);
                for field in [control.value, control.index, control.length] {
                    out.extend_from_slice(&field.to_le_bytes());
                }
                out.extend_from_slice(&control.data);
                100
            }
            Packet::Bulk {
                endpoint,
                status,
                length,
                stream,
                data,
            } => {
                let [low, low_high, high, highest] = length.to_le_bytes();
                out.extend_from_slice(&[*endpoint, status.code(), low, low_high]);
                out.extend_from_slice(&stream.to_le_bytes());
                if self.agreed.has(Capabilities::BULK_LENGTH_32) {
                    out.extend_from_slice(&[high, highest]);
                }
                out.extend_from_slice(data);
                101
            }
            Packet::Interrupt {
                endpoint,
                status,
                length,
                data,
            } => {
                out.extend_from_slice(&[*endpoint, status.code()]);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(data);
                103
            }
            _ => 0,
        }
    }

    fn endpoints(&self, info: &EndpointInfo, out: &mut Vec<u8>) {
        out.extend(info.0.iter().map(|row| row.kind));
        out.extend(info.0.iter().map(|row| row.interval));
        out.extend(info.0.iter().map(|row| row.interface));
        if self.agreed.has(Capabilities::MAX_PACKET_SIZE) {
            out.extend(info.0.iter().flat_map(|row| row.max_packet.to_le_bytes()));
        }
    }
}

fn interfaces(info: &InterfaceInfo, out: &mut Vec<u8>) {
    let count = u8::try_from(info.classes.len().min(TABLE)).unwrap_or_default();
    out.extend_from_slice(&u32::from(count).to_le_bytes());
    let start = out.len();
    out.extend(0..count);
    out.resize(start + TABLE, 0);
    for column in 0..3 {
        let start = out.len();
        let values = info.classes.iter().take(TABLE);
        out.extend(values.filter_map(|class| class.get(column)));
        out.resize(start + TABLE, 0);
    }
}

#[cfg(test)]
#[path = "codec_tests.rs"]
mod tests;
