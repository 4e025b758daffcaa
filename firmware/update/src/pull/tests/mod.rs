mod server;

use std::{
    io::{self, Read},
    net::Ipv4Addr,
    sync::Mutex,
    time::{Duration, Instant},
};

use failberry_service::{Bearer, Link, LinkPolicy, Links, pace::Pace};
use ureq::tls::RootCerts;

use super::{error::PullError, source::Limits, *};
use crate::{Signer, Version};
use server::{DRIP, Fault, Server};

/// Time-outs of the tests: long against [`DRIP`], short against [`BOUND`].
const PHASE: Duration = Duration::from_secs(1);

/// Limit for what must end, on a busy machine.
const BOUND: Duration = Duration::from_secs(60);

/// Limits that only a fault reaches.
fn patient() -> Limits {
    Limits {
        phase: BOUND,
        body: Pace::new(1000, BOUND),
        download: Pace::new(1000, BOUND),
        pause: Duration::from_millis(10),
    }
}

fn hasty() -> Limits {
    Limits {
        phase: PHASE,
        // A byte each [`DRIP`] is a twentieth of it.
        body: Pace::new(1000, PHASE * 2),
        download: Pace::new(1000, PHASE * 4),
        pause: Duration::from_millis(10),
    }
}

fn bearer(link: Link, interface: &str) -> Bearer {
    Bearer {
        link,
        interface: interface.into(),
        resolvers: vec![Ipv4Addr::new(127, 0, 0, 99)],
    }
}

/// The wire is up and works.
fn wired() -> Links {
    Links {
        wired: Some(bearer(Link::Wired, "lo")),
        carrier: None,
    }
}

/// Both links are up; the wire leads nowhere.
fn dead_wire() -> Links {
    Links {
        wired: Some(bearer(Link::Wired, "gone0")),
        carrier: Some(bearer(Link::Carrier, "lo")),
    }
}

fn source(server: &Server) -> Source {
    Source {
        url: server.url.clone(),
        roots: server.roots.clone(),
        policy: LinkPolicy { over_mobile: false },
        links: Arc::new(wired),
        limits: patient(),
    }
}

fn signer() -> Signer {
    Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap()
}

fn payload() -> Vec<u8> {
    (0..200_000_u32).map(|n| (n % 249) as u8).collect()
}

fn bundle(signer: &Signer) -> Vec<u8> {
    let (mut bytes, image) = (Vec::new(), payload());
    let version = Version([2, 0, 0]);
    signer
        .bundle("rpi2", version, 4096, || Ok(image.as_slice()), &mut bytes)
        .unwrap();
    bytes
}

fn all(found: &mut Found) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(found.header.payload).unwrap()];
    found.image.read_exact(&mut bytes).map(|()| bytes)
}

/// Starts a server with a good bundle; returns it and the bundle's signer.
fn good() -> (Signer, Server) {
    let signer = signer();
    let server = Server::start(bundle(&signer), true);
    (signer, server)
}

#[test]
fn unchanged_version_costs_only_the_first_bytes() {
    let (signer, server) = good();
    let found = source(&server).check(&[signer.public()], |header| {
        assert_eq!(header.version, Version([2, 0, 0]));
        false
    });
    assert!(found.unwrap().is_none());
    assert_eq!(server.asked(), ["0-59"]);
}

#[test]
fn broken_download_resumes() {
    let (signer, server) = good();
    server.fails(Fault::Cut(40_000), 3);
    let found = source(&server).check(&[signer.public()], |_| true);
    let mut found = found.unwrap().unwrap();
    assert!(all(&mut found).unwrap() == payload());
    assert_eq!(
        server.asked(),
        ["0-59", "0-", "40000-", "80000-", "120000-"]
    );
}

#[test]
fn server_without_ranges_is_not_resumed() {
    let signer = signer();
    let server = Server::start(bundle(&signer), false);
    server.fails(Fault::Cut(40_000), u32::MAX);
    let found = source(&server).check(&[signer.public()], |_| true);
    let error = all(&mut found.unwrap().unwrap()).unwrap_err().to_string();
    // It sends the file from its beginning, which is not accepted.
    assert!(error.contains("from 40000 on, got status 200"), "{error}");
    server.fails(Fault::None, 0);
    let found = source(&server).check(&[signer.public()], |_| true);
    assert!(all(&mut found.unwrap().unwrap()).unwrap() == payload());
}

#[test]
fn foreign_signature_authority_and_file_are_refused() {
    let [ours, foreign] = [signer(), signer()];
    let server = Server::start(bundle(&foreign), true);
    let refusal = |source: Source| source.check(&[ours.public()], |_| true).unwrap_err();
    let error = refusal(source(&server));
    let text = error.to_string();
    assert!(text.contains("update.keys") && text.contains(&server.url));
    assert!(!error.is_transient());
    let stranger = Source {
        roots: RootCerts::WebPki,
        ..source(&server)
    };
    let error = refusal(stranger);
    assert!(matches!(error, PullError::Transport { .. }), "{error}");
    let server = Server::start(b"<html>".repeat(100), true);
    let text = refusal(source(&server)).to_string();
    assert!(text.contains("FBUPDATE"), "{text}");
}

/// Returns error and duration of a check at a server with this fault.
fn failed_check(fault: Fault) -> (PullError, Duration) {
    let (signer, server) = good();
    server.fails(fault, u32::MAX);
    let mut source = source(&server);
    source.limits = hasty();
    let began = Instant::now();
    let outcome = source.check(&[signer.public()], |_| true);
    (outcome.unwrap_err(), began.elapsed())
}

#[test]
fn peer_silent_before_the_body_times_out_by_phase() {
    for (fault, expected) in [
        (Fault::NoHello, "TLS handshake"),
        (Fault::HelloDrips, "TLS handshake"),
        (Fault::NoHead, "the head"),
        (Fault::HalfHead, "the head"),
        (Fault::HeadDrips, "the head"),
    ] {
        let (error, took) = failed_check(fault);
        let is_right = matches!(
            &error,
            PullError::TimedOut { phase, link: Link::Wired, .. }
                if phase.contains(expected) || phase.contains("more bytes")
        );
        assert!(is_right, "{fault:?}: {error:?}");
        assert!(took < BOUND, "{fault:?} took {took:?}");
    }
}

#[test]
fn peer_silent_in_the_bundles_header_times_out() {
    // Its hashes and signature are some 1,600 bytes.
    for fault in [
        Fault::Silent(0),
        Fault::Silent(30),
        Fault::Silent(700),
        Fault::Drips(700),
        Fault::Empties(700),
        Fault::RecordDrips(700),
    ] {
        let (error, took) = failed_check(fault);
        let is_right = matches!(
            error,
            PullError::TimedOut { .. } | PullError::TooSlow { .. }
        );
        // rustls gives up messages without content by their number.
        let is_right = is_right || fault == Fault::Empties(700);
        assert!(is_right && error.is_transient(), "{fault:?}: {error:?}");
        assert!(took < BOUND, "{fault:?} took {took:?}");
    }
}

#[test]
fn peer_silent_in_the_image_ends_the_download() {
    for fault in [
        Fault::Silent(40_000),
        Fault::Drips(40_000),
        Fault::Empties(40_000),
        Fault::RecordDrips(40_000),
    ] {
        let (signer, server) = good();
        server.fails(fault, 1);
        let mut source = source(&server);
        source.limits = hasty();
        let found = source.check(&[signer.public()], |_| true);
        let mut found = found.unwrap().unwrap();
        // From here on every further connection gets nothing.
        server.fails(Fault::Silent(0), u32::MAX);
        let began = Instant::now();
        let error = all(&mut found).unwrap_err();
        let inner = error
            .get_ref()
            .and_then(|it| it.downcast_ref::<PullError>());
        assert!(
            matches!(inner, Some(PullError::Stalled { .. })),
            "{fault:?}: {error}"
        );
        let took = began.elapsed();
        assert!(took < BOUND, "{fault:?} took {took:?}");
    }
}

#[test]
fn peer_silent_once_is_resumed() {
    for fault in [
        Fault::Silent(40_000),
        Fault::RecordDrips(40_000),
        Fault::Empties(40_000),
        Fault::Status(503),
    ] {
        let (signer, server) = good();
        let mut source = source(&server);
        source.limits = Limits {
            download: Pace::new(1000, BOUND),
            ..hasty()
        };
        if let Fault::Status(_) = fault {
            server.fails(Fault::Cut(40_000), 1);
        } else {
            server.fails(fault, 1);
        }
        let found = source.check(&[signer.public()], |_| true);
        let mut found = found.unwrap().unwrap();
        if let Fault::Status(_) = fault {
            server.fails(fault, 1);
        }
        assert!(all(&mut found).unwrap() == payload(), "{fault:?}");
        let asked = server.asked();
        assert_eq!(asked.last().unwrap(), "40000-", "{fault:?}: {asked:?}");
    }
}

#[test]
fn one_byte_per_connection_ends_the_download() {
    let (signer, server) = good();
    server.fails(Fault::Cut(40_000), 1);
    let mut source = source(&server);
    source.limits.download = Pace::new(1000, PHASE * 4);
    let found = source.check(&[signer.public()], |_| true);
    let mut found = found.unwrap().unwrap();
    // Each connection brings one byte; a limit on failures in a row would never be reached.
    server.fails(Fault::Cut(1), u32::MAX);
    let began = Instant::now();
    let error = all(&mut found).unwrap_err();
    assert!(began.elapsed() < BOUND);
    assert!(error.to_string().contains("bytes a second"), "{error}");
}

#[test]
fn resolver_that_is_silent_times_out() {
    let (signer, server) = good();
    let source = Source {
        limits: hasty(),
        // Nothing answers at 127.0.0.99, and a closed port is an answer of its own.
        url: server.url.replace("127.0.0.1", "update.failberry.test"),
        ..source(&server)
    };
    let silent = std::net::UdpSocket::bind("127.0.0.99:53");
    let began = Instant::now();
    let error = source.check(&[signer.public()], |_| true).unwrap_err();
    assert!(began.elapsed() < BOUND);
    assert!(error.is_transient(), "{error:?}");
    // Without the right to that port its refusal is the answer.
    if silent.is_ok() {
        let is_right = matches!(error, PullError::TimedOut { phase, .. } if phase.contains("name"));
        assert!(is_right);
    }
}

#[test]
fn no_link_is_an_error_that_names_the_setting() {
    let (signer, server) = good();
    let carrier = || Links {
        wired: None,
        carrier: Some(bearer(Link::Carrier, "lo")),
    };
    let mut source = source(&server);
    source.links = Arc::new(carrier);
    let error = source.check(&[signer.public()], |_| true).unwrap_err();
    assert!(error.to_string().contains("update.over_mobile"), "{error}");
    assert_eq!(server.asked(), [""; 0]);
    source.policy.over_mobile = true;
    let found = source.check(&[signer.public()], |_| true).unwrap();
    assert_eq!(found.unwrap().link, Link::Carrier);
}

#[test]
fn dead_wire_spends_mobile_data_only_where_allowed() {
    let (signer, server) = good();
    let mut source = source(&server);
    source.links = Arc::new(dead_wire);
    let error = source.check(&[signer.public()], |_| true).unwrap_err();
    let is_right = matches!(
        &error,
        PullError::Transport {
            link: Link::Wired,
            ..
        }
    );
    assert!(is_right, "{error:?}");
    assert_eq!(server.asked(), [""; 0]);
    source.policy.over_mobile = true;
    let found = source.check(&[signer.public()], |_| true).unwrap();
    assert_eq!(found.unwrap().link, Link::Carrier);
}

/// Runs a download whose wire dies at byte 40,000.
fn wire_dies(over_mobile: bool) -> (io::Result<Vec<u8>>, Server) {
    let (signer, server) = good();
    let mut source = source(&server);
    let links = Arc::new(Mutex::new(Links {
        carrier: Some(bearer(Link::Carrier, "lo")),
        ..wired()
    }));
    let now = links.clone();
    source.links = Arc::new(move || now.lock().unwrap().clone());
    source.policy.over_mobile = over_mobile;
    source.limits.download = Pace::new(1000, PHASE * 4);
    server.fails(Fault::Cut(40_000), 1);
    let found = source.check(&[signer.public()], |_| true);
    let mut found = found.unwrap().unwrap();
    assert_eq!(found.link, Link::Wired);
    *links.lock().unwrap() = dead_wire();
    (all(&mut found), server)
}

#[test]
fn download_resumes_over_the_carrier_if_allowed() {
    let (outcome, server) = wire_dies(true);
    assert!(outcome.unwrap() == payload());
    assert_eq!(server.asked(), ["0-59", "0-", "40000-"]);
}

#[test]
fn download_waits_for_the_wire_if_mobile_is_not_allowed() {
    let (outcome, server) = wire_dies(false);
    let error = outcome.unwrap_err().to_string();
    assert!(error.contains("gone0"), "{error}");
    assert_eq!(server.asked(), ["0-59", "0-"]);
}

#[test]
fn ordinary_limits_bound_a_download() {
    let ordinary = Limits::default();
    assert!(ordinary.phase <= Duration::from_secs(30));
    // An attempt is given up well before the download, so that another can be made.
    assert!(ordinary.body.left() * 3 <= ordinary.download.left());
    // The writing mark is still fresh when a stalled download ends.
    let exchange = ordinary.phase * 4;
    let stalled = ordinary.download.left() + exchange;
    assert!(stalled < failberry_service::UPDATE_WRITING_FOR);
    assert!(DRIP < PHASE);
}
