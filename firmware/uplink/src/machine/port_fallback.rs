//! The port of a stick that is dialled on if the one that was chosen does not answer.
//!
//! Descriptors and tables can be wrong about a stick that is in none of them. A port that has once
//! answered `CONNECT` is right, and silence on it means a stick that hangs.

use crate::ladder::FailureKind;

/// Attempts on a port without an answer to `AT` before the next port is tried. The second comes after
/// a reset of the stick: one that hung answers then.
const ATTEMPTS_PER_PORT: u8 = 2;

/// Results of the attempts on a stick's ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PortFallback {
    /// Attempts without an answer since the first port was last tried.
    silent: u8,
    /// The port of this turn has answered `CONNECT`.
    proved: bool,
}

impl PortFallback {
    /// Returns the turn of the next attempt, 0 for the port that was chosen.
    pub(super) const fn turn(self) -> u8 {
        self.silent / ATTEMPTS_PER_PORT
    }

    /// Records that the port of this turn dials.
    pub(super) const fn connected(&mut self) {
        self.proved = true;
    }

    /// Records an attempt that did not come to `CONNECT`.
    pub(super) fn failed(&mut self, kind: FailureKind) {
        match kind {
            _ if self.proved => {}
            FailureKind::Unresponsive => self.silent = self.silent.wrapping_add(1),
            // It accepts commands and no call: only the first port was chosen for calls.
            FailureKind::BadResponse | FailureKind::StoppedResponding => self.silent = 0,
            // The port is not to blame.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(kinds: &[FailureKind]) -> u8 {
        let mut port = PortFallback::default();
        for kind in kinds {
            port.failed(*kind);
        }
        port.turn()
    }

    #[test]
    fn two_silent_attempts_select_the_next_port() {
        let silent = [FailureKind::Unresponsive; 6];
        let turns: Vec<u8> = (0..=6).map(|count| after(&silent[..count])).collect();
        assert_eq!(turns, [0, 0, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn port_that_connected_is_never_replaced() {
        let mut port = PortFallback::default();
        port.failed(FailureKind::Unresponsive);
        port.failed(FailureKind::Unresponsive);
        port.connected();
        for _ in 0..9 {
            port.failed(FailureKind::Unresponsive);
            port.failed(FailureKind::BadResponse);
        }
        assert_eq!(port.turn(), 1);
    }

    #[test]
    fn port_that_rejects_calls_falls_back_to_first() {
        for kind in [FailureKind::BadResponse, FailureKind::StoppedResponding] {
            assert_eq!(
                after(&[FailureKind::Unresponsive, FailureKind::Unresponsive, kind]),
                0
            );
        }
        for kind in [
            FailureKind::Carrier,
            FailureKind::AccessDenied,
            FailureKind::NoSim,
        ] {
            assert_eq!(
                after(&[FailureKind::Unresponsive, FailureKind::Unresponsive, kind]),
                1
            );
        }
    }

    #[test]
    fn turn_wraps_without_overflow() {
        let turn = after(&[FailureKind::Unresponsive; 700]);
        assert!(turn <= u8::MAX / ATTEMPTS_PER_PORT);
    }
}
