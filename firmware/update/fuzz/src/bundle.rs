//! Tampered bundles, from their stream into the slot: only what was signed is installed, and only
//! what is installed is tried.

use std::{
    io::{self, Read},
    sync::LazyLock,
};

use failberry_environment::Disk;
use failberry_service::SlotsOrder;
use failberry_state::Slot;
use failberry_update::{Header, Signer, Unverified, Version, install};

use super::source::{CUTS, Source};

/// Length of the slot in bytes; some inputs claim more.
const SLOT: usize = 8 * 1024;

/// Longest header in bytes: 4096 hashes and the fixed parts.
const LONGEST_HEADER: u64 = 60 + 4096 * 32 + 64;

const BOARD: &str = "rpi2";
const RUNNING: Version = Version([1, 2, 3]);

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    // The version, the algorithm and a private key of 32 octets (RFC 8410).
    let mut document = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    document.extend([7; 32]);
    Signer::from_pkcs8(&document).expect("a key")
});

pub fn bundle(data: &[u8]) {
    let mut source = Source::new(data);
    if source.flag() {
        stranger(source.rest());
    } else {
        tampered(source);
    }
}

/// Unsigned bytes.
fn stranger(bytes: &[u8]) {
    let read = Unverified::read(&mut &*bytes);
    for lengths in CUTS {
        let pieces = Unverified::read(&mut Pieces::new(bytes, lengths));
        let told = |read: &Result<Unverified, _>| format!("{read:?}");
        assert_eq!(told(&pieces), told(&read), "cut into {lengths:?}");
    }
    let Ok(unverified) = read else {
        return;
    };
    let claims = unverified.claims().clone();
    assert!(claims.length() <= bytes.len() as u64 && claims.length() <= LONGEST_HEADER);
    assert_eq!(
        Header::from_preamble(bytes.first_chunk().unwrap())
            .unwrap()
            .length(),
        claims.length()
    );
    let lengths: u64 = (0..claims.blocks())
        .map(|index| claims.block_length(index).expect("a block") as u64)
        .sum();
    assert_eq!(lengths, claims.payload);
    assert_eq!(claims.block_length(claims.blocks()), None);
    unverified
        .verify(&[SIGNER.public()])
        .expect_err("a signature out of thin air");
}

/// A signed bundle with octets changed, removed or inserted.
fn tampered(mut source: Source<'_>) {
    let block = source.pick(&[512, 1024, 2048, 1 << 20]);
    let length = 1 + usize::from(source.word()) % (SLOT + 512);
    let mut image: Vec<u8> = (0..length)
        .map(|at| u8::try_from(at / 3 % 251).unwrap())
        .collect();
    if !source.octet().is_multiple_of(8) {
        let head = [0xD0, 0x0D, 0xFE, 0xED];
        let size = u32::try_from(length).unwrap().to_be_bytes();
        for (to, from) in image.iter_mut().zip(head.into_iter().chain(size)) {
            *to = from;
        }
    }
    let mut bytes = Vec::new();
    let version = Version([1, 2, u32::from(source.octet() % 8)]);
    SIGNER
        .bundle(BOARD, version, block, || Ok(image.as_slice()), &mut bytes)
        .unwrap();
    let lengths = source.pick(CUTS);
    while !source.is_empty() {
        tamper(&mut bytes, &mut source);
    }

    let mut slot = Memory::new();
    let before = slot.0.clone();
    let mut stream = Pieces::new(&bytes, lengths);
    let admitted = Unverified::read(&mut stream)
        .and_then(|it| it.verify(&[SIGNER.public()]))
        .and_then(|it| {
            it.admit(BOARD, RUNNING, SLOT as u64, false)?;
            Ok(it)
        });
    let Ok(header) = admitted else {
        return;
    };
    assert_eq!((header.version, header.payload), (version, length as u64));
    assert!(header.version >= RUNNING && length <= SLOT);
    let mut orders = Vec::new();
    let order = |order| {
        orders.push(order);
        Ok(())
    };
    let installed = install(
        &header,
        (Slot::B, &mut slot),
        &mut stream,
        order,
        |_| Ok(()),
    );
    let tried = matches!(orders.last(), Some(SlotsOrder::Try { slot: Slot::B, .. }));
    assert_eq!(tried, installed.is_ok(), "{installed:?}, {orders:?}");
    if tried {
        assert!(slot.0[..length] == image, "another image was installed");
    } else {
        assert!(matches!(orders.as_slice(), [SlotsOrder::GiveUp { .. }]));
        // U-Boot recognises an image by its first octets.
        assert_ne!(slot.0[..4], before[..4], "an image that may be started");
        assert_ne!(slot.0[..4], image[..4.min(length)]);
    }
}

/// One change.
fn tamper(bytes: &mut Vec<u8>, source: &mut Source<'_>) {
    let kind = source.octet();
    let at = usize::from(source.word()) % (bytes.len() + 1);
    match kind % 4 {
        0 => bytes.truncate(at),
        1 => {
            let new = source.chunk();
            bytes.splice(at..at, new.iter().copied());
        }
        2 => {
            let end = bytes.len().min(at + usize::from(source.octet()));
            bytes.drain(at..end);
        }
        _ => {
            for (to, from) in bytes[at..].iter_mut().zip(source.chunk()) {
                *to = *from;
            }
        }
    }
}

/// Stream that returns pieces of these lengths, as a connection does.
struct Pieces<'a> {
    bytes: &'a [u8],
    lengths: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl<'a> Pieces<'a> {
    fn new(bytes: &'a [u8], lengths: &'a [usize]) -> Self {
        let lengths = lengths.iter().cycle();
        Self { bytes, lengths }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.lengths.next().copied().unwrap_or(1).min(into.len());
        self.bytes.read(&mut into[..length])
    }
}

/// A slot with an image in it.
struct Memory(Vec<u8>);

impl Memory {
    fn new() -> Self {
        let mut bytes = vec![0xA5; SLOT];
        bytes[..4].copy_from_slice(&[0xD0, 0x0D, 0xFE, 0xED]);
        Self(bytes)
    }
}

impl Disk for Memory {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap();
        let there = self.0.get(at..at + into.len());
        into.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let at = usize::try_from(at).unwrap();
        let there = self.0.get_mut(at..at + bytes.len());
        there
            .ok_or(io::ErrorKind::UnexpectedEof)?
            .copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
