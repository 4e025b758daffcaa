//! What the box tells the LAN of itself on its status port.

use std::{io, net::Ipv4Addr, time::Duration};

use serde_json::Value;

use crate::{net::Namespace, probe};

/// The port that answers the LAN.
pub const PORT: u16 = 9001;

/// The whole page. Places in it are JSON pointers (RFC 6901), for instance `/uplink/phase`.
#[derive(Clone, Debug)]
pub struct Status(Value);

impl Status {
    /// Asks the box at `to` from inside `namespace`, until it answers or `bound` is over.
    ///
    /// # Errors
    /// The connection's, or an answer that is no page of status.
    pub fn ask(namespace: &Namespace, to: Ipv4Addr, bound: Duration) -> io::Result<Self> {
        let page = probe::get_within(namespace, to, PORT, "/status", bound)?;
        serde_json::from_str(&page.body)
            .map(Self)
            .map_err(io::Error::from)
    }

    /// The text there, if there is one.
    pub fn text(&self, place: &str) -> Option<&str> {
        self.0.pointer(place)?.as_str()
    }

    /// The number there, or 0.
    pub fn number(&self, place: &str) -> u64 {
        self.0.pointer(place).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Whether it says yes there.
    pub fn is(&self, place: &str) -> bool {
        self.0.pointer(place).and_then(Value::as_bool) == Some(true)
    }

    /// How many entries the list there has.
    pub fn count(&self, place: &str) -> usize {
        self.0
            .pointer(place)
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    }
}
