//! Whether the configured PIN may be sent: a SIM locks itself after three wrong ones.

/// What became of the configured PIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PinUse {
    /// Never sent, or taken by the SIM each time.
    #[default]
    Fresh,
    /// Sent, and the stick fell silent before it told the outcome.
    Uncertain,
    /// The same, and the SIM asks again: it may have cost a try, so another is sent only where the
    /// stick says how many are left.
    Doubted,
    /// The SIM refused it. Only a new configuration, which comes with a boot, changes that.
    Refused,
}

impl PinUse {
    /// Whether it must not be sent.
    pub const fn is_spent(self) -> bool {
        !matches!(self, Self::Fresh | Self::Doubted)
    }

    /// Whether it must not be sent where the tries left are unknown, whatever the configuration
    /// allows.
    pub const fn needs_count(self) -> bool {
        matches!(self, Self::Doubted)
    }

    /// The PIN was sent and not taken; true where this is the first certain refusal.
    pub(super) const fn spend(&mut self, refused: bool) -> bool {
        match (*self, refused) {
            (Self::Fresh | Self::Doubted, true) => {
                *self = Self::Refused;
                true
            }
            (Self::Fresh | Self::Doubted, false) => {
                *self = Self::Uncertain;
                false
            }
            // Not sent again since: a SIM that still asks tells nothing new.
            (Self::Uncertain | Self::Refused, _) => false,
        }
    }

    /// A SIM that was without power asks for its PIN whatever came of the last one, and a stick
    /// that crashed must not keep us off the net for good. How many tries are left is asked first.
    pub(super) const fn stick_lost_power(&mut self) {
        if matches!(self, Self::Uncertain) {
            *self = Self::Doubted;
        }
    }
}
