//! What is said on a usbredir connection.

/// Endpoints and interfaces are told in tables of this many rows.
pub(in super::super) const TABLE: usize = 32;

/// Row of an endpoint in [`EndpointInfo`]: OUT endpoints first, then IN.
pub(in super::super) fn slot(address: u8) -> usize {
    usize::from((address & 0x80) >> 3 | address & 0x0f)
}

/// What a side understands besides the basic protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Capabilities(pub(super) u32);

impl Capabilities {
    /// Nothing.
    pub(in super::super) const NONE: Self = Self(0);
    /// `device_connect` has the device's version.
    pub(in super::super) const DEVICE_VERSION: Self = Self(1 << 1);
    /// `device_disconnect` is acknowledged.
    pub(in super::super) const DISCONNECT_ACK: Self = Self(1 << 3);
    /// `ep_info` has packet sizes.
    pub(in super::super) const MAX_PACKET_SIZE: Self = Self(1 << 4);
    /// Packet ids have 64 bits.
    pub(in super::super) const IDS_64: Self = Self(1 << 5);
    /// Bulk lengths have 32 bits.
    pub(in super::super) const BULK_LENGTH_32: Self = Self(1 << 6);

    /// Both sets.
    pub(in super::super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both sets.
    pub(in super::super) const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// All of `other` is in this set.
    pub(in super::super) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Status {
    /// As asked.
    Success,
    /// Taken back by a cancel.
    Cancelled,
    /// Refused: the endpoint stalls.
    Stall,
    /// Another number, only ever received.
    Other(u8),
}

impl Status {
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Cancelled => 1,
            Self::Stall => 4,
            Self::Other(code) => code,
        }
    }

    pub(super) fn from_code(code: u8) -> Self {
        match code {
            0 => Self::Success,
            1 => Self::Cancelled,
            4 => Self::Stall,
            other => Self::Other(other),
        }
    }
}

/// Classes of the interfaces, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct InterfaceInfo {
    /// Class, subclass, protocol of interface 0, 1, …; at most [`TABLE`].
    pub(in super::super) classes: Vec<[u8; 3]>,
}

/// One row of the table of endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct EndpointRow {
    /// Transfer type as in the descriptor; 255 where there is no endpoint.
    pub(in super::super) kind: u8,
    /// Polling interval.
    pub(in super::super) interval: u8,
    /// The interface it belongs to.
    pub(in super::super) interface: u8,
    /// Largest packet.
    pub(in super::super) max_packet: u16,
}

/// The endpoints, by [`slot`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct EndpointInfo(pub(in super::super) [EndpointRow; TABLE]);

impl EndpointInfo {
    /// Endpoint 0 and nothing else.
    pub(in super::super) fn new() -> Self {
        let absent = EndpointRow {
            kind: 255,
            interval: 0,
            interface: 0,
            max_packet: 0,
        };
        let mut table = Self([absent; TABLE]);
        for address in [0x00, 0x80] {
            table.set(address, 0, 0, 0, 64);
        }
        table
    }

    /// Fills a row.
    pub(in super::super) fn set(
        &mut self,
        address: u8,
        kind: u8,
        interval: u8,
        interface: u8,
        max_packet: u16,
    ) {
        if let Some(row) = self.0.get_mut(slot(address)) {
            *row = EndpointRow {
                kind,
                interval,
                interface,
                max_packet,
            };
        }
    }
}

/// A control transfer: the request, or its answer with the same fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Control {
    /// 0x80 or 0x00.
    pub(in super::super) endpoint: u8,
    /// `bRequest`.
    pub(in super::super) request: u8,
    /// `bmRequestType`.
    pub(in super::super) request_type: u8,
    /// How it ended; of no meaning in the request.
    pub(in super::super) status: Status,
    /// `wValue`.
    pub(in super::super) value: u16,
    /// `wIndex`.
    pub(in super::super) index: u16,
    /// `wLength`; in the answer what was transferred.
    pub(in super::super) length: u16,
    /// OUT data in the request, IN data in the answer.
    pub(in super::super) data: Vec<u8>,
}

/// One packet's type and body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the protocol's")]
pub(in super::super) enum Packet {
    Hello {
        version: String,
        capabilities: Capabilities,
    },
    DeviceConnect {
        speed: u8,
        vendor: u16,
        product: u16,
        version: u16,
    },
    DeviceDisconnect,
    Reset,
    InterfaceInfo(InterfaceInfo),
    EndpointInfo(Box<EndpointInfo>),
    SetConfiguration(u8),
    GetConfiguration,
    ConfigurationStatus {
        status: Status,
        configuration: u8,
    },
    SetAlternate {
        interface: u8,
        alternate: u8,
    },
    GetAlternate {
        interface: u8,
    },
    AlternateStatus {
        status: Status,
        interface: u8,
        alternate: u8,
    },
    StartInterrupt {
        endpoint: u8,
    },
    StopInterrupt {
        endpoint: u8,
    },
    InterruptStatus {
        status: Status,
        endpoint: u8,
    },
    Cancel,
    DisconnectAck,
    Control(Control),
    Bulk {
        endpoint: u8,
        status: Status,
        length: u32,
        stream: u32,
        data: Vec<u8>,
    },
    Interrupt {
        endpoint: u8,
        status: Status,
        length: u16,
        data: Vec<u8>,
    },
    /// Of a type that a device like ours is never asked for.
    Other(u32),
}

/// A packet with the number that its answer repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Frame {
    /// The number.
    pub(in super::super) id: u64,
    /// The packet.
    pub(in super::super) packet: Packet,
}
