//! Which rung helps against which failure, as data.

use failberry_state::RecoveryRung;

/// What can be done about a failure, from the mildest to the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// Open the port and dial again.
    Redial,
    /// Tell the stick to start anew, by whichever port it hears on.
    Reset,
    /// Take the power from the sockets for some seconds.
    PowerCut,
    /// Ask the supervisor for a reboot. It has a budget, and may refuse.
    Reboot,
}

/// Kinds of failure that want different answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// The stick answers no `AT`.
    Silent,
    /// Nor does it hear the command to start anew.
    Deaf,
    /// It left the bus and does not come back.
    Lost,
    /// None was seen since the start: nobody knows whether there is one.
    NeverSeen,
    /// It is on the bus and has no port to dial with.
    Unready,
    /// It fell silent in the middle of a dialogue.
    Faulty,
    /// It answers what it should not.
    Refused,
    /// The carrier ends the call, or does not agree to one.
    #[default]
    Carrier,
    /// The network or the carrier does not want this SIM.
    Denied,
    /// The link is up and nothing comes back over it.
    Blackhole,
    /// The stick sees no SIM.
    NoSim,
    /// Something on our side: a device node, the kernel's PPP.
    Local,
}

/// A rung for a kind of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What to do.
    pub rung: Rung,
    /// From so many failures of this kind in a row on.
    pub after: u32,
    /// Not again before so long, unless there was a good link in between.
    pub every_ms: u64,
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn row(rung: Rung, after: u32, every_ms: u64) -> Row {
    Row {
        rung,
        after,
        every_ms,
    }
}

impl Rung {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Redial, Self::Reset, Self::PowerCut, Self::Reboot];

    /// How often it may be taken within an hour, whatever it helps against.
    pub const fn per_hour(self) -> usize {
        match self {
            Self::Redial => usize::MAX,
            Self::Reset => 12,
            // Every cut takes the power from the other sockets as well.
            Self::PowerCut => 8,
            Self::Reboot => 2,
        }
    }

    /// As the other services see it.
    pub const fn told(self) -> RecoveryRung {
        match self {
            Self::Redial => RecoveryRung::Redial,
            Self::Reset => RecoveryRung::Reset,
            Self::PowerCut => RecoveryRung::UsbPowerCycle,
            Self::Reboot => RecoveryRung::Reboot,
        }
    }
}

impl Trouble {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Silent,
        Self::Deaf,
        Self::Lost,
        Self::NeverSeen,
        Self::Unready,
        Self::Faulty,
        Self::Refused,
        Self::Carrier,
        Self::Denied,
        Self::Blackhole,
        Self::NoSim,
        Self::Local,
    ];

    /// What helps besides dialling again, the strongest first.
    pub const fn rows(self) -> &'static [Row] {
        use Rung::{PowerCut, Reboot, Reset};
        match self {
            // Waiting revives none of these.
            Self::Silent => {
                const {
                    &[
                        row(Reboot, 3, 10 * MINUTE),
                        row(PowerCut, 2, 10 * MINUTE),
                        row(Reset, 1, 5 * MINUTE),
                    ]
                }
            }
            Self::Deaf => const { &[row(Reboot, 3, 10 * MINUTE), row(PowerCut, 1, 10 * MINUTE)] },
            // Mostly somebody has pulled it; but a hub hangs too. Counted once a minute.
            Self::Lost => const { &[row(Reboot, 30, DAY), row(PowerCut, 1, HOUR)] },
            // May be something of the same make that is no modem at all.
            Self::Unready => const { &[row(PowerCut, 2, HOUR)] },
            Self::Faulty => {
                const {
                    &[
                        row(Reboot, 12, 6 * HOUR),
                        row(PowerCut, 3, 10 * MINUTE),
                        row(Reset, 1, 5 * MINUTE),
                    ]
                }
            }
            Self::Refused => {
                const {
                    &[
                        row(Reboot, 20, DAY),
                        row(PowerCut, 6, 10 * MINUTE),
                        row(Reset, 3, 5 * MINUTE),
                    ]
                }
            }
            // An outage of the carrier looks the same, and lasts hours: half a day to the reboot.
            Self::Carrier => {
                const {
                    &[
                        row(Reboot, 1000, DAY),
                        row(PowerCut, 12, HOUR),
                        row(Reset, 6, 10 * MINUTE),
                    ]
                }
            }
            Self::Denied => const { &[row(PowerCut, 12, 2 * HOUR), row(Reset, 6, 30 * MINUTE)] },
            Self::Blackhole => {
                const {
                    &[
                        row(Reboot, 240, DAY),
                        row(PowerCut, 5, HOUR),
                        row(Reset, 3, 10 * MINUTE),
                    ]
                }
            }
            // A contact may be bad; and a box without a stick must not reboot again and again.
            Self::NoSim | Self::NeverSeen => const { &[row(PowerCut, 1, HOUR)] },
            Self::Local => const { &[row(Reboot, 10, 6 * HOUR)] },
        }
    }
}
