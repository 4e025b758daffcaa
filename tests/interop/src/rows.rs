//! Test cases as data, and the runner of one.

use std::{fmt::Debug, path::Path, time::Duration};

use failberry_bench::{carrier::Carrier, ppp_end::PppEnd};
use tokio_modem::ppp::{AuthProtocol, Config, Echo, Event, LcpOptions, Protocol, Reason};

use crate::{
    Outcome,
    peers::{Call, Peer, PeerExit, Side},
    ping,
    table::{RowResult, Table},
};

/// LCP's codes (RFC 1661, section 5).
const PROTOCOL_REJECT: u8 = 8;
const ECHO_REQUEST: u8 = 9;
const ECHO_REPLY: u8 = 10;
/// Authentication-Protocol option (RFC 1661, section 6.2).
const AUTHENTICATION: u8 = 3;

/// Test case: one combination of settings, and its expected end.
pub(crate) struct Case {
    what: &'static str,
    /// Whether `make test` includes it.
    quick: bool,
    /// Authentication of the subscriber.
    pub(crate) auth: Option<AuthProtocol>,
    pub(crate) wrong_password: bool,
    /// Seconds between pppd's echo requests.
    pub(crate) their_echo: Option<u32>,
    /// Whether pppd asks for compression.
    pub(crate) compression: bool,
    /// Delay of the line, each way.
    pub(crate) delay: Option<Duration>,
    pub(crate) ours: fn(&mut Config),
    pub(crate) pppd: &'static [&'static str],
    /// Options for slirp; `None` if it cannot do this.
    pub(crate) slirp: Option<&'static [&'static str]>,
    ending: Ending,
    check: fn(&mut PppEnd) -> Outcome,
}

/// Expected end of a call.
#[derive(Clone, Copy)]
enum Ending {
    /// It opens, and we hang up.
    Opens,
    /// It opens, the other end hangs up, and the next call opens too.
    Redials,
    Refused,
}

const PLAIN: Case = Case {
    what: "no authentication",
    quick: true,
    auth: None,
    wrong_password: false,
    their_echo: None,
    compression: false,
    delay: None,
    ours: |_| {},
    pppd: &[],
    slirp: Some(&[]),
    ending: Ending::Opens,
    check: |_| Ok(()),
};

const CASES: &[Case] = &[
    PLAIN,
    Case {
        what: "PAP",
        auth: Some(AuthProtocol::Pap),
        ..PLAIN
    },
    Case {
        what: "CHAP-MD5",
        auth: Some(AuthProtocol::ChapMd5),
        ..PLAIN
    },
    Case {
        what: "PAP, wrong password",
        auth: Some(AuthProtocol::Pap),
        wrong_password: true,
        ending: Ending::Refused,
        ..SLOW
    },
    Case {
        what: "CHAP-MD5, wrong password",
        quick: true,
        auth: Some(AuthProtocol::ChapMd5),
        wrong_password: true,
        ending: Ending::Refused,
        ..PLAIN
    },
    Case {
        what: "ACCM 0 both ways",
        pppd: &["asyncmap", "0"],
        slirp: Some(&["asyncmap 0"]),
        check: |end| agreed(end, |it| (it.send.accm, it.receive.accm), (0, 0)),
        ..SLOW
    },
    Case {
        what: "ACCM ffffffff both ways",
        ours: |config| config.accm = u32::MAX,
        pppd: &["asyncmap", "ffffffff"],
        slirp: Some(&["asyncmap ffffffff"]),
        check: |end| {
            let all = (u32::MAX, u32::MAX);
            agreed(end, |it| (it.send.accm, it.receive.accm), all)
        },
        ..SLOW
    },
    Case {
        what: "no ACCM option from the peer",
        pppd: &["default-asyncmap"],
        slirp: Some(&["-am"]),
        check: |end| agreed(end, |it| it.send.accm, u32::MAX),
        ..SLOW
    },
    Case {
        what: "PFC and ACFC on",
        check: |end| agreed(end, compressed, [true; 4]),
        ..SLOW
    },
    Case {
        what: "PFC and ACFC off at the peer",
        pppd: &["nopcomp", "noaccomp"],
        slirp: Some(&["-pc", "-ac"]),
        check: |end| agreed(end, compressed, [false; 4]),
        ..SLOW
    },
    Case {
        what: "PFC and ACFC off at our end",
        ours: |config| (config.pfc, config.acfc) = (false, false),
        check: |end| agreed(end, compressed, [false; 4]),
        ..SLOW
    },
    Case {
        what: "MRU 1500 both ways",
        slirp: Some(&["mru 1500", "mtu 1500"]),
        check: |end| agreed(end, |it| (it.send.mru, it.receive.mru), (1500, 1500)),
        ..SLOW
    },
    Case {
        what: "MRU 576 of the peer",
        pppd: &["mru", "576"],
        slirp: Some(&["mru 576"]),
        check: |end| agreed(end, |it| (it.send.mru, it.receive.mru), (576, 1500)),
        ..SLOW
    },
    Case {
        what: "MRU 576 of ours",
        ours: |config| config.mru = 576,
        slirp: Some(&["mru 1500", "mtu 1500"]),
        check: |end| agreed(end, |it| (it.send.mru, it.receive.mru), (1500, 576)),
        ..SLOW
    },
    Case {
        what: "IPv6CP on at both",
        ours: |config| config.ipv6 = true,
        pppd: &["+ipv6"],
        slirp: None,
        check: |end| {
            end.run_until("IPv6CP", |it| it.ipv6.is_some())?;
            expect(
                "peer named",
                true,
                end.ipv6.is_some_and(|it| it.peer.is_some()),
            )
        },
        ..SLOW
    },
    Case {
        what: "IPv6CP on at our end only",
        ours: |config| config.ipv6 = true,
        pppd: &["noipv6"],
        // It does not reply to an unknown protocol.
        slirp: None,
        check: |end| {
            end.run_until("a rejection", |it| {
                it.heard(Protocol::LCP, PROTOCOL_REJECT) > 0
            })?;
            expect("IPv6", None, end.ipv6)
        },
        ..SLOW
    },
    Case {
        what: "IPv6CP on at the peer only",
        pppd: &["+ipv6"],
        slirp: None,
        check: |end| {
            expect("asked", true, end.heard(Protocol::IPV6CP, 1) > 0)?;
            expect("IPv6", None, end.ipv6)
        },
        ..SLOW
    },
    Case {
        what: "peer wants CCP and VJ, both refused",
        compression: true,
        ..SLOW
    },
    Case {
        what: "LCP echo both ways",
        their_echo: Some(1),
        slirp: Some(&["lcp-echo-interval 1", "lcp-echo-failure 3"]),
        ours: |config| {
            config.echo = Some(Echo {
                interval: 400,
                limit: Some(2),
            });
        },
        check: |end| {
            end.run_until("echoes both ways", |it| {
                it.heard(Protocol::LCP, ECHO_REQUEST) >= 4
                    && it.heard(Protocol::LCP, ECHO_REPLY) >= 4
            })?;
            expect("the link's end", None, end.finished.clone())
        },
        ..SLOW
    },
    Case {
        what: "peer waits to be asked",
        pppd: &["silent"],
        slirp: None,
        ..SLOW
    },
    Case {
        what: "no magic number from the peer",
        pppd: &["nomagic"],
        slirp: None,
        their_echo: Some(1),
        ours: |config| {
            config.echo = Some(Echo {
                interval: 400,
                limit: Some(2),
            });
        },
        check: |end| {
            agreed(end, |it| it.send.magic, None)?;
            end.run_until("echoes both ways", |it| {
                it.heard(Protocol::LCP, ECHO_REQUEST) >= 2
                    && it.heard(Protocol::LCP, ECHO_REPLY) >= 2
            })
            .map_err(Into::into)
        },
        ..SLOW
    },
    Case {
        what: "PAP, line 1.75 s each way",
        auth: Some(AuthProtocol::Pap),
        ..SLOW_LINE
    },
    Case {
        what: "CHAP-MD5, line 1.75 s each way",
        auth: Some(AuthProtocol::ChapMd5),
        ..SLOW_LINE
    },
    Case {
        what: "peer terminates, then re-dial",
        ending: Ending::Redials,
        quick: true,
        ..PLAIN
    },
];

/// As [`PLAIN`], for `make test-all`.
const SLOW: Case = Case {
    quick: false,
    ..PLAIN
};

/// On a line where each reply arrives after the restart timers of pppd, 3 s, and of our engine.
const SLOW_LINE: Case = Case {
    delay: Some(Duration::from_millis(1_750)),
    slirp: None,
    ..SLOW
};

/// Runs the cases selected by the table.
pub fn run(table: &mut Table, carrier: &Carrier, dir: &Path) {
    for (peer, peer_name) in [(Peer::Pppd, "pppd"), (Peer::Slirp, "slirp")] {
        for (side, side_name) in [(Side::Client, "client"), (Side::Server, "server")] {
            for case in CASES {
                // A slirp without authentication cannot send a wrong password.
                let unheard = side == Side::Server && case.wrong_password;
                if peer == Peer::Slirp && (case.slirp.is_none() || unheard) {
                    continue;
                }
                table.row([side_name, peer_name, case.what], case.quick, || {
                    row(carrier, dir, (side, peer), case)
                });
            }
        }
    }
}

fn row(carrier: &Carrier, dir: &Path, ends: (Side, Peer), case: &Case) -> Outcome<RowResult> {
    let begin = || Call::begin(carrier, dir, ends, case);
    let mut call = begin()?;
    if ends == (Side::Server, Peer::Slirp) && case.auth.is_some() {
        return unproven(&mut call);
    }
    match case.ending {
        Ending::Opens => {
            let opened_after = opens(&mut call, case)?;
            hang_up(call, case)?;
            Ok(RowResult {
                result: "opens, carries, closes".into(),
                opened_after,
            })
        }
        Ending::Redials => {
            opens(&mut call, case)?;
            call.terminate()?;
            call.end.run_until("the end", |it| it.finished.is_some())?;
            let reason = call.end.finished.clone();
            let words = match (ends.1, reason) {
                (Peer::Pppd, Some(Reason::PeerTerminated(words))) => words.to_string(),
                // slirp exits without LCP Terminate.
                (Peer::Slirp, Some(Reason::LowerDown)) => "line down".into(),
                (_, other) => {
                    return Err(format!("expected the peer's goodbye, got {other:?}").into());
                }
            };
            call.left(PeerExit::Terminated)?;
            let mut next = begin()?;
            let opened_after = opens(&mut next, case)?;
            hang_up(next, case)?;
            Ok(RowResult {
                result: format!("ends ({words}), opens again"),
                opened_after,
            })
        }
        Ending::Refused => {
            call.end
                .run_until("the refusal", |it| it.finished.is_some())?;
            match &call.end.finished {
                Some(Reason::AuthFailed(_)) => {}
                other => return Err(format!("expected a refusal, got {other:?}").into()),
            }
            expect("IPv4", None, call.end.ipv4)?;
            call.left(PeerExit::Refused)?;
            Ok(RowResult {
                result: "refused".into(),
                opened_after: None,
            })
        }
    }
}

/// Checks that a call ends if slirp rejects every authentication request.
fn unproven(call: &mut Call<'_>) -> Outcome<RowResult> {
    call.end.run_until("the end", |it| it.finished.is_some())?;
    let refused = Reason::Refused {
        protocol: Protocol::LCP,
        option: Some(AUTHENTICATION),
    };
    expect("the reason", Some(refused), call.end.finished.clone())?;
    expect("IPv4", None, call.end.ipv4)?;
    Ok(RowResult {
        result: "slirp does not prove itself, and is not let in".into(),
        opened_after: None,
    })
}

/// Runs a call from the start of the line to packets of full size in both directions.
fn opens(call: &mut Call<'_>, case: &Case) -> Outcome<Option<Duration>> {
    call.end.run_until("IPCP", |it| it.ipv4.is_some())?;
    let agreed = call.end.ipv4.ok_or("IPCP went down")?;
    let (local, peer) = call.addresses();
    expect("our address", local, agreed.local)?;
    expect("the peer's address", Some(peer), agreed.peer)?;
    call.confirmed()?;
    (case.check)(&mut call.end)?;
    let options = call.end.lcp.ok_or("LCP went down")?;
    expect("authentication", case.auth, options.auth)?;
    let request = ping::request(local, call.echoes(), options.mtu());
    call.end.send(&request)?;
    call.end.run_until("an answer to an echo request", |it| {
        it.packets
            .iter()
            .any(|packet| ping::answers(packet, &request))
    })?;
    Ok(call.end.opened_after)
}

fn hang_up(mut call: Call<'_>, case: &Case) -> Outcome {
    call.end.handle(Event::Close);
    call.end.run_until("the end", |it| it.finished.is_some())?;
    expect(
        "the reason",
        Some(Reason::Closed),
        call.end.finished.clone(),
    )?;
    // On a slow line, frames of an earlier negotiation with other framing arrive during the next
    // one.
    if case.delay.is_none() {
        expect("broken frames", 0, call.end.broken)?;
    }
    call.left(PeerExit::HungUp)
}

fn agreed<T: PartialEq + Debug>(
    end: &PppEnd,
    what: impl Fn(&LcpOptions) -> T,
    expected: T,
) -> Outcome {
    let options = end.lcp.ok_or("LCP went down")?;
    expect("LCP's options", expected, what(&options))
}

fn compressed(options: &LcpOptions) -> [bool; 4] {
    let (send, receive) = (options.send, options.receive);
    [send.pfc, send.acfc, receive.pfc, receive.acfc]
}

#[allow(clippy::needless_pass_by_value)] // as `assert_eq!` takes them
fn expect<T: PartialEq + Debug>(what: &str, expected: T, got: T) -> Outcome {
    if expected == got {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, got {got:?}").into())
    }
}
