//! Crash report for the next boot: panics of PID 1 and oopses of the kernel.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    panic,
    path::{Path, PathBuf},
};

use nix::fcntl::OFlag;

use crate::{Kmsg, pstore};

/// File of the report in the data directory.
pub(crate) const FILE: &str = "last-words";

/// Most bytes of the report. Its head says more than its end.
const MAX_BYTES: usize = 4096;

/// Most lines shown after the next boot.
const MAX_LINES: usize = 40;

/// The kernel's counter of oopses that it survived.
const OOPS_COUNT: &str = "/sys/kernel/oops_count";

/// Installs a panic hook that writes panics of PID 1 to `log` and to the report at `path`.
pub(crate) fn install_panic_hook(log: &Kmsg, path: PathBuf) {
    log.install();
    let log_panic = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        log_panic(info);
        // If the card fails, the log has it.
        let _ = append(&path, &format!("supervisor: {info}\n"));
    }));
}

/// Appends `text` to the bounded report at `path`, and waits until it is on the card.
pub(crate) fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let left = usize::try_from(file.metadata()?.len()).unwrap_or(MAX_BYTES);
    let room = MAX_BYTES.saturating_sub(left);
    let text = text
        .get(..text.floor_char_boundary(room))
        .unwrap_or_default();
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Returns and removes the report of the previous boot, from `path` and from pstore.
pub(crate) fn take(path: &Path) -> Vec<String> {
    let mut lines = take_lines(path);
    lines.extend(pstore::take());
    lines.truncate(MAX_LINES);
    lines
}

/// Returns the lines of the file at `path`, and removes it.
fn take_lines(path: &Path) -> Vec<String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
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

/// Returns the number of oopses since boot.
pub(crate) fn oops_count() -> u64 {
    let text = fs::read_to_string(OOPS_COUNT).unwrap_or_default();
    text.trim().parse().unwrap_or(0)
}

/// Returns the report of the latest oops, from the kernel log.
pub(crate) fn kernel_report() -> String {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open("/dev/kmsg");
    let Ok(mut log) = opened else {
        return String::new();
    };
    let mut report = OopsReport::default();
    // Each read is one record; no kernel log has more than this.
    for _ in 0..100_000 {
        let mut record = [0; 8192];
        match log.read(&mut record) {
            Ok(length) => report.add(&String::from_utf8_lossy(
                record.get(..length).unwrap_or_default(),
            )),
            // The next record was overwritten in the meantime.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(_) => break,
        }
    }
    report.0
}

/// The kernel's own lines from the one that begins the latest oops on.
#[derive(Default)]
struct OopsReport(String);

impl OopsReport {
    /// Adds a record of /dev/kmsg: `priority,number,time,flags;text`.
    fn add(&mut self, record: &str) {
        let Some((head, text)) = record.split_once(';') else {
            return;
        };
        let priority: u32 = head
            .split(',')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(u32::MAX);
        // The facility is above the three bits of the severity; the kernel's own is 0.
        let own = priority < 8;
        let line = text.lines().next().unwrap_or_default();
        let begins = ["Internal error", "Oops", "BUG:", "Unable to handle"]
            .iter()
            .any(|start| line.contains(start));
        if begins && own {
            self.0.clear();
        }
        if own && (begins || !self.0.is_empty()) && self.0.len() < MAX_BYTES {
            self.0.push_str(line);
            self.0.push('\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_is_bounded_and_taken_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        assert_eq!(take_lines(&path), Vec::<String>::new());
        append(&path, "one\n").unwrap();
        append(&path, "two\n").unwrap();
        append(&path, &"é".repeat(MAX_BYTES)).unwrap();
        append(&path, "late\n").unwrap();
        assert!(fs::metadata(&path).unwrap().len() <= 4096);
        let lines = take_lines(&path);
        assert_eq!(lines[..2], ["one", "two"]);
        assert!(lines[2].starts_with("éé") && lines.len() == 3);
        assert!(!path.exists());
    }

    #[test]
    fn oops_report_has_kernel_lines_from_the_latest_error() {
        let mut report = OopsReport::default();
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
