//! The S-registers (V.250, 5.3.2 and 6.2.1 to 6.3.12), with those for the escape that Hayes added.

/// A register as it comes from the factory.
struct Register {
    number: u32,
    default: u8,
    /// Largest value; the smallest is 0 for all.
    max: u8,
}

const fn register(number: u32, default: u8, max: u8) -> Register {
    Register {
        number,
        default,
        max,
    }
}

/// Which there are. V.250 has larger smallest values for S7; sticks take any.
const REGISTERS: [Register; 10] = [
    // Rings before an answer.
    register(0, 0, 255),
    // Escape character.
    register(2, b'+', 255),
    // End of a command line, and of what is answered.
    register(3, b'\r', 127),
    register(4, b'\n', 127),
    // Takes back a character.
    register(5, 0x08, 127),
    // Seconds: before a blind call, for a call to be made, for a comma in the number.
    register(6, 2, 10),
    register(7, 60, 255),
    register(8, 2, 255),
    // Tenths of a second without carrier before the call is ended.
    register(10, 14, 254),
    // Fiftieths of a second of silence around the escape.
    register(12, 50, 255),
];

/// The values of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Registers([u8; REGISTERS.len()]);

impl Default for Registers {
    fn default() -> Self {
        Self(REGISTERS.map(|register| register.default))
    }
}

impl Registers {
    /// Returns a value, where there is such a register.
    pub(super) fn get(&self, number: u32) -> Option<u8> {
        let place = place(number)?;
        self.0.get(place).copied()
    }

    /// Records a value; false where there is no such register, or it takes no such value.
    pub(super) fn set(&mut self, number: u32, value: u32) -> bool {
        let Some(place) = place(number) else {
            return false;
        };
        match (
            self.0.get_mut(place),
            u8::try_from(value),
            REGISTERS.get(place),
        ) {
            (Some(old), Ok(new), Some(register)) if new <= register.max => *old = new,
            _ => return false,
        }
        true
    }

    /// S2: the character that leaves the data, thrice.
    pub(super) fn escape(&self) -> u8 {
        self.get(2).unwrap_or_default()
    }

    /// S3.
    pub(super) fn end_of_line(&self) -> u8 {
        self.get(3).unwrap_or_default()
    }

    /// S4.
    pub(super) fn line_feed(&self) -> u8 {
        self.get(4).unwrap_or_default()
    }

    /// S5.
    pub(super) fn backspace(&self) -> u8 {
        self.get(5).unwrap_or_default()
    }

    /// S12, in milliseconds.
    pub(super) fn guard_ms(&self) -> u64 {
        u64::from(self.get(12).unwrap_or_default()) * 20
    }
}

fn place(number: u32) -> Option<usize> {
    REGISTERS
        .iter()
        .position(|register| register.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_within_their_ranges() {
        let mut registers = Registers::default();
        assert_eq!((registers.get(3), registers.get(1)), (Some(13), None));
        assert!(registers.set(7, 45));
        assert_eq!(registers.get(7), Some(45));
        for (number, value) in [(1, 0), (3, 128), (7, 256), (99, 1)] {
            assert!(!registers.set(number, value), "S{number}={value}");
        }
        assert_eq!(registers.get(3), Some(13));
    }
}
