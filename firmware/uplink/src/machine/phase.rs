//! The phase of the dialler's state machine, and its public form.

use failberry_state::{BootMillis, UplinkPhase};
use failberry_usb::{Device, NotReady};

use crate::ladder::{FailureKind, Rung};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    NoStick,
    /// A stick is on the bus and has no modem port (yet).
    WaitingForPort(PortWait),
    Opening,
    Registering,
    Dialling,
    Negotiating,
    Up {
        since: BootMillis,
    },
    /// IPCP is down in a call that goes on: the peer negotiates again, or is about to terminate.
    Renegotiating {
        since: BootMillis,
    },
    BackingOff,
    /// The call is being terminated for an operator, who ordered this rung.
    HangingUp(Rung),
    /// A rung stronger than a redial is in progress.
    Recovering(Rung),
    /// A person has to act, for this kind of failure. It is dialled again now and then all the same.
    Blocked(FailureKind),
    Stopping,
}

/// A stick without a modem port: what was logged and tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PortWait {
    pub(super) device: Device,
    pub(super) why: NotReady,
    /// The reason that was logged last.
    pub(super) logged: Option<NotReady>,
    /// Ejects of its CD-ROM so far.
    pub(super) ejects: u32,
}

impl Phase {
    /// Returns whether an attempt is in progress: its port is open or about to be.
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

    /// Returns whether the AT dialogue is in progress.
    pub(super) const fn is_dialogue(&self) -> bool {
        matches!(self, Self::Registering | Self::Dialling)
    }

    /// Returns whether the stick has answered `CONNECT`.
    pub(super) const fn is_ppp(&self) -> bool {
        matches!(
            self,
            Self::Negotiating | Self::Up { .. } | Self::Renegotiating { .. }
        )
    }

    /// Returns the phase as published to the other services.
    pub(super) const fn to_public(&self) -> UplinkPhase {
        match self {
            Self::NoStick => UplinkPhase::NoStick,
            Self::WaitingForPort(_) | Self::Opening => UplinkPhase::Opening,
            Self::Registering => UplinkPhase::Registering,
            Self::Dialling => UplinkPhase::Dialling,
            Self::Negotiating | Self::Renegotiating { .. } => UplinkPhase::Negotiating,
            Self::Up { .. } => UplinkPhase::Up,
            // The next process of this service also begins with a wait.
            Self::BackingOff | Self::HangingUp(_) | Self::Stopping => UplinkPhase::BackingOff,
            Self::Recovering(_) => UplinkPhase::Recovering,
            Self::Blocked(_) => UplinkPhase::Blocked,
        }
    }

    /// Returns when the link of this call first came up, if it did.
    pub(super) const fn up_since(&self) -> Option<BootMillis> {
        match self {
            Self::Up { since } | Self::Renegotiating { since } => Some(*since),
            _ => None,
        }
    }
}
