use std::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::{Header, Signer, install, tls};
use failberry_config::PublicKey;
use failberry_state::Slot;

fn signer() -> Signer {
    Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap()
}

/// Returns an image with a FIT header as far as its size.
fn image(length: u32) -> Vec<u8> {
    let mut image = vec![0xD0, 0x0D, 0xFE, 0xED];
    image.extend_from_slice(&length.to_be_bytes());
    image.resize(length as usize, 0x5A);
    image
}

fn bundle(signer: &Signer, image: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    signer
        .bundle(
            "rpi2",
            Version([2, 0, 0]),
            crate::BLOCK,
            || Ok(image),
            &mut bytes,
        )
        .unwrap();
    bytes
}

/// A box with a file as its slot.
struct TestReceiver {
    keys: Vec<PublicKey>,
    slot: Mutex<std::fs::File>,
}

impl UpdateReceiver for TestReceiver {
    fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    fn admit(&self, header: &Header, allow_downgrade: bool) -> Result<(Slot, Version), String> {
        let running = Version([2, 1, 0]);
        header
            .admit("rpi2", running, 8 << 20, allow_downgrade)
            .map_err(|error| error.to_string())?;
        Ok((Slot::B, running))
    }

    fn install(
        &self,
        header: &Header,
        image: &mut dyn Read,
        done: &mut dyn FnMut(u64) -> io::Result<()>,
    ) -> Result<(), String> {
        let mut image = image;
        let slot = &mut *self.slot.lock().unwrap();
        install(header, (Slot::B, slot), &mut image, |_| Ok(()), done).map_err(|it| it.to_string())
    }
}

struct Bench {
    own: Signer,
    receiver: TestReceiver,
    bounds: Bounds,
}

impl Bench {
    fn new(keys: &[PublicKey]) -> Self {
        let slot = tempfile::tempfile().unwrap();
        slot.set_len(8 << 20).unwrap();
        Self {
            own: signer(),
            // Generous, for a busy machine.
            bounds: Bounds {
                handshake: Duration::from_secs(30),
                ..Bounds::default()
            },
            receiver: TestReceiver {
                keys: keys.to_vec(),
                slot: Mutex::new(slot),
            },
        }
    }

    /// Serves one connection while `client` has the other end.
    fn with<T>(
        &self,
        client: impl FnOnce(TcpStream) -> T,
    ) -> (T, Result<(Header, PushOptions), String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let config = tls::server(&self.own, self.receiver.keys.clone()).unwrap();
        thread::scope(|scope| {
            let server = scope.spawn(move || {
                let (socket, _) = listener.accept().unwrap();
                let proven =
                    handshake(socket, &config, self.bounds).map_err(|it| it.to_string())?;
                proven.serve(&self.receiver)
            });
            let told = client(TcpStream::connect(at).unwrap());
            (told, server.join().unwrap())
        })
    }

    fn slot(&self) -> Vec<u8> {
        use failberry_environment::Disk;
        let mut bytes = vec![0; 8 << 20];
        self.receiver
            .slot
            .lock()
            .unwrap()
            .read_at(0, &mut bytes)
            .unwrap();
        bytes
    }
}

const DOWNGRADE: PushOptions = PushOptions {
    allow_downgrade: true,
    restart: true,
};

#[test]
fn pushed_bundle_arrives_with_progress() {
    let laptop = signer();
    let bench = Bench::new(&[signer().public(), laptop.public()]);
    let image = image(3 * 1024 * 1024 + 77);
    let bundle = bundle(&laptop, &image);
    let mut heard = Vec::new();
    let (pushed, served) = bench.with(|socket| {
        let known = Some(bench.own.public());
        push(
            socket,
            &laptop,
            known,
            DOWNGRADE,
            &mut bundle.as_slice(),
            |n, of| heard.push((n, of)),
        )
    });
    let pushed = pushed.unwrap();
    assert_eq!((pushed.key, pushed.slot), (bench.own.public(), Slot::B));
    assert_eq!(served.unwrap().1, DOWNGRADE);
    assert_eq!(bench.slot()[..image.len()], image);
    let of = image.len() as u64;
    let portions = (1..=12).map(|n| (n * 256 * 1024, of));
    assert_eq!(heard, portions.chain([(of, of)]).collect::<Vec<_>>());
}

#[test]
fn blocks_over_the_portion_size_are_acknowledged_whole() {
    let laptop = signer();
    let bench = Bench::new(&[laptop.public()]);
    let (mut bundle, image) = (Vec::new(), image(5 << 19));
    let version = Version([2, 0, 0]);
    let source = || Ok(image.as_slice());
    laptop
        .bundle("rpi2", version, 1 << 20, source, &mut bundle)
        .unwrap();
    let mut heard = Vec::new();
    let (pushed, _) = bench.with(|socket| {
        let progress = |done, _| heard.push(done);
        push(
            socket,
            &laptop,
            None,
            DOWNGRADE,
            &mut bundle.as_slice(),
            progress,
        )
    });
    pushed.unwrap();
    assert_eq!(heard, [1 << 20, 2 << 20, 5 << 19]);
}

#[test]
fn unknown_key_is_closed_without_an_answer() {
    let [laptop, stranger] = [signer(), signer()];
    let bench = Bench::new(&[laptop.public()]);
    let before = bench.slot();
    // Correctly signed, but sent by another key.
    let bundle = bundle(&laptop, &image(1000));
    let (pushed, served) = bench.with(|socket| {
        push(
            socket,
            &stranger,
            None,
            DOWNGRADE,
            &mut bundle.as_slice(),
            |_, _| {},
        )
    });
    let error = pushed.unwrap_err().to_string();
    assert!(error.contains("update.keys"), "{error}");
    assert!(served.is_err());
    assert!(bench.slot() == before);
}

#[test]
fn box_with_another_key_is_rejected() {
    let laptop = signer();
    let bench = Bench::new(&[laptop.public()]);
    let known = signer().public();
    let bundle = bundle(&laptop, &image(1000));
    let (pushed, _) = bench.with(|socket| {
        push(
            socket,
            &laptop,
            Some(known),
            DOWNGRADE,
            &mut bundle.as_slice(),
            |_, _| {},
        )
    });
    match pushed.unwrap_err() {
        PushError::OtherBox { expected, got } => {
            assert_eq!((expected, got), (known, bench.own.public()));
        }
        other => panic!("{other}"),
    }
}

#[test]
fn refused_header_leaves_the_slot_and_sends_the_reason() {
    let [laptop, other] = [signer(), signer()];
    let bench = Bench::new(&[laptop.public()]);
    let before = bench.slot();
    let mut flipped = bundle(&laptop, &image(1000));
    flipped[61] ^= 1;
    for (bytes, wish, says) in [
        (
            bundle(&laptop, &image(1000)),
            PushOptions {
                allow_downgrade: false,
                restart: false,
            },
            "downgrade",
        ),
        (
            bundle(&other, &image(1000)),
            DOWNGRADE,
            "expected one of update.keys",
        ),
        (flipped, DOWNGRADE, "signature"),
    ] {
        let (pushed, served) = bench.with(|socket| {
            push(
                socket,
                &laptop,
                None,
                wish,
                &mut bytes.as_slice(),
                |_, _| {},
            )
        });
        let error = pushed.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert!(served.unwrap_err().contains(says));
    }
    assert!(bench.slot() == before);
}

#[test]
fn wrong_block_ends_the_push_and_sends_the_reason() {
    let laptop = signer();
    let bench = Bench::new(&[laptop.public()]);
    let mut bytes = bundle(&laptop, &image(3 << 20));
    let end = bytes.len();
    bytes[end - (2 << 20)] ^= 1;
    let (pushed, _) = bench.with(|socket| {
        push(
            socket,
            &laptop,
            None,
            DOWNGRADE,
            &mut bytes.as_slice(),
            |_, _| {},
        )
    });
    let error = pushed.unwrap_err().to_string();
    assert!(error.contains("is not the one that was signed"), "{error}");
    assert!(bench.slot().starts_with(&[0; 512]));
}

#[test]
fn broken_push_leaves_no_image() {
    let laptop = signer();
    let bench = Bench::new(&[laptop.public()]);
    let bytes = bundle(&laptop, &image(3 << 20));
    let (pushed, served) = bench.with(|socket| {
        let half = &mut &bytes[..bytes.len() / 2];
        push(socket, &laptop, None, DOWNGRADE, half, |_, _| {})
    });
    assert!(matches!(pushed.unwrap_err(), PushError::Io { .. }));
    let error = served.unwrap_err();
    assert!(error.contains("broke off"), "{error}");
    assert!(bench.slot().starts_with(&[0; 512]));
}

#[test]
fn garbage_greeting_is_refused() {
    let bench = Bench::new(&[signer().public()]);
    let before = bench.slot();
    let ((), served) = bench.with(|mut socket| {
        socket.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut rest = Vec::new();
        let _ = socket.read_to_end(&mut rest);
    });
    assert!(served.is_err() && bench.slot() == before);
}

/// Time between two bytes of a slow sender.
const DRIP: Duration = Duration::from_millis(20);

/// Limit for what must end, on a busy machine.
const BOUND: Duration = Duration::from_secs(30);

/// Starts a box with short timeouts, except for the handshake.
fn hasty(keys: &[PublicKey]) -> Bench {
    Bench {
        bounds: Bounds {
            handshake: BOUND,
            greeting: Duration::from_millis(500),
            portion: Duration::from_millis(500),
            linger: Duration::from_millis(500),
        },
        ..Bench::new(keys)
    }
}

/// Returns result and duration for a laptop that proves its key, sends `bytes` correctly and then
/// stops, or continues byte by byte.
fn goes_silent(bytes: usize, drips: bool) -> (Result<(Header, PushOptions), String>, Duration) {
    let laptop = signer();
    let bench = hasty(&[laptop.public()]);
    let sent = [
        b"{\"allow_downgrade\":true,\"restart\":true}\n".to_vec(),
        bundle(&laptop, &image(1 << 20)),
    ]
    .concat();
    let began = Instant::now();
    let ((), served) = bench.with(|socket| {
        let config = tls::client(&laptop, |_| true).unwrap();
        let name = "127.0.0.1".try_into().unwrap();
        let connection = rustls::ClientConnection::new(config, name).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, socket);
        stream.conn.complete_io(&mut stream.sock).unwrap();
        // The box may close at any time.
        let _ = stream.write_all(&sent[..bytes]);
        for byte in sent[bytes..].iter().filter(|_| drips) {
            if stream.write_all(&[*byte]).is_err() || began.elapsed() > BOUND {
                break;
            }
            thread::sleep(DRIP);
        }
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
    });
    (served, began.elapsed())
}

#[test]
fn silent_laptop_times_out_in_any_phase() {
    // Before and within the options, within the header, within the image.
    let places = [0, 10, 100, 300_000];
    thread::scope(|scope| {
        for (bytes, drips) in places.iter().flat_map(|at| [(*at, false), (*at, true)]) {
            scope.spawn(move || {
                let (served, took) = goes_silent(bytes, drips);
                let error = served.unwrap_err();
                assert!(took < BOUND, "{bytes}, {drips}: {took:?}, {error}");
            });
        }
    });
}

#[test]
fn connection_without_handshake_times_out_after_3_s() {
    let bench = Bench {
        bounds: Bounds::default(),
        ..Bench::new(&[signer().public()])
    };
    for bytes in [&b""[..], b"\x16\x03\x01\x3e\x80"] {
        let began = Instant::now();
        let ((), served) = bench.with(|mut socket| {
            socket.write_all(bytes).unwrap();
            let mut rest = Vec::new();
            let _ = socket.read_to_end(&mut rest);
        });
        let took = began.elapsed();
        assert!(served.is_err());
        assert!(took < Duration::from_secs(9), "took {took:?}");
    }
}

#[test]
fn lines_are_bounded() {
    let long = vec![b' '; MAX_LINE_LEN + 1];
    let error = receive::<PushOptions>(&mut long.as_slice())
        .unwrap_err()
        .to_string();
    assert!(error.contains("4096"), "{error}");
}
