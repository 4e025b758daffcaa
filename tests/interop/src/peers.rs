//! PPP peers of the engine: pppd or slirp, as its carrier or as its subscriber.

use std::{net::Ipv4Addr, path::Path, time::Duration};

use failberry_bench::{
    carrier::{Auth, Carrier, CarrierSettings, Program},
    ppp_end::PppEnd,
};
use tokio_modem::ppp::{AuthProtocol, Config, Credentials, Offer, Role};

use crate::{
    Outcome,
    rows::Case,
    slirp::{self, Slirp},
    slow_line,
};

const USER: &str = "failberry";
const PASSWORD: &str = "secret";
const WRONG_PASSWORD: &str = "guess";

const CARRIER: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);
const SUBSCRIBER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 17);
const DNS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// Address assigned by slirp to its subscriber, and its alias for its host.
const SLIRP_SUBSCRIBER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
const SLIRP_ALIAS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

/// Longest time until pppd on the emulated machine exits, by its own timeouts.
const END: Duration = Duration::from_secs(30);

/// Program at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Pppd,
    Slirp,
}

/// Role of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Call in progress.
pub(crate) struct Call<'a> {
    pub(crate) end: PppEnd,
    other: Other<'a>,
    side: Side,
}

enum Other<'a> {
    Pppd(&'a Carrier),
    Slirp(Slirp),
}

/// Expected exit of the program at the other end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PeerExit {
    /// We hung up.
    HungUp,
    /// It terminated the call itself.
    Terminated,
    /// Authentication failed.
    Refused,
}

impl<'a> Call<'a> {
    pub(crate) fn begin(
        carrier: &'a Carrier,
        dir: &Path,
        (side, peer): (Side, Peer),
        case: &Case,
    ) -> Outcome<Self> {
        let config = ours(side, case)?;
        let (end, other) = match peer {
            Peer::Pppd => {
                carrier.set(theirs(side, case))?;
                let end = match case.delay {
                    None => PppEnd::call(carrier.line(), config)?,
                    Some(delay) => PppEnd::new(slow_line::call(carrier.line(), delay)?, config),
                };
                (end, Other::Pppd(carrier))
            }
            Peer::Slirp => {
                let words = case.slirp.ok_or("slirp cannot do this")?;
                let auth = match (side, case.auth) {
                    (Side::Client, Some(AuthProtocol::Pap)) => vec!["+pap", "auth"],
                    (Side::Client, Some(AuthProtocol::ChapMd5)) => vec!["+chap", "auth"],
                    (Side::Client, None) => Vec::new(),
                    (Side::Server, _) => vec!["ipcp-accept-local", "ipcp-accept-remote"],
                };
                let words = [words, &auth].concat();
                let (slirp, end) = Slirp::start(dir, &words, (USER, PASSWORD), config)?;
                (end, Other::Slirp(slirp))
            }
        };
        Ok(Self { end, other, side })
    }

    /// Returns the expected local and remote address.
    pub(crate) fn addresses(&self) -> (Ipv4Addr, Ipv4Addr) {
        match (&self.other, self.side) {
            (Other::Pppd(_), Side::Client) => (SUBSCRIBER, CARRIER),
            (_, Side::Server) => (CARRIER, SUBSCRIBER),
            (Other::Slirp(_), Side::Client) => (SLIRP_SUBSCRIBER, slirp::ADDRESS),
        }
    }

    /// Returns the address that answers ICMP echo requests.
    pub(crate) fn echoes(&self) -> Ipv4Addr {
        match (&self.other, self.side) {
            (Other::Pppd(_), Side::Client) => CARRIER,
            (Other::Pppd(_), Side::Server) => SUBSCRIBER,
            (Other::Slirp(_), _) => SLIRP_ALIAS,
        }
    }

    /// Makes the other end hang up.
    pub(crate) fn terminate(&self) -> Outcome {
        match &self.other {
            Other::Pppd(carrier) => Ok(carrier.terminate_call()?),
            Other::Slirp(slirp) => slirp.terminate(),
        }
    }

    /// Waits for the end of the call at the other end and checks its exit status (pppd only).
    pub(crate) fn left(mut self, how: PeerExit) -> Outcome {
        let Other::Pppd(carrier) = &self.other else {
            return Ok(());
        };
        if matches!(how, PeerExit::HungUp) {
            // pppd would wait for as long as the line is open.
            drop(self.end);
        } else {
            // It exits for a reason of its own, which a hang-up would hide.
            self.end.run_until("the line's end", |it| it.line_closed)?;
        }
        // pppd's exit codes: terminated by the peer; by a signal; peer, or we, failed to authenticate.
        let expected = match (how, self.side) {
            (PeerExit::HungUp, _) => 16,
            (PeerExit::Terminated, _) => 5,
            (PeerExit::Refused, Side::Client) => 11,
            (PeerExit::Refused, Side::Server) => 19,
        };
        let status = carrier.wait_down(END)?;
        if status == Some(expected) {
            Ok(())
        } else {
            Err(format!("pppd: expected status {expected}, got {status:?}").into())
        }
    }

    /// Checks the addresses as negotiated by pppd.
    pub(crate) fn confirmed(&self) -> Outcome {
        let Other::Pppd(carrier) = &self.other else {
            return Ok(());
        };
        let remote = carrier.wait_up(END)?;
        let expected = match self.side {
            Side::Client => SUBSCRIBER,
            Side::Server => CARRIER,
        };
        if remote == expected {
            Ok(())
        } else {
            Err(format!("pppd's peer: expected {expected}, got {remote}").into())
        }
    }
}

fn ours(side: Side, case: &Case) -> Outcome<Config> {
    let wrong = side == Side::Client && case.wrong_password;
    let password = if wrong { WRONG_PASSWORD } else { PASSWORD };
    let role = match side {
        Side::Client => Role::Client,
        Side::Server => Role::Server(Offer {
            local: CARRIER,
            peer: SUBSCRIBER,
            dns: [Some(DNS), None],
            auth: case.auth,
        }),
    };
    let mut config = Config {
        credentials: Credentials::new(USER, password)?,
        role,
        ..Config::default()
    };
    (case.ours)(&mut config);
    Ok(config)
}

fn theirs(side: Side, case: &Case) -> CarrierSettings {
    let auth = match case.auth {
        None => Auth::None,
        Some(AuthProtocol::Pap) => Auth::Pap,
        Some(AuthProtocol::ChapMd5) => Auth::Chap,
    };
    let mut settings = CarrierSettings {
        user: USER.into(),
        password: PASSWORD.into(),
        local: CARRIER,
        remote: SUBSCRIBER,
        ..CarrierSettings::default()
    };
    match side {
        Side::Client => settings.auth = auth,
        Side::Server => {
            settings.program = Program::PppdSubscriber;
            if case.wrong_password {
                settings.password = WRONG_PASSWORD.into();
            }
        }
    }
    settings.echo_interval = case.their_echo;
    settings.compression = case.compression;
    settings.options = case.pppd.iter().map(ToString::to_string).collect();
    settings
}
