//! What the frames carry.

/// Frames of one kind and the map they are sent with.
pub(crate) struct Mix {
    pub(crate) name: &'static str,
    pub(crate) accm: u32,
    pub(crate) frames: Vec<Vec<u8>>,
}

/// So many that no branch predictor learns them by heart, so few that the second cache has them.
const FRAMES: usize = 64;

/// A packet as long as Ethernet's.
const LONG: usize = 1500;

/// A TCP acknowledgement with time stamps.
const SHORT: usize = 52;

/// The map of a line with flow control by characters.
const XON_XOFF: u32 = 1 << 0x11 | 1 << 0x13;

/// What an answer of a web server looks like, with line ends that a full map escapes.
const TEXT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\
    Cache-Control: max-age=3600\r\nDate: Tue, 01 Jul 2025 12:00:00 GMT\r\n\r\n<!doctype html>\n\
    <html lang=\"en\">\n<head><title>A house by the sea</title></head>\n<body>\n\
    <p class=\"first\">The line is slow today, and nobody minds: { it } comes ~ as it will.</p>\n";

pub(crate) fn all() -> Vec<Mix> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut noise = |length| frames(|| (0..length).map(|_| random.octet()).collect());
    let text = frames(|| TEXT.iter().copied().cycle().take(LONG).collect());
    let mix = |name, accm, frames| Mix { name, accm, frames };
    vec![
        mix("random, 1500 bytes", 0, noise(LONG)),
        mix("random, 1500 bytes", u32::MAX, noise(LONG)),
        mix("random, 1500 bytes", XON_XOFF, noise(LONG)),
        mix("HTTP, 1500 bytes", 0, text.clone()),
        mix("HTTP, 1500 bytes", u32::MAX, text),
        mix("random, 52 bytes", 0, noise(SHORT)),
        mix("all escapes, 1500 bytes", 0, frames(|| vec![0x7e; LONG])),
    ]
}

/// Packets of the Internet protocol, as PPP has them.
fn frames(mut packet: impl FnMut() -> Vec<u8>) -> Vec<Vec<u8>> {
    let frame = |_| [vec![0x00, 0x21], packet()].concat();
    (0..FRAMES).map(frame).collect()
}

/// Xorshift: the same frames in every run.
struct Random(u64);

impl Random {
    fn octet(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_be_bytes()[0]
    }
}
