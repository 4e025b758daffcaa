//! Log lines on their way to the supervisor: `<level>text`, one write each.

use std::{io::Write, panic};

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Longest record in bytes: the kernel's log cuts records at about 1 KiB.
const MAX_LINE: usize = 900;

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            emit(record.level(), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Makes `log`'s macros and panics reach the supervisor.
pub fn init() {
    static LOGGER: Stderr = Stderr;
    if log::set_logger(&LOGGER).is_ok() {
        log::set_max_level(LevelFilter::Info);
        panic::set_hook(Box::new(|info| emit(Level::Error, &info.to_string())));
    }
}

/// Takes a line apart into its level (syslog's number) and text; lines without one are warnings,
/// since only a library or the runtime writes those.
pub fn parse_line(line: &str) -> (u8, &str) {
    let tagged = line.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    match tagged.and_then(|(level, text)| Some((level.parse().ok().filter(|n| *n < 8)?, text))) {
        Some(parsed) => parsed,
        None => (syslog_level(Level::Warn), line),
    }
}

fn emit(level: Level, text: &str) {
    let mut line = format!("<{}>", syslog_level(level));
    // One record is one line: a reader must not be fooled by what a stick or a peer sent.
    line.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    line.truncate(line.floor_char_boundary(MAX_LINE));
    line.push('\n');
    // Nobody is left to be told of a closed pipe.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Severity as in RFC 5424: the console shows notice (5) and above.
const fn syslog_level(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 5,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_apart() {
        assert_eq!(parse_line("<5>up"), (5, "up"));
        assert_eq!(parse_line("<9>up"), (4, "<9>up"));
        assert_eq!(parse_line("<x"), (4, "<x"));
        assert_eq!(parse_line(""), (4, ""));
    }
}
