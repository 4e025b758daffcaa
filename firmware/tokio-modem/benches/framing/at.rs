//! Lines that the AT engine takes per second.

use std::hint::black_box;

use tokio_modem::at::{Answer, Command, Engine};

use crate::clock;

/// A command's echo, its answer and its result, with what a ZTE stick says unasked.
const SAID: &[u8] = b"AT+CSQ\r\r\n+ZUSIMR:2\r\n\r\n+CSQ: 17,99\r\n\r\nOK\r\n";

/// Lines of it that say something.
const LINES: u32 = 4;

/// Events that they make: the echo makes none.
const EVENTS: u32 = 3;

pub(crate) fn lines_per_second() -> f64 {
    let command = Command {
        text: "AT+CSQ",
        answer: Answer::Prefixed("+CSQ:"),
        timeout_ms: 1_000,
    };
    let mut engine = Engine::new();
    let seconds = clock::time(|| {
        assert!(engine.start(&command, 0).is_ok());
        let mut said = black_box(SAID);
        let mut events = 0;
        while let Some(event) = engine.receive(&mut said) {
            black_box(&event);
            events += 1;
        }
        assert_eq!(events, EVENTS);
    });
    f64::from(LINES) / seconds
}
