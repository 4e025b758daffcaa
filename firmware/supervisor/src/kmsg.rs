//! Writer for the kernel log (/dev/kmsg), the only log of the box.
//!
//! It has the kernel's own lines too, outlives the services, and is printed on the serial console
//! by the kernel.

use std::{
    fmt::Display,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::fd::AsFd,
    panic,
    sync::Arc,
};

use log::{Level, LevelFilter, Log, Metadata, Record};

/// Most bytes of a record with its prefix; the kernel refuses more than 1 KiB.
const MAX_RECORD: usize = 976;

/// An open log.
#[derive(Clone, Debug)]
pub struct Kmsg(Arc<File>);

impl Kmsg {
    /// Opens `/dev/kmsg`, or stderr as a fallback.
    ///
    /// # Errors
    /// Errors of the kernel if there is neither.
    pub fn open() -> io::Result<Self> {
        match OpenOptions::new().write(true).open("/dev/kmsg") {
            Ok(file) => Ok(Self::to(file)),
            Err(_) => io::stderr()
                .as_fd()
                .try_clone_to_owned()
                .map(|fd| Self::to(fd.into())),
        }
    }

    /// Creates a log that writes to `file`, in the format of /dev/kmsg.
    pub fn to(file: File) -> Self {
        Self(Arc::new(file))
    }

    /// Writes one record: `text` under the name `who`.
    pub fn write_record(&self, severity: u8, who: &str, text: impl Display) {
        let mut record = format!("<{severity}>{who}: ");
        // A line end or an escape sequence would let a peer forge lines.
        record.extend(
            text.to_string()
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c }),
        );
        record.truncate(record.floor_char_boundary(MAX_RECORD));
        record.push('\n');
        // A failure of the log cannot be reported.
        let _ = (&*self.0).write_all(record.as_bytes());
    }

    /// Installs this log for records and panics of this process, under the name `supervisor`.
    pub fn install(&self) {
        if log::set_boxed_logger(Box::new(self.clone())).is_ok() {
            log::set_max_level(LevelFilter::Info);
        }
        let log = self.clone();
        panic::set_hook(Box::new(move |info| log.write_record(2, OWN_NAME, info)));
    }
}

const OWN_NAME: &str = "supervisor";

impl Log for Kmsg {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // Severities of RFC 5424, as in the lines of the services.
            let severity = match record.level() {
                Level::Error => 3,
                Level::Warn => 4,
                Level::Info => 5,
                Level::Debug | Level::Trace => 7,
            };
            self.write_record(severity, OWN_NAME, record.args());
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
    fn record_is_one_bounded_line() {
        let mut file = tempfile::tempfile().unwrap();
        let log = Kmsg::to(file.try_clone().unwrap());
        log.write_record(4, "health", "GET /\n<0>kernel: \x1b[2J");
        log.write_record(5, "uplink", "é".repeat(2000));
        file.rewind().unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let (first, second) = text.split_once('\n').unwrap();
        assert_eq!(first, "<4>health: GET / <0>kernel:  [2J");
        assert!(second.starts_with("<5>uplink: éé") && second.len() <= MAX_RECORD + 1);
        assert_eq!(second.matches('\n').count(), 1);
    }
}
