//! Client of the box's status page (JSON on the LAN's status port).

use std::{io, net::Ipv4Addr, time::Duration};

use serde_json::Value;

use crate::{net::Namespace, probe};

/// Status port, open to the LAN.
pub const PORT: u16 = 9001;

/// Parsed status page. Paths are JSON pointers (RFC 6901), for instance `/uplink/phase`.
#[derive(Clone, Debug)]
pub struct Status(Value);

impl Status {
    /// Requests the page of the box at `to` from `namespace`, until it answers or `bound` is over.
    ///
    /// # Errors
    /// The connection fails, or the response is not a status page.
    pub fn ask(namespace: &Namespace, to: Ipv4Addr, bound: Duration) -> io::Result<Self> {
        let page = probe::get_within(namespace, to, PORT, "/status", bound)?;
        serde_json::from_str(&page.body)
            .map(Self)
            .map_err(io::Error::from)
    }

    /// Returns the string at this path, if any.
    pub fn text(&self, place: &str) -> Option<&str> {
        self.0.pointer(place)?.as_str()
    }

    /// Returns the number at this path, or 0.
    pub fn number(&self, place: &str) -> u64 {
        self.0.pointer(place).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Returns whether this path is `true`.
    pub fn is(&self, place: &str) -> bool {
        self.0.pointer(place).and_then(Value::as_bool) == Some(true)
    }

    /// Returns the length of the array at this path.
    pub fn count(&self, place: &str) -> usize {
        self.0
            .pointer(place)
            .and_then(Value::as_array)
            .map_or(0, Vec::len)
    }
}
