//! The firmware's PPP engine calls the carrier's pppd; needs root, QEMU and what
//! board/setup/carrier.sh lays out.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected should stop there and say so"
)]

mod packet;

use std::{net::Ipv4Addr, path::Path, time::Duration};

use failberry_bench::{
    carrier::{Auth, Carrier, CarrierSettings},
    net::{INTERNET_ADDRESS, TestNetwork},
    ppp_end::PppEnd,
};
use tokio_modem::ppp::{Config, Credentials, Echo, Event, Reason};

const BOUND: Duration = Duration::from_secs(30);

#[test]
fn pppd_answers_calls_of_the_engine() {
    let network = TestNetwork::create("fbcarrier").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let carrier = Carrier::start(&network, dir.path(), CarrierSettings::default()).unwrap();

    both_ends_agree(&carrier);
    packets_pass_until_they_are_dropped(&carrier);
    the_carrier_ends_the_call(&carrier);
    a_wrong_password_is_refused(&carrier);
    a_call_that_says_nothing_is_hung_up(&carrier);
    assert_eq!(carrier.calls(), 11);
    a_carrier_that_dies_drops_the_line(carrier);
}

fn call(line: &Path, config: Config) -> PppEnd {
    PppEnd::call(line, config).unwrap()
}

fn config(password: &str) -> Config {
    Config {
        credentials: Credentials::new("failberry", password).unwrap(),
        ..Config::default()
    }
}

/// One call for each kind of authentication and framing; each with its own address.
fn both_ends_agree(carrier: &Carrier) {
    let rows: [(Auth, &[&str]); 6] = [
        (Auth::None, &[]),
        (Auth::Pap, &[]),
        (Auth::Chap, &[]),
        (Auth::None, &["nopcomp", "noaccomp"]),
        (Auth::None, &["default-asyncmap", "mru", "576"]),
        (Auth::Chap, &["+ipv6", "asyncmap", "ffffffff"]),
    ];
    for (number, (auth, options)) in (20_u8..).zip(rows) {
        let remote = Ipv4Addr::new(203, 0, 113, number);
        let settings = CarrierSettings {
            auth,
            remote,
            options: options.iter().map(ToString::to_string).collect(),
            ..CarrierSettings::default()
        };
        carrier.set(settings).unwrap();
        let mut subscriber = call(carrier.line(), config("secret"));
        subscriber
            .run_until("IPCP", |it| it.ipv4.is_some())
            .unwrap();
        let agreed = subscriber.ipv4.unwrap();
        assert_eq!(agreed.local, remote, "{auth:?} {options:?}");
        assert_eq!(agreed.peer, Some(Ipv4Addr::new(10, 64, 64, 64)));
        assert_eq!(agreed.dns[0], Some(INTERNET_ADDRESS));
        assert_eq!(carrier.wait_up(BOUND).unwrap(), remote);
        subscriber.handle(Event::Close);
        subscriber
            .run_until("the end", |it| it.finished.is_some())
            .unwrap();
        assert_eq!(subscriber.finished, Some(Reason::Closed));
        subscriber
            .run_until("the line's end", |it| it.line_closed)
            .unwrap();
        assert_eq!(
            carrier.wait_down(BOUND).unwrap(),
            Some(16),
            "{}",
            carrier.log()
        );
    }
    carrier.set(CarrierSettings::default()).unwrap();
}

fn packets_pass_until_they_are_dropped(carrier: &Carrier) {
    let echo = Some(Echo {
        interval: 500,
        limit: Some(3),
    });
    let mut subscriber = call(
        carrier.line(),
        Config {
            echo,
            ..Config::default()
        },
    );
    subscriber
        .run_until("IPCP", |it| it.ipv4.is_some())
        .unwrap();
    let local = carrier.wait_up(BOUND).unwrap();
    let question = packet::question(local, INTERNET_ADDRESS, "s3.failberry.test");

    subscriber.send(&question).unwrap();
    subscriber
        .run_until("an answer", |it| !it.packets.is_empty())
        .unwrap();
    let answer = subscriber.packets.pop().unwrap();
    assert!(answer.ends_with(&INTERNET_ADDRESS.octets()), "{answer:?}");

    carrier.blackhole(true).unwrap();
    subscriber.send(&question).unwrap();
    // Echoes go on: with three of them unanswered the engine would have ended the link.
    assert!(!subscriber.run_for(Duration::from_secs(3), |it| !it.packets.is_empty()));
    assert_eq!(
        (subscriber.finished.as_ref(), subscriber.line_closed),
        (None, false)
    );

    carrier.blackhole(false).unwrap();
    subscriber.send(&question).unwrap();
    subscriber
        .run_until("an answer after the black hole", |it| {
            !it.packets.is_empty()
        })
        .unwrap();

    subscriber.hang_up();
    assert_eq!(
        carrier.wait_down(BOUND).unwrap(),
        Some(16),
        "{}",
        carrier.log()
    );
}

fn the_carrier_ends_the_call(carrier: &Carrier) {
    let mut subscriber = call(carrier.line(), Config::default());
    subscriber
        .run_until("IPCP", |it| it.ipv4.is_some())
        .unwrap();
    carrier.wait_up(BOUND).unwrap();
    carrier.terminate_call().unwrap();
    subscriber
        .run_until("the line's end", |it| it.line_closed)
        .unwrap();
    let reason = subscriber.finished.unwrap();
    assert!(matches!(reason, Reason::PeerTerminated(_)), "{reason:?}");
    assert_eq!(
        carrier.wait_down(BOUND).unwrap(),
        Some(5),
        "{}",
        carrier.log()
    );
}

fn a_wrong_password_is_refused(carrier: &Carrier) {
    carrier
        .set(CarrierSettings {
            auth: Auth::Chap,
            ..CarrierSettings::default()
        })
        .unwrap();
    let mut subscriber = call(carrier.line(), config("guess"));
    subscriber
        .run_until("the refusal", |it| it.finished.is_some())
        .unwrap();
    let reason = subscriber.finished.take().unwrap();
    assert!(matches!(reason, Reason::AuthFailed(_)), "{reason:?}");
    subscriber
        .run_until("the line's end", |it| it.line_closed)
        .unwrap();
    assert_eq!(
        carrier.wait_down(BOUND).unwrap(),
        Some(11),
        "{}",
        carrier.log()
    );
}

fn a_call_that_says_nothing_is_hung_up(carrier: &Carrier) {
    drop(std::os::unix::net::UnixStream::connect(carrier.line()).unwrap());
    // The call is counted by the thread that answers.
    let mut subscriber = call(carrier.line(), config("secret"));
    subscriber
        .run_until("IPCP of the next call", |it| it.ipv4.is_some())
        .unwrap();
    subscriber.hang_up();
    carrier.wait_down(BOUND).unwrap();
}

fn a_carrier_that_dies_drops_the_line(carrier: Carrier) {
    let mut subscriber = call(carrier.line(), config("secret"));
    subscriber
        .run_until("IPCP", |it| it.ipv4.is_some())
        .unwrap();
    drop(carrier);
    subscriber
        .run_until("the line's end", |it| it.line_closed)
        .unwrap();
    assert_eq!(subscriber.finished, Some(Reason::LowerDown));
}
