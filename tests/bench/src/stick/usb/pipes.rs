//! Both directions of an interface.

use super::{
    layout::{Endpoint, Kind},
    pipe::{In, Out},
};

/// The endpoints of one interface and what waits at them.
pub(super) struct Pipes {
    pub(super) endpoints: &'static [Endpoint],
    pub(super) r#in: In,
    pub(super) out: Out,
    /// Interrupt endpoints, whatever they are in the descriptors, that the host polls.
    pub(super) polled: Vec<u8>,
}

impl Pipes {
    pub(super) fn new(endpoints: &'static [Endpoint]) -> Self {
        Self {
            endpoints,
            r#in: In::default(),
            out: Out::default(),
            polled: Vec::new(),
        }
    }

    pub(super) fn bulk_in(&self) -> Option<u8> {
        let mut endpoints = self.endpoints.iter();
        let found = endpoints.find(|end| end.kind == Kind::Bulk && end.address & 0x80 != 0);
        found.map(|end| end.address)
    }

    pub(super) fn has(&self, address: u8) -> bool {
        self.endpoints.iter().any(|end| end.address == address)
    }

    pub(super) fn poll(&mut self, endpoint: u8, on: bool) {
        self.polled.retain(|polled| *polled != endpoint);
        if on {
            self.polled.push(endpoint);
        }
        if Some(endpoint) == self.bulk_in() {
            self.r#in.polled = on;
        }
    }
}
