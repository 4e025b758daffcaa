//! Escalation policy: which rung helps against which kind of failure, as data.

use failberry_state::RecoveryRung;

/// A recovery action, from the mildest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Open the port and dial again.
    Redial,
    /// Reset the stick (`AT+CFUN=1,1`), by whichever port accepts it.
    Reset,
    /// Switch all USB sockets off for some seconds.
    PowerCycle,
    /// Request a reboot from the supervisor, which has a budget and may refuse.
    Reboot,
}

/// The class of a failure; each has rules of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailureKind {
    /// The stick does not answer `AT`.
    Unresponsive,
    /// The stick does not answer the reset command either.
    ResetIgnored,
    /// The stick left the bus and does not return.
    Disconnected,
    /// No stick was seen since the start; there may be none.
    NeverSeen,
    /// The stick is on the bus and has no modem port.
    NoModemPort,
    /// The stick stopped responding in the middle of a dialogue.
    StoppedResponding,
    /// The stick gave an answer that does not allow dialling.
    BadResponse,
    /// The carrier ended the call, or did not accept it.
    #[default]
    Carrier,
    /// The network or the carrier denies access to this SIM.
    AccessDenied,
    /// The link is up and nothing comes back over it.
    Blackhole,
    /// The stick detects no SIM.
    NoSim,
    /// A local fault: a device node, the kernel's PPP.
    Local,
}

/// An escalation rule: a rung for a kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The rung to take.
    pub rung: Rung,
    /// Failures of this kind in a row from which the rule applies.
    pub min_failures: u32,
    /// Cool-down in milliseconds, unless there was a good link in between.
    pub min_interval_ms: u64,
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn rule(rung: Rung, min_failures: u32, min_interval_ms: u64) -> Rule {
    Rule {
        rung,
        min_failures,
        min_interval_ms,
    }
}

impl Rung {
    /// All values, in the order of their discriminants.
    pub const ALL: [Self; 4] = [Self::Redial, Self::Reset, Self::PowerCycle, Self::Reboot];

    /// Returns how often the rung may be taken within an hour, for any kind of failure.
    pub const fn max_per_hour(self) -> usize {
        match self {
            Self::Redial => usize::MAX,
            Self::Reset => 12,
            // Each one also switches the other sockets off.
            Self::PowerCycle => 8,
            Self::Reboot => 2,
        }
    }

    /// Returns the rung as published to the other services.
    pub const fn to_public(self) -> RecoveryRung {
        match self {
            Self::Redial => RecoveryRung::Redial,
            Self::Reset => RecoveryRung::Reset,
            Self::PowerCycle => RecoveryRung::UsbPowerCycle,
            Self::Reboot => RecoveryRung::Reboot,
        }
    }
}

impl FailureKind {
    /// All values, in the order of their discriminants.
    pub const ALL: [Self; 12] = [
        Self::Unresponsive,
        Self::ResetIgnored,
        Self::Disconnected,
        Self::NeverSeen,
        Self::NoModemPort,
        Self::StoppedResponding,
        Self::BadResponse,
        Self::Carrier,
        Self::AccessDenied,
        Self::Blackhole,
        Self::NoSim,
        Self::Local,
    ];

    /// Returns the rules besides redialling, the strongest first.
    pub const fn rules(self) -> &'static [Rule] {
        use Rung::{PowerCycle, Reboot, Reset};
        match self {
            // None of these recovers by waiting.
            Self::Unresponsive => {
                const {
                    &[
                        rule(Reboot, 3, 10 * MINUTE),
                        rule(PowerCycle, 2, 10 * MINUTE),
                        rule(Reset, 1, 5 * MINUTE),
                    ]
                }
            }
            Self::ResetIgnored => {
                const {
                    &[
                        rule(Reboot, 3, 10 * MINUTE),
                        rule(PowerCycle, 1, 10 * MINUTE),
                    ]
                }
            }
            // Mostly it was unplugged, but a hub may hang too. Counted once a minute.
            Self::Disconnected => const { &[rule(Reboot, 30, DAY), rule(PowerCycle, 1, HOUR)] },
            // May be another device of the same vendor that is no modem at all.
            Self::NoModemPort => const { &[rule(PowerCycle, 2, HOUR)] },
            Self::StoppedResponding => {
                const {
                    &[
                        rule(Reboot, 12, 6 * HOUR),
                        rule(PowerCycle, 3, 10 * MINUTE),
                        rule(Reset, 1, 5 * MINUTE),
                    ]
                }
            }
            Self::BadResponse => {
                const {
                    &[
                        rule(Reboot, 20, DAY),
                        rule(PowerCycle, 6, 10 * MINUTE),
                        rule(Reset, 3, 5 * MINUTE),
                    ]
                }
            }
            // An outage of the carrier looks the same, and lasts hours: half a day to the reboot.
            Self::Carrier => {
                const {
                    &[
                        rule(Reboot, 1000, DAY),
                        rule(PowerCycle, 12, HOUR),
                        rule(Reset, 6, 10 * MINUTE),
                    ]
                }
            }
            Self::AccessDenied => {
                const { &[rule(PowerCycle, 12, 2 * HOUR), rule(Reset, 6, 30 * MINUTE)] }
            }
            Self::Blackhole => {
                const {
                    &[
                        rule(Reboot, 240, DAY),
                        rule(PowerCycle, 5, HOUR),
                        rule(Reset, 3, 10 * MINUTE),
                    ]
                }
            }
            // A contact may be bad; but a box without a stick must not reboot again and again.
            Self::NoSim | Self::NeverSeen => const { &[rule(PowerCycle, 1, HOUR)] },
            Self::Local => const { &[rule(Reboot, 10, 6 * HOUR)] },
        }
    }
}
