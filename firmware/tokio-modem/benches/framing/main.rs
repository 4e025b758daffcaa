//! HDLC framing side by side with a plain implementation in C, and lines of the AT engine.
//!
//! `cargo bench -p tokio-modem --bench framing` prints Markdown; it needs a C compiler. Both sides
//! must give the same bytes, or nothing is measured. Run as a test, it compares only.

mod at;
mod clock;
mod mix;
mod reference;

use std::{error::Error, hint::black_box};

use mix::Mix;
use reference::Reference;
use tokio_modem::{
    hdlc::{DECODED_MAX, Decoder, encode, encoded_max},
    ppp::Direction,
};

fn main() -> Result<(), Box<dyn Error>> {
    let reference = Reference::build()?;
    let lanes = mix::all()
        .into_iter()
        .map(|mix| Lane::new(mix, &reference))
        .collect::<Result<Vec<_>, _>>()?;
    // Cargo says so when it benchmarks, and does not when it tests.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }

    let measured = clock::measured_hertz();
    let hertz = measured.or_else(clock::nominal_hertz);
    let mhz =
        |hertz: Option<f64>| hertz.map_or("unknown".into(), |hertz| format!("{:.0}", hertz / 1e6));
    println!(
        "Core: {} MHz by timing a chain of dependent operations, {} MHz by /proc/cpuinfo.",
        mhz(measured),
        mhz(clock::nominal_hertz())
    );
    println!(
        "Bytes are those of the frames, before escapes. C: byte at a time, `cc {}`.\n",
        reference::OPTIMISATION
    );
    println!("| Frames | ACCM | | GB/s | bytes/cycle | C: GB/s | C: bytes/cycle | ratio |");
    println!("|---|---|---|---:|---:|---:|---:|---:|");
    for lane in &lanes {
        lane.report("encode", lane.encode(&reference), hertz);
        lane.report("decode", lane.decode(&reference), hertz);
    }
    println!(
        "\nAT engine: {:.1} million lines/s",
        at::lines_per_second() / 1e6
    );
    Ok(())
}

/// A mix, and what it is on the line.
struct Lane {
    mix: Mix,
    options: Direction,
    wire: Vec<u8>,
}

impl Lane {
    /// Encodes and decodes once with both.
    fn new(mix: Mix, reference: &Reference) -> Result<Self, Box<dyn Error>> {
        let options = Direction {
            accm: mix.accm,
            ..Direction::default()
        };
        let mut wire = Vec::new();
        for frame in &mix.frames {
            let mut ours = vec![0; encoded_max(frame.len())];
            let mut theirs = ours.clone();
            let length = encode(frame, &options, &mut ours)?;
            let same = reference.encode(frame, mix.accm, &mut theirs);
            if ours.get(..length) != theirs.get(..same) {
                return Err(format!("{}: not encoded as C does", mix.name).into());
            }
            ours.truncate(length);
            wire.extend(ours);
        }
        let (mut ours, mut theirs) = (wire.as_slice(), wire.as_slice());
        let mut decoder = Decoder::new();
        decoder.agree(&options);
        let mut buffer = [0; DECODED_MAX];
        for frame in &mix.frames {
            let expected = Some(frame.as_slice());
            let got = decoder.receive(&mut ours).transpose()?;
            if got != expected || reference.decode(&mut theirs, mix.accm, &mut buffer) != expected {
                return Err(format!("{}: not decoded alike", mix.name).into());
            }
        }
        Ok(Self { mix, options, wire })
    }

    /// Seconds for all frames, and C's.
    fn encode(&self, reference: &Reference) -> (f64, f64) {
        let longest = self.mix.frames.iter().map(Vec::len).max().unwrap_or(0);
        let (mut ours, mut theirs) = (vec![0; encoded_max(longest)], vec![0; encoded_max(longest)]);
        clock::race(
            || {
                for frame in &self.mix.frames {
                    // It fits, as the first time.
                    let _ = black_box(encode(frame, &self.options, black_box(&mut ours)));
                }
            },
            || {
                for frame in &self.mix.frames {
                    black_box(reference.encode(frame, self.mix.accm, black_box(&mut theirs)));
                }
            },
        )
    }

    fn decode(&self, reference: &Reference) -> (f64, f64) {
        let mut decoder = Decoder::new();
        decoder.agree(&self.options);
        let mut buffer = [0; DECODED_MAX];
        clock::race(
            || {
                let mut wire = self.wire.as_slice();
                while let Some(frame) = decoder.receive(&mut wire) {
                    black_box(frame.is_ok_and(|frame| !black_box(frame).is_empty()));
                }
            },
            || {
                let mut wire = self.wire.as_slice();
                while let Some(frame) = reference.decode(&mut wire, self.mix.accm, &mut buffer) {
                    black_box(frame);
                }
            },
        )
    }

    fn report(&self, verb: &str, (ours, theirs): (f64, f64), hertz: Option<f64>) {
        // A frame is far shorter than what 32 bits count.
        let lengths = self
            .mix
            .frames
            .iter()
            .map(|frame| u32::try_from(frame.len()));
        let bytes: f64 = lengths.flatten().map(f64::from).sum();
        let per_cycle = |seconds: f64| {
            hertz.map_or("?".into(), |hertz| {
                format!("{:.3}", bytes / seconds / hertz)
            })
        };
        println!(
            "| {} | {:08x} | {verb} | {:.2} | {} | {:.2} | {} | {:.1} |",
            self.mix.name,
            self.mix.accm,
            bytes / ours / 1e9,
            per_cycle(ours),
            bytes / theirs / 1e9,
            per_cycle(theirs),
            theirs / ours,
        );
    }
}
