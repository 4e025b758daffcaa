//! The option negotiation automaton of RFC 1661, section 4, as its table.

/// States, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Initial,
    Starting,
    Closed,
    Stopped,
    Closing,
    Stopping,
    ReqSent,
    AckRcvd,
    AckSent,
    Opened,
}

/// Events, in the order of the table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// The lower layer is up.
    Up,
    /// The lower layer is down.
    Down,
    /// Administrative open.
    Open,
    /// Administrative close.
    Close,
    /// Timeout with tries left (TO+).
    Timeout,
    /// Timeout without tries left (TO-).
    LastTimeout,
    /// Acceptable Configure-Request (RCR+).
    GoodRequest,
    /// Unacceptable Configure-Request (RCR-).
    BadRequest,
    /// Configure-Ack (RCA).
    Ack,
    /// Configure-Nak or Configure-Reject (RCN).
    Nak,
    /// Terminate-Request (RTR).
    TerminateRequest,
    /// Terminate-Ack (RTA).
    TerminateAck,
    /// Unknown code (RUC).
    UnknownCode,
    /// Code- or Protocol-Reject that is not fatal (RXJ+).
    NonFatalReject,
    /// Code- or Protocol-Reject that is fatal (RXJ-).
    FatalReject,
    /// Echo-Request, Echo-Reply or Discard-Request (RXR).
    Echo,
}

/// A set of actions. They are executed in the order of the constants, which is the order in every
/// cell of the RFC's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Actions(u16);

impl Actions {
    pub(super) const NONE: Self = Self(0);
    /// This-Layer-Down.
    pub(super) const TLD: Self = Self(1 << 0);
    /// This-Layer-Started.
    pub(super) const TLS: Self = Self(1 << 1);
    /// Initialize-Restart-Count.
    pub(super) const IRC: Self = Self(1 << 2);
    /// Zero-Restart-Count.
    pub(super) const ZRC: Self = Self(1 << 3);
    /// Send-Configure-Request.
    pub(super) const SCR: Self = Self(1 << 4);
    /// Send-Configure-Ack.
    pub(super) const SCA: Self = Self(1 << 5);
    /// Send-Configure-Nak/Rej.
    pub(super) const SCN: Self = Self(1 << 6);
    /// Send-Terminate-Request.
    pub(super) const STR: Self = Self(1 << 7);
    /// Send-Terminate-Ack.
    pub(super) const STA: Self = Self(1 << 8);
    /// Send-Code-Reject.
    pub(super) const SCJ: Self = Self(1 << 9);
    /// Send-Echo-Reply.
    pub(super) const SER: Self = Self(1 << 10);
    /// This-Layer-Up.
    pub(super) const TLU: Self = Self(1 << 11);
    /// This-Layer-Finished.
    pub(super) const TLF: Self = Self(1 << 12);

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) const fn has(self, action: Self) -> bool {
        self.0 & action.0 != 0
    }
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) actions: Actions,
    pub(super) next: State,
}

impl State {
    /// Looks up the table. `None` where the RFC has a dash: the event cannot happen.
    #[expect(
        clippy::indexing_slicing,
        reason = "both indices are discriminants of the enums that size the table"
    )]
    pub(super) fn step(self, trigger: Trigger) -> Option<Step> {
        TABLE[trigger as usize][self as usize]
    }
}

type Cell = Option<Step>;

#[expect(
    clippy::unnecessary_wraps,
    reason = "it makes cells, of which some are empty"
)]
const fn go(next: State) -> Cell {
    Some(Step {
        actions: Actions::NONE,
        next,
    })
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "it makes cells, of which some are empty"
)]
const fn act(actions: Actions, next: State) -> Cell {
    Some(Step { actions, next })
}

const TABLE: [[Cell; 10]; 16] = {
    use State::{
        AckRcvd, AckSent, Closed, Closing, Initial, Opened, ReqSent, Starting, Stopped, Stopping,
    };
    const TLD: Actions = Actions::TLD;
    const TLF: Actions = Actions::TLF;
    const STA: Actions = Actions::STA;
    const SCJ: Actions = Actions::SCJ;
    const IRC_SCR: Actions = Actions::IRC.and(Actions::SCR);
    const IRC_STR: Actions = Actions::IRC.and(Actions::STR);
    const SCA: Actions = Actions::SCA;
    const SCN: Actions = Actions::SCN;
    const SCR: Actions = Actions::SCR;
    const STR: Actions = Actions::STR;
    const TLD_SCR: Actions = TLD.and(SCR);
    let no: Cell = None;
    [
        // Up
        [
            go(Closed),
            act(IRC_SCR, ReqSent),
            no,
            no,
            no,
            no,
            no,
            no,
            no,
            no,
        ],
        // Down
        [
            no,
            no,
            go(Initial),
            act(Actions::TLS, Starting),
            go(Initial),
            go(Starting),
            go(Starting),
            go(Starting),
            go(Starting),
            act(TLD, Starting),
        ],
        // Open, without the restart option: an open link stays as it is.
        [
            act(Actions::TLS, Starting),
            go(Starting),
            act(IRC_SCR, ReqSent),
            go(Stopped),
            go(Stopping),
            go(Stopping),
            go(ReqSent),
            go(AckRcvd),
            go(AckSent),
            go(Opened),
        ],
        // Close
        [
            go(Initial),
            act(TLF, Initial),
            go(Closed),
            go(Closed),
            go(Closing),
            go(Closing),
            act(IRC_STR, Closing),
            act(IRC_STR, Closing),
            act(IRC_STR, Closing),
            act(TLD.and(IRC_STR), Closing),
        ],
        // TO+
        [
            no,
            no,
            no,
            no,
            act(STR, Closing),
            act(STR, Stopping),
            act(SCR, ReqSent),
            act(SCR, ReqSent),
            act(SCR, AckSent),
            no,
        ],
        // TO-
        [
            no,
            no,
            no,
            no,
            act(TLF, Closed),
            act(TLF, Stopped),
            act(TLF, Stopped),
            act(TLF, Stopped),
            act(TLF, Stopped),
            no,
        ],
        // RCR+
        [
            no,
            no,
            act(STA, Closed),
            act(IRC_SCR.and(SCA), AckSent),
            go(Closing),
            go(Stopping),
            act(SCA, AckSent),
            act(SCA.and(Actions::TLU), Opened),
            act(SCA, AckSent),
            act(TLD_SCR.and(SCA), AckSent),
        ],
        // RCR-
        [
            no,
            no,
            act(STA, Closed),
            act(IRC_SCR.and(SCN), ReqSent),
            go(Closing),
            go(Stopping),
            act(SCN, ReqSent),
            act(SCN, AckRcvd),
            act(SCN, ReqSent),
            act(TLD_SCR.and(SCN), ReqSent),
        ],
        // RCA
        [
            no,
            no,
            act(STA, Closed),
            act(STA, Stopped),
            go(Closing),
            go(Stopping),
            act(Actions::IRC, AckRcvd),
            act(SCR, ReqSent),
            act(Actions::IRC.and(Actions::TLU), Opened),
            act(TLD_SCR, ReqSent),
        ],
        // RCN
        [
            no,
            no,
            act(STA, Closed),
            act(STA, Stopped),
            go(Closing),
            go(Stopping),
            act(IRC_SCR, ReqSent),
            act(SCR, ReqSent),
            act(IRC_SCR, AckSent),
            act(TLD_SCR, ReqSent),
        ],
        // RTR
        [
            no,
            no,
            act(STA, Closed),
            act(STA, Stopped),
            act(STA, Closing),
            act(STA, Stopping),
            act(STA, ReqSent),
            act(STA, ReqSent),
            act(STA, ReqSent),
            act(TLD.and(Actions::ZRC).and(STA), Stopping),
        ],
        // RTA
        [
            no,
            no,
            go(Closed),
            go(Stopped),
            act(TLF, Closed),
            act(TLF, Stopped),
            go(ReqSent),
            go(ReqSent),
            go(AckSent),
            act(TLD_SCR, ReqSent),
        ],
        // RUC
        [
            no,
            no,
            act(SCJ, Closed),
            act(SCJ, Stopped),
            act(SCJ, Closing),
            act(SCJ, Stopping),
            act(SCJ, ReqSent),
            act(SCJ, AckRcvd),
            act(SCJ, AckSent),
            act(SCJ, Opened),
        ],
        // RXJ+
        [
            no,
            no,
            go(Closed),
            go(Stopped),
            go(Closing),
            go(Stopping),
            go(ReqSent),
            go(ReqSent),
            go(AckSent),
            go(Opened),
        ],
        // RXJ-
        [
            no,
            no,
            act(TLF, Closed),
            act(TLF, Stopped),
            act(TLF, Closed),
            act(TLF, Stopped),
            act(TLF, Stopped),
            act(TLF, Stopped),
            act(TLF, Stopped),
            act(TLD.and(IRC_STR), Stopping),
        ],
        // RXR
        [
            no,
            no,
            go(Closed),
            go(Stopped),
            go(Closing),
            go(Stopping),
            go(ReqSent),
            go(AckRcvd),
            go(AckSent),
            act(Actions::SER, Opened),
        ],
    ]
};
