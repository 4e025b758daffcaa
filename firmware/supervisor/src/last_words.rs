//! What is said at the end by those who cannot go on, kept for the next life: PID 1's own panic,
//! and what the kernel says when it errs.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    panic,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;

use crate::{Kmsg, pstore};

/// Name of the file on the card.
pub(crate) const FILE: &str = "last-words";

/// Bytes kept of it: the head of a report tells more than its end.
const MOST: usize = 4096;

/// Lines shown after the next boot.
const LINES: usize = 40;

/// The kernel's count of its own errors that it survived.
const OOPSES: &str = "/sys/kernel/oops_count";

/// Makes PID 1's panics be told to `log`, and left at `path`.
pub(crate) fn install(log: &Kmsg, path: PathBuf) {
    log.install();
    let told = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        told(info);
        // The log has them, should the card fail.
        let _ = leave(&path, &format!("supervisor: {info}\n"));
    }));
}

/// Adds `text` to the words at `path`, bounded, and waits until the card has them.
pub(crate) fn leave(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let left = usize::try_from(file.metadata()?.len()).unwrap_or(MOST);
    let room = MOST.saturating_sub(left);
    let text = text
        .get(..text.floor_char_boundary(room))
        .unwrap_or_default();
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Takes the words of the life before from `path` and from the kernel's own store.
pub(crate) fn take(path: &Path) -> Vec<String> {
    let mut words = lines_of(path);
    words.extend(pstore::take());
    words.truncate(LINES);
    words
}

fn lines_of(path: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    let removed = fs::remove_file(path);
    if let Some(error) = read.err().or(removed.err())
        && error.kind() != io::ErrorKind::NotFound
    {
        log::warn!("{}: {error}", path.display());
    }
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(str::to_owned).collect()
}

/// Errors of the kernel since boot.
pub(crate) fn oopses() -> u64 {
    let text = fs::read_to_string(OOPSES).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// What the kernel said of its latest error, from its log.
pub(crate) fn of_the_kernel() -> String {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open("/dev/kmsg");
    let Ok(mut log) = opened else {
        return String::new();
    };
    let mut report = Report::default();
    // Each read is one record; more than this many are not in any kernel's log.
    for _ in 0..100_000 {
        let mut record = [0; 8192];
        match log.read(&mut record) {
            Ok(length) => report.add(&String::from_utf8_lossy(
                record.get(..length).unwrap_or_default(),
            )),
            // The oldest record was overwritten meanwhile.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(_) => break,
        }
    }
    report.0
}

/// The kernel's own lines from the first that reports an error on.
#[derive(Default)]
struct Report(String);

impl Report {
    /// Takes in a record as /dev/kmsg gives it: `priority,number,time,flags;text`.
    fn add(&mut self, record: &str) {
        let Some((head, text)) = record.split_once(';') else {
            return;
        };
        let priority: u32 = head
            .split(',')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(u32::MAX);
        // The facility stands above the three bits of the severity; the kernel's own is 0.
        let own = priority < 8;
        let line = text.lines().next().unwrap_or_default();
        let begins = ["Internal error", "Oops", "BUG:", "Unable to handle"]
            .iter()
            .any(|start| line.contains(start));
        if begins && own {
            self.0.clear();
        }
        if own && (begins || !self.0.is_empty()) && self.0.len() < MOST {
            self.0.push_str(line);
            self.0.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_left_once_bounded_and_taken_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        assert_eq!(lines_of(&path), Vec::<String>::new());
        leave(&path, "one\n").unwrap();
        leave(&path, "two\n").unwrap();
        leave(&path, &"é".repeat(MOST)).unwrap();
        leave(&path, "late\n").unwrap();
        assert!(fs::metadata(&path).unwrap().len() <= 4096);
        let words = lines_of(&path);
        assert_eq!(words[..2], ["one", "two"]);
        assert!(words[2].starts_with("éé") && words.len() == 3);
        assert!(!path.exists());
    }

    #[test]
    fn the_kernels_report_begins_at_its_latest_error_and_has_only_its_own_lines() {
        let mut report = Report::default();
        for record in [
            "6,1,10,-;usb 1-1: new device",
            "1,2,20,-;Unable to handle kernel NULL pointer dereference\n SUBSYSTEM=x",
            "0,3,21,-;first trace",
            "0,4,30,-;Internal error: Oops: 5 [#2] SMP ARM",
            "12,5,31,-;uplink: a service's line",
            "5,6,32,-;PC is at ppp_input+0x10/0x20",
            "nonsense",
        ] {
            report.add(record);
        }
        assert_eq!(
            report.0,
            "Internal error: Oops: 5 [#2] SMP ARM\nPC is at ppp_input+0x10/0x20\n"
        );
    }
}
