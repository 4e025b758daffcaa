//! Which port of a stick is tried, where the one that was chosen does not answer.
//!
//! Descriptors and tables can be wrong about a stick that is in none of them. A port that has once
//! said `CONNECT` is right, and silence on it means a stick that hangs.

use crate::ladder::Trouble;

/// Attempts on a port without an answer to `AT` before the next one is tried. The second comes after
/// the stick was reset: one that hung answers then.
const ATTEMPTS: u8 = 2;

/// What is known of a stick's ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PortTurn {
    /// Attempts without an answer since the first port was tried last.
    silent: u8,
    /// The port of this turn has said `CONNECT`.
    proved: bool,
}

impl PortTurn {
    /// Returns the turn of the next attempt, 0 for the port that was chosen.
    pub(super) const fn turn(self) -> u8 {
        self.silent / ATTEMPTS
    }

    /// Records that the port of this turn dials.
    pub(super) const fn connected(&mut self) {
        self.proved = true;
    }

    /// Records an attempt that did not come to `CONNECT`.
    pub(super) fn failed(&mut self, trouble: Trouble) {
        match trouble {
            _ if self.proved => {}
            Trouble::Silent => self.silent = self.silent.wrapping_add(1),
            // It takes commands and no call: only the first port was chosen for calls.
            Trouble::Refused | Trouble::Faulty => self.silent = 0,
            // The port is not to blame.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(troubles: &[Trouble]) -> u8 {
        let mut port = PortTurn::default();
        for trouble in troubles {
            port.failed(*trouble);
        }
        port.turn()
    }

    #[test]
    fn silence_twice_moves_to_the_next_port() {
        let silent = [Trouble::Silent; 6];
        let turns: Vec<u8> = (0..=6).map(|count| after(&silent[..count])).collect();
        assert_eq!(turns, [0, 0, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_port_that_dialled_is_kept() {
        let mut port = PortTurn::default();
        port.failed(Trouble::Silent);
        port.failed(Trouble::Silent);
        port.connected();
        for _ in 0..9 {
            port.failed(Trouble::Silent);
            port.failed(Trouble::Refused);
        }
        assert_eq!(port.turn(), 1);
    }

    #[test]
    fn a_port_without_calls_gives_way_to_the_first() {
        for trouble in [Trouble::Refused, Trouble::Faulty] {
            assert_eq!(after(&[Trouble::Silent, Trouble::Silent, trouble]), 0);
        }
        for trouble in [Trouble::Carrier, Trouble::Denied, Trouble::NoSim] {
            assert_eq!(after(&[Trouble::Silent, Trouble::Silent, trouble]), 1);
        }
    }

    #[test]
    fn turns_never_end() {
        let turn = after(&[Trouble::Silent; 700]);
        assert!(turn <= u8::MAX / ATTEMPTS);
    }
}
