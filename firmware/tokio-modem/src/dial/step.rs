//! Steps of the dialogue, in order.

use core::fmt;

/// Step of the dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `AT` until the stick answers `OK`.
    Synchronise,
    /// `ATZ` and the other init commands of the profile.
    Initialise,
    /// The command that suppresses unsolicited result codes.
    SuppressUrcs,
    /// `AT+CFUN?`.
    Radio,
    /// `AT+CFUN=1`.
    RadioOn,
    /// `AT+CPIN?`.
    SimState,
    /// Queries for the PIN tries left.
    PinTries,
    /// `AT+CPIN=…`.
    EnterPin,
    /// `AT+CGMM`.
    Model,
    /// `AT+CSQ`.
    Signal,
    /// `AT+CREG?`.
    Registration,
    /// `AT+CGREG?`.
    PacketRegistration,
    /// `AT+CEREG?`.
    LteRegistration,
    /// `AT+COPS?`.
    Operator,
    /// `AT+CGDCONT=…`.
    Context,
    /// `ATD…`.
    Dial,
}

impl Step {
    /// Returns the default successor.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Synchronise => Self::Initialise,
            Self::Initialise | Self::EnterPin => Self::SuppressUrcs,
            Self::SuppressUrcs => Self::Radio,
            Self::Radio | Self::RadioOn => Self::SimState,
            Self::SimState => Self::Model,
            Self::PinTries => Self::EnterPin,
            Self::Model => Self::Signal,
            Self::Signal => Self::Registration,
            Self::Registration | Self::PacketRegistration | Self::LteRegistration => Self::Operator,
            Self::Operator => Self::Context,
            Self::Context | Self::Dial => Self::Dial,
        }
    }

    /// Returns whether no later step needs it, so that it may fail or time out.
    pub(super) fn is_optional(self) -> bool {
        matches!(
            self,
            Self::SuppressUrcs
                | Self::Radio
                | Self::RadioOn
                | Self::PinTries
                | Self::Model
                | Self::Signal
                | Self::PacketRegistration
                | Self::LteRegistration
                | Self::Operator
        )
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Synchronise => "synchronise (AT)",
            Self::Initialise => "initialise (ATZ)",
            Self::SuppressUrcs => "stop chatter",
            Self::Radio => "ask the radio (AT+CFUN?)",
            Self::RadioOn => "switch the radio on (AT+CFUN=1)",
            Self::SimState => "ask the SIM (AT+CPIN?)",
            Self::PinTries => "ask PIN tries left",
            Self::EnterPin => "enter the SIM PIN (AT+CPIN=)",
            Self::Model => "ask the model (AT+CGMM)",
            Self::Signal => "ask the signal (AT+CSQ)",
            Self::Registration => "ask registration (AT+CREG?)",
            Self::PacketRegistration => "ask packet registration (AT+CGREG?)",
            Self::LteRegistration => "ask LTE registration (AT+CEREG?)",
            Self::Operator => "ask the operator (AT+COPS?)",
            Self::Context => "set the access point (AT+CGDCONT)",
            Self::Dial => "dial (ATD)",
        })
    }
}
