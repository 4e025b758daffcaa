//! The engine against what sticks say.

mod dialogue;
mod lines;
mod properties;
mod queue;
mod results;

use std::vec::Vec;

use super::*;

/// How long the commands here may take.
const TIMEOUT_MS: u64 = 1_000;

fn start(engine: &mut Engine, text: &str, answer: Answer, now: u64) {
    let command = Command {
        text,
        answer,
        timeout_ms: TIMEOUT_MS,
    };
    let wire = engine.start(&command, now).unwrap();
    assert_eq!(wire, [text.as_bytes(), b"\r"].concat());
}

/// All events of `bytes`, and what is left of them for the data.
fn hear<'a>(engine: &mut Engine, mut bytes: &'a [u8]) -> (Vec<Event>, &'a [u8]) {
    let mut events = Vec::new();
    while let Some(event) = engine.receive(&mut bytes) {
        events.push(event);
    }
    (events, bytes)
}

fn line(text: &str) -> Line {
    Line::try_from(text).unwrap()
}

/// Starts a command and hears `said`: all that comes out.
fn ask(text: &str, answer: Answer, said: &str) -> Vec<Event> {
    let mut engine = Engine::new();
    start(&mut engine, text, answer, 0);
    hear(&mut engine, said.as_bytes()).0
}
