//! Waiting for the next event.

use std::{io, net::UdpSocket, time::Duration};

use failberry_state::{BootMillis, Watcher};
use smol::{Async, Timer, future, future::FutureExt};

use crate::kernel::links::LinkWatch;

/// Longest DHCP message received, in bytes; a longer one is truncated and so refused.
const MESSAGE_LEN: usize = 2048;

/// Reason for waking up.
pub(super) enum Wake {
    /// A link or the uplink's state changed.
    Changed,
    /// The deadline is reached.
    Due,
    /// A datagram for the DHCP client arrived, or its socket failed.
    Datagram(io::Result<Vec<u8>>),
}

pub(super) async fn wait(
    until: Option<BootMillis>,
    links: &Async<LinkWatch>,
    uplink: &Async<Watcher>,
    socket: Option<&Async<UdpSocket>>,
) -> io::Result<Wake> {
    let changed = async {
        links.readable().or(uplink.readable()).await?;
        Ok(Wake::Changed)
    };
    let datagram = async {
        let Some(socket) = socket else {
            return future::pending().await;
        };
        let mut buffer = vec![0; MESSAGE_LEN];
        let outcome = socket.recv(&mut buffer).await;
        Ok(Wake::Datagram(outcome.map(|len| {
            buffer.truncate(len);
            buffer
        })))
    };
    let due = async {
        let Some(until) = until else {
            return future::pending().await;
        };
        Timer::after(Duration::from_millis(until.since(BootMillis::now()))).await;
        Ok(Wake::Due)
    };
    // The first that is ready wins: a flood of datagrams must not delay the others.
    changed.or(due).or(datagram).await
}
