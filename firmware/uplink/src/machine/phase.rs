//! Where the dialler is.

use failberry_state::{BootMillis, UplinkPhase};
use failberry_usb::{Device, NotReady};

use crate::ladder::{Rung, Trouble};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    NoStick,
    /// A stick without a modem port.
    Unready(Waiting),
    Opening,
    Registering,
    Dialling,
    Negotiating,
    Up {
        since: BootMillis,
    },
    /// IPCP is down in a call that is not over: the peer negotiates anew, or is about to end it.
    Renegotiating {
        since: BootMillis,
    },
    BackingOff,
    /// The call is being ended for a person, who wants this then.
    HangingUp(Rung),
    /// A rung stronger than dialling again is being taken.
    Recovering(Rung),
    /// A person is needed, because of this. It is looked again now and then all the same.
    Blocked(Trouble),
    Stopping,
}

/// What was told and tried while a stick has no modem port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) device: Device,
    pub(super) why: NotReady,
    /// What the log has heard.
    pub(super) told: Option<NotReady>,
    /// How often its CD-ROM was ejected.
    pub(super) ejects: u32,
}

impl Phase {
    /// Whether a port is open or about to be.
    pub(super) const fn is_attempt(&self) -> bool {
        matches!(
            self,
            Self::Opening
                | Self::Registering
                | Self::Dialling
                | Self::Negotiating
                | Self::Up { .. }
                | Self::Renegotiating { .. }
        )
    }

    /// Whether the stick is talked to in AT commands.
    pub(super) const fn is_dialogue(&self) -> bool {
        matches!(self, Self::Registering | Self::Dialling)
    }

    /// Whether the stick has said `CONNECT`.
    pub(super) const fn is_ppp(&self) -> bool {
        matches!(
            self,
            Self::Negotiating | Self::Up { .. } | Self::Renegotiating { .. }
        )
    }

    /// The phase as the other services see it.
    pub(super) const fn told(&self) -> UplinkPhase {
        match self {
            Self::NoStick => UplinkPhase::NoStick,
            Self::Unready(_) | Self::Opening => UplinkPhase::Opening,
            Self::Registering => UplinkPhase::Registering,
            Self::Dialling => UplinkPhase::Dialling,
            Self::Negotiating | Self::Renegotiating { .. } => UplinkPhase::Negotiating,
            Self::Up { .. } => UplinkPhase::Up,
            // Whoever starts after us begins with waiting as well.
            Self::BackingOff | Self::HangingUp(_) | Self::Stopping => UplinkPhase::BackingOff,
            Self::Recovering(_) => UplinkPhase::Recovering,
            Self::Blocked(_) => UplinkPhase::Blocked,
        }
    }

    /// When the link of this call came up first, if it did.
    pub(super) const fn up_since(&self) -> Option<BootMillis> {
        match self {
            Self::Up { since } | Self::Renegotiating { since } => Some(*since),
            _ => None,
        }
    }
}
