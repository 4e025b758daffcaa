//! The kernel's log (`/dev/kmsg`) and its console level.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
};

use nix::libc;
use smol::Async;

use crate::{klogctl, pages::Record};

/// Longest record as `/dev/kmsg` gives it (`CONSOLE_EXT_LOG_MAX`).
const RECORD_MAX: usize = 8192;

/// Console level during a session: only emergencies, as a panic.
const QUIET_LEVEL: i32 = 1;

/// Console level if the kernel's command line has none; our boot loader passes the same.
const USUAL_LEVEL: i32 = 6;

/// The position at which reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    /// The oldest stored record.
    Start,
    /// Only new records.
    End,
}

/// A reader with its own position in the log.
pub(crate) struct KernelLog(Async<File>);

impl KernelLog {
    pub(crate) fn open(from: Position) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")?;
        file.seek(match from {
            Position::Start => SeekFrom::Start(0),
            Position::End => SeekFrom::End(0),
        })?;
        Async::new(file).map(Self)
    }

    /// Waits for the next record.
    pub(crate) async fn next(&self) -> io::Result<Record> {
        loop {
            if let Some(record) = self.0.read_with(read).await? {
                return Ok(record);
            }
        }
    }

    /// Returns the next stored record; none if all were read.
    pub(crate) fn next_stored(&self) -> io::Result<Option<Record>> {
        loop {
            match read(self.0.get_ref()) {
                Ok(Some(record)) => return Ok(Some(record)),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads one record; none if it cannot be parsed.
fn read(mut file: &File) -> io::Result<Option<Record>> {
    let mut buffer = [0; RECORD_MAX];
    match file.read(&mut buffer) {
        Ok(length) => Ok(Record::parse(buffer.get(..length).unwrap_or_default())),
        // Overwritten before it was read: the next read goes on behind the gap.
        Err(error) if error.raw_os_error() == Some(libc::EPIPE) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Lowers the console level for a session, or restores the usual one.
pub(crate) fn set_console_quiet(quiet: bool) {
    let level = if quiet { QUIET_LEVEL } else { usual_level() };
    if let Err(error) = klogctl::set_console_level(level) {
        log::warn!("the kernel's lines on the console stay as they are: {error}");
    }
}

fn usual_level() -> i32 {
    let cmdline = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    level_of(&cmdline)
}

fn level_of(cmdline: &str) -> i32 {
    let words = cmdline.split_ascii_whitespace().rev();
    let level = words
        .filter_map(|word| word.strip_prefix("loglevel="))
        .find_map(|level| level.parse().ok());
    level
        .filter(|level| (1..=8).contains(level))
        .unwrap_or(USUAL_LEVEL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_level_is_taken_from_the_command_line() {
        for (cmdline, level) in [
            ("console=ttyAMA0 loglevel=6 panic=10", 6),
            ("loglevel=4 loglevel=7\n", 7),
            ("quiet", USUAL_LEVEL),
            ("loglevel=99", USUAL_LEVEL),
        ] {
            assert_eq!(level_of(cmdline), level, "{cmdline}");
        }
    }
}
