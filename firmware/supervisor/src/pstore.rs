//! What the kernel has kept in memory over a reset, on boards whose device tree reserves a place
//! for it (ramoops): its log up to a panic or an error, and all that went to its console.

use std::{
    fs::{self, File},
    io::{self, Read},
};

use nix::mount::{mount, umount};

use crate::mounts::NOSUID_NODEV_NOEXEC;

const MOUNT_POINT: &str = "/sys/fs/pstore";

/// A log up to a panic or an error; several where there were several.
const OOPS_LOG_PREFIX: &str = "dmesg-";

/// What went to the console in the latest life, however it ended.
const CONSOLE_PREFIX: &str = "console-";

/// Larger than any place that a board reserves.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Lines that are worth to be told, from the one that names the trouble on.
const MAX_REPORT_LINES: usize = 16;

/// The last ones of a life that ended without a word.
const CONSOLE_TAIL_LINES: usize = 8;

/// What names the trouble.
const ERROR_MARKERS: [&str; 5] = [
    "Kernel panic",
    "Internal error",
    "Oops",
    "BUG:",
    "Unable to handle",
];

/// The kernel's last words in an orderly end.
const ORDERLY_MARKER: &str = "reboot: ";

/// Takes what is kept, and tells what of it a person should know.
pub(crate) fn take() -> Vec<String> {
    // A kernel or a board without it is the usual case.
    if mount(
        Some("pstore"),
        MOUNT_POINT,
        Some("pstore"),
        NOSUID_NODEV_NOEXEC,
        None::<&str>,
    )
    .is_err()
    {
        return Vec::new();
    }
    let files = read_all().unwrap_or_else(|error| {
        log::warn!("{MOUNT_POINT}: {error}");
        Vec::new()
    });
    if let Err(error) = umount(MOUNT_POINT) {
        log::warn!("{MOUNT_POINT}: {error}");
    }
    report_lines(&files)
}

/// Names and texts, in the order of the names. The files are removed, or they would be told again.
fn read_all() -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(MOUNT_POINT)? {
        let entry = entry?;
        let mut bytes = Vec::new();
        File::open(entry.path())?
            .take(MAX_FILE_BYTES)
            .read_to_end(&mut bytes)?;
        fs::remove_file(entry.path())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        files.push((entry.file_name().display().to_string(), text));
    }
    files.sort();
    Ok(files)
}

fn report_lines(files: &[(String, String)]) -> Vec<String> {
    let of = |kind| files.iter().filter(move |(name, _)| name.starts_with(kind));
    let logs: Vec<_> = of(OOPS_LOG_PREFIX)
        .flat_map(|(_, text)| lines_from_error(text))
        .collect();
    if !logs.is_empty() {
        return logs;
    }
    of(CONSOLE_PREFIX)
        .flat_map(|(_, text)| console_lines(text))
        .collect()
}

fn lines_from_error(text: &str) -> Vec<String> {
    let has_marker = |line: &&str| ERROR_MARKERS.iter().any(|mark| line.contains(mark));
    let lines = text.lines().skip_while(|line| !has_marker(line));
    lines.take(MAX_REPORT_LINES).map(str::to_owned).collect()
}

/// The end of a console without a word of trouble tells where it hung.
fn console_lines(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    if lines
        .last()
        .is_none_or(|line| line.contains(ORDERLY_MARKER))
    {
        return Vec::new();
    }
    let error_lines = lines_from_error(text);
    if !error_lines.is_empty() {
        return error_lines;
    }
    let from = lines.len().saturating_sub(CONSOLE_TAIL_LINES);
    let latest = lines.get(from..).unwrap_or_default();
    latest.iter().map(|&line| line.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANIC: &str = "[    1.290] Kernel panic - not syncing: Attempted to kill init!";

    fn files(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        files.iter().map(owned).collect()
    }

    #[test]
    fn a_panic_is_told_from_its_own_line_on() {
        let log = format!("Panic#1 Part1\n<6>[    0.000] Linux version 6.12\n{PANIC}\ntrace\n");
        let console = format!("[    0.000] Linux version 6.12\n{PANIC}\n");
        let lines = report_lines(&files(&[
            ("console-ramoops-0", &console),
            ("dmesg-ramoops-0", &log),
        ]));
        assert_eq!(lines, [PANIC, "trace"]);
        // Where only the console had the time.
        assert_eq!(
            report_lines(&files(&[("console-ramoops-0", &console)])),
            [PANIC]
        );
        let endless = format!("{PANIC}\n{}", "more\n".repeat(100));
        assert_eq!(
            report_lines(&files(&[("dmesg-ramoops-0", &endless)])).len(),
            MAX_REPORT_LINES
        );
    }

    #[test]
    fn an_orderly_end_is_nothing_to_tell() {
        let console =
            "[   43.416] supervisor: rebooting\n[   43.815] reboot: Restarting system\n\n";
        assert!(report_lines(&files(&[("console-ramoops-0", console)])).is_empty());
        assert!(report_lines(&files(&[("console-ramoops-0", "")])).is_empty());
        assert!(report_lines(&[]).is_empty());
    }

    #[test]
    fn a_hang_is_told_by_what_was_said_last() {
        let lines: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
        let lines = report_lines(&files(&[("console-ramoops-0", &lines.join("\n"))]));
        assert_eq!(
            (lines.len(), lines.last().unwrap().as_str()),
            (CONSOLE_TAIL_LINES, "line 99")
        );
    }
}
