//! Whole dialogues with a scripted stick, on virtual time.

mod counter;
mod failures;
mod liveness;
mod passing;
mod properties;
mod radio;
mod sim;
mod stick;
mod success;
mod sync;

use std::{collections::VecDeque, format, string::String, vec::Vec};

use super::*;
use crate::modem::{GENERIC, Profile, profile_for};
use stick::Stick;

const PIN: &str = "40718263";

/// No dialogue here takes longer, whatever the stick does.
const LONGEST_MS: u64 = 10 * 60_000;

/// More calls than any dialogue needs; a dialer that waits for nothing reaches it.
const CALLS_MAX: usize = 200_000;

fn mf180() -> &'static Profile {
    profile_for(0x19d2, 0x2003).unwrap()
}

fn settings(pin: Option<&str>) -> Settings {
    Settings::new("internet", "*99#", pin).unwrap()
}

/// What became of a dialogue.
struct Outcome {
    progress: Vec<Progress>,
    dtr: Vec<bool>,
    end: Result<Rate, DialError>,
    took_ms: u64,
    /// Input that is left for PPP.
    rest: Vec<u8>,
}

impl Outcome {
    fn error(&self) -> &DialError {
        self.end.as_ref().unwrap_err()
    }

    fn told(&self) -> Vec<String> {
        self.progress
            .iter()
            .map(|progress| format!("{progress}"))
            .collect()
    }
}

fn dial(stick: &mut Stick) -> Outcome {
    dial_with(mf180(), settings(Some(PIN)), stick)
}

/// Runs a dialogue to its end. Nothing but what is written to the stick may show the PIN.
fn dial_with(profile: &'static Profile, settings: Settings, stick: &mut Stick) -> Outcome {
    let mut dialer = Dialer::new(profile, settings, 0);
    let (mut progress, mut dtr) = (Vec::new(), Vec::new());
    let mut now = 0;
    let mut input = Vec::new();
    for _ in 0..CALLS_MAX {
        let mut rest = input.as_slice();
        let output = dialer.step(&mut rest, now);
        if !matches!(output, Output::Write(_)) {
            let shown = format!("{output:?}");
            assert!(!shown.contains(PIN), "{shown}");
        }
        let end = match output {
            Output::Write(bytes) => {
                stick.hear(bytes, now);
                None
            }
            Output::Dtr(on) => {
                dtr.push(on);
                stick.dtr(on);
                None
            }
            Output::Progress(news) => {
                progress.push(news);
                None
            }
            Output::Wait(until) => {
                assert!(rest.is_empty(), "input left while waiting");
                assert!(until > now, "a wait for now, at {now}");
                let (at, bytes) = stick.next_until(until);
                now = at;
                input = bytes;
                assert!(now <= LONGEST_MS, "no end");
                continue;
            }
            Output::Connected(rate) => Some(Ok(rate)),
            Output::Failed(error) => {
                assert!(!format!("{error}").contains(PIN), "{error}");
                Some(Err(error))
            }
        };
        let rest = rest.to_vec();
        if let Some(end) = end {
            return Outcome {
                progress,
                dtr,
                end,
                took_ms: now,
                rest,
            };
        }
        input = rest;
    }
    panic!("no end after {CALLS_MAX} calls, at {now} ms");
}

/// Bytes that arrive at a time.
type Arrivals = VecDeque<(u64, Vec<u8>)>;
