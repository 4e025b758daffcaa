//! The kernel's log as the one log of the box: it has the kernel's own lines, survives services,
//! and goes to the serial console by itself.

use std::{
    fmt::Display,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::AsFd,
    panic,
    sync::Arc,
};

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Longest record with its prefix; the kernel refuses more than 1 KiB.
const MAX_RECORD: usize = 976;

/// An open log.
#[derive(Clone, Debug)]
pub struct Kmsg(Arc<File>);

impl Kmsg {
    /// Opens `/dev/kmsg`, or falls back on the console.
    ///
    /// # Errors
    /// The kernel's, where there is neither.
    pub fn open() -> io::Result<Self> {
        match OpenOptions::new().write(true).open("/dev/kmsg") {
            Ok(file) => Ok(Self::to(file)),
            Err(_) => io::stderr()
                .as_fd()
                .try_clone_to_owned()
                .map(|fd| Self::to(fd.into())),
        }
    }

    /// A log that goes to `file`, in the kernel's form.
    pub fn to(file: File) -> Self {
        Self(Arc::new(file))
    }

    /// Writes one record: `who` said `text`.
    pub fn say(&self, severity: u8, who: &str, text: impl Display) {
        let mut record = format!("<{severity}>{who}: ");
        // A line end or an escape sequence would let a peer write others' lines.
        record.extend(
            text.to_string()
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c }),
        );
        record.truncate(record.floor_char_boundary(MAX_RECORD));
        record.push('\n');
        // There is nowhere left to tell that the log fails.
        let _ = (&*self.0).write_all(record.as_bytes());
    }

    /// Sends this process' own records and panics here, under the name `supervisor`.
    pub fn install(&self) {
        if log::set_boxed_logger(Box::new(self.clone())).is_ok() {
            log::set_max_level(LevelFilter::Info);
        }
        let log = self.clone();
        panic::set_hook(Box::new(move |info| log.say(2, OWN_NAME, info)));
    }
}

const OWN_NAME: &str = "supervisor";

impl Log for Kmsg {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // RFC 5424, as the services' own lines have it.
            let severity = match record.level() {
                Level::Error => 3,
                Level::Warn => 4,
                Level::Info => 5,
                Level::Debug | Level::Trace => 7,
            };
            self.say(severity, OWN_NAME, record.args());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read, Seek};

    use super::*;

    #[test]
    fn a_record_is_one_bounded_line() {
        let mut file = tempfile::tempfile().unwrap();
        let log = Kmsg::to(file.try_clone().unwrap());
        log.say(4, "health", "GET /\n<0>kernel: \x1b[2J");
        log.say(5, "uplink", "é".repeat(2000));
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let (first, second) = text.split_once('\n').unwrap();
        assert_eq!(first, "<4>health: GET / <0>kernel:  [2J");
        assert!(second.starts_with("<5>uplink: éé") && second.len() <= MAX_RECORD + 1);
        assert_eq!(second.matches('\n').count(), 1);
    }
}
