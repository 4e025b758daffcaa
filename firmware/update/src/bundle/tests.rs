use proptest::prelude::*;

use super::*;

const RUNNING: Version = Version([1, 2, 3]);

fn signer() -> Signer {
    Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap()
}

fn bundle(signer: &Signer, image: &[u8], block: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let version = Version([1, 3, 0]);
    signer
        .bundle("rpi2", version, block, || Ok(image), &mut bytes)
        .unwrap();
    bytes
}

/// Reads and verifies a bundle as a box does; returns the image if all of it is right.
fn take_all(mut bytes: &[u8], keys: &[PublicKey]) -> Result<Vec<u8>, String> {
    let header = Unverified::read(&mut bytes)
        .and_then(|it| it.verify(keys))
        .map_err(|it| it.to_string())?;
    header
        .admit("rpi2", RUNNING, 1 << 20, false)
        .map_err(|it| it.to_string())?;
    let mut image = Vec::new();
    for index in 0..header.blocks() {
        let length = header.block_length(index).unwrap();
        let (block, rest) = bytes.split_at_checked(length).ok_or("ended")?;
        if !header.holds(index, block) {
            return Err(format!("block {index}"));
        }
        image.extend_from_slice(block);
        bytes = rest;
    }
    Ok(image)
}

#[test]
fn bundle_round_trip_returns_the_image() {
    let signer = signer();
    for size in [1, 511, 512, 513, 1024, 5000] {
        let image: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let bytes = bundle(&signer, &image, 512);
        assert_eq!(take_all(&bytes, &[signer.public()]).unwrap(), image);
        let header = Unverified::read(&mut bytes.as_slice()).unwrap().header;
        assert_eq!(header.length() + size, bytes.len() as u64);
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let signer = signer();
    let good = bundle(&signer, &[0x5A; 1200], 512);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(take_all(&bad, &[signer.public()]).is_err(), "bit {bit}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let signer = signer();
    let good = bundle(&signer, &[0x5A; 1200], 512);
    for length in 0..good.len() {
        assert!(
            take_all(&good[..length], &[signer.public()]).is_err(),
            "{length} bytes"
        );
    }
}

#[test]
fn signature_of_any_configured_key_is_accepted() {
    let [old, new, foreign] = [signer(), signer(), signer()];
    let keys = [old.public(), new.public()];
    for signer in [&old, &new] {
        take_all(&bundle(signer, &[1], 512), &keys).unwrap();
    }
    let error = take_all(&bundle(&foreign, &[1], 512), &keys).unwrap_err();
    let (signed, known) = (KeyId::of(&foreign.public()), KeyId::of(&new.public()));
    assert!(
        error.contains(&signed.to_string()) && error.contains(&known.to_string()),
        "{error}"
    );
    let error = take_all(&bundle(&foreign, &[1], 512), &[]).unwrap_err();
    assert!(error.contains("none is configured"), "{error}");
}

#[test]
fn key_with_a_forged_id_is_refused() {
    let [ours, foreign] = [signer(), signer()];
    let mut bytes = bundle(&foreign, &[1], 512);
    bytes[40..48].copy_from_slice(&KeyId::of(&ours.public()).0);
    let error = take_all(&bytes, &[ours.public()]).unwrap_err();
    assert!(error.contains("signature"), "{error}");
}

#[test]
fn wrong_board_downgrade_and_oversize_are_refused() {
    let signer = signer();
    let bytes = bundle(&signer, &[1; 100], 512);
    let header = || Unverified::read(&mut bytes.as_slice()).unwrap().header;
    let newer = Version([1, 3, 1]);
    header()
        .admit("rpi2", Version([1, 3, 0]), 100, false)
        .unwrap();
    header().admit("rpi2", newer, 100, true).unwrap();
    for (board, running, room, says) in [
        ("rpi3", RUNNING, 100, "rpi3"),
        ("rpi2", newer, 100, "older than 1.3.1"),
        ("rpi2", RUNNING, 99, "at most 99"),
    ] {
        let error = header()
            .admit(board, running, room, false)
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn malformed_header_names_the_field() {
    let signer = signer();
    let good = bundle(&signer, &[1; 100], 512);
    for (at, bytes, says) in [
        (0, &b"PK"[..], "FBUPDATE"),
        (8, &[2], "format 1"),
        (12, b"../a", "board"),
        (12, b"\0", "board"),
        (20, b"x", "board"),
        (48, &[0], "1 to 268435456 bytes"),
        (55, &[1], "1 to 268435456 bytes"),
        (56, &[1], "512 bytes to 1 MiB"),
        (51, &[1], "4096 blocks"),
    ] {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        // The last case: more blocks of the same size.
        let error = Unverified::read(&mut bad.as_slice())
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{at}: {error}");
    }
}

#[test]
fn signer_refuses_invalid_input() {
    let signer = signer();
    let mut out = Vec::new();
    let mut make = |board: &str, image: &'static [u8]| {
        signer
            .bundle(board, RUNNING, 512, || Ok(image), &mut out)
            .map(drop)
    };
    assert!(matches!(make("RPi 2", b"1"), Err(SignError::Board(_))));
    assert!(matches!(make("rpi2", b""), Err(SignError::Size(0))));
    assert!(out.is_empty());
    assert!(matches!(
        Signer::from_pkcs8(b"nonsense"),
        Err(SignError::Key(_))
    ));
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Unverified::read(&mut bytes.as_slice());
        let with_magic = [&MAGIC[..], &FORMAT.to_le_bytes(), b"rpi2\0\0\0\0\0\0\0\0\0\0\0\0", &bytes].concat();
        if let Ok(header) = Unverified::read(&mut with_magic.as_slice()) {
            prop_assert!(header.claims().length() <= with_magic.len() as u64);
        }
    }
}
