//! Whether the configured PIN may be sent: a SIM locks itself after three wrong ones.

/// What is known of the configured PIN.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PinState {
    /// Never sent, or accepted by the SIM each time.
    #[default]
    Usable,
    /// Sent, and the stick stopped responding before the result.
    Uncertain,
    /// As [`PinState::Uncertain`], and the SIM has been without power since: it may have cost a
    /// try, so it is sent again only if the stick reports how many are left.
    UsableIfCounted,
    /// The SIM rejected it. Only a new configuration, which comes with a boot, changes that.
    Rejected,
}

impl PinState {
    /// Returns whether the PIN must not be sent.
    pub const fn must_withhold(self) -> bool {
        !matches!(self, Self::Usable | Self::UsableIfCounted)
    }

    /// Returns whether the PIN must not be sent while the number of tries left is unknown, whatever
    /// the configuration allows.
    pub const fn needs_counter(self) -> bool {
        matches!(self, Self::UsableIfCounted)
    }

    /// Records that the PIN was sent and not accepted; returns true for the first certain
    /// rejection.
    pub(super) const fn not_accepted(&mut self, rejected: bool) -> bool {
        match (*self, rejected) {
            (Self::Usable | Self::UsableIfCounted, true) => {
                *self = Self::Rejected;
                true
            }
            (Self::Usable | Self::UsableIfCounted, false) => {
                *self = Self::Uncertain;
                false
            }
            // Not sent again since: that the SIM still wants its PIN is no news.
            (Self::Uncertain | Self::Rejected, _) => false,
        }
    }

    /// Records that the stick was off the bus. A SIM that was without power wants its PIN whatever
    /// the last result, and a stick that crashed must not block dialling for good. The number of
    /// tries left is read first.
    pub(super) const fn on_power_lost(&mut self) {
        if matches!(self, Self::Uncertain) {
            *self = Self::UsableIfCounted;
        }
    }
}
