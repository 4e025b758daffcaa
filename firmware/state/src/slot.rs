//! The two places on the card that hold an image.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// Partition 2 of the card.
    A,
    /// Partition 3 of the card.
    B,
}

impl Slot {
    /// The slot called `a` or `b`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::A, Self::B]
            .into_iter()
            .find(|slot| slot.name() == name)
    }

    /// Its name, as the boot loader says it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The one that is not this one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Number of its partition on the card.
    pub const fn partition(self) -> u32 {
        match self {
            Self::A => 2,
            Self::B => 3,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
