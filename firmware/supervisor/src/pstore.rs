//! Kernel logs that survive a reset in memory (pstore with ramoops), on boards whose device tree
//! reserves memory for it: the log up to a panic or an oops, and the console output.

use std::{
    fs::{self, File},
    io::{self, Read},
};

use nix::mount::{mount, umount};

use crate::mounts::NOSUID_NODEV_NOEXEC;

/// Mount point of pstore.
const MOUNT_POINT: &str = "/sys/fs/pstore";

/// Name prefix of logs up to a panic or an oops, one each.
const OOPS_LOG_PREFIX: &str = "dmesg-";

/// Name prefix of the console output of the previous boot, however it ended.
const CONSOLE_PREFIX: &str = "console-";

/// Most bytes read of a file: more than any board reserves.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Most lines of a report, from the one that names the error on.
const MAX_REPORT_LINES: usize = 16;

/// Lines from the end of the console output of a boot that ended without an error message.
const CONSOLE_TAIL_LINES: usize = 8;

/// Marks of a line that names an error.
const ERROR_MARKERS: [&str; 5] = [
    "Kernel panic",
    "Internal error",
    "Oops",
    "BUG:",
    "Unable to handle",
];

/// Mark of the kernel's last line before an orderly reboot.
const ORDERLY_MARKER: &str = "reboot: ";

/// Removes the stored logs and returns their relevant lines.
pub(crate) fn take() -> Vec<String> {
    // Most kernels and boards have none.
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

/// Returns names and texts, sorted by name. Removes the files, so that they are reported once.
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

/// Returns the lines from the error on; without an oops log those of the console output.
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

/// Returns the lines from the first that names an error on.
fn lines_from_error(text: &str) -> Vec<String> {
    let has_marker = |line: &&str| ERROR_MARKERS.iter().any(|mark| line.contains(mark));
    let lines = text.lines().skip_while(|line| !has_marker(line));
    lines.take(MAX_REPORT_LINES).map(str::to_owned).collect()
}

/// Returns the relevant lines of a console output: none after an orderly end; without an error the
/// last ones, which show where it hung.
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
    fn panic_report_begins_at_the_panic_line() {
        let log = format!("Panic#1 Part1\n<6>[    0.000] Linux version 6.12\n{PANIC}\ntrace\n");
        let console = format!("[    0.000] Linux version 6.12\n{PANIC}\n");
        let lines = report_lines(&files(&[
            ("console-ramoops-0", &console),
            ("dmesg-ramoops-0", &log),
        ]));
        assert_eq!(lines, [PANIC, "trace"]);
        // With the console output only.
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
    fn orderly_end_has_no_report() {
        let console =
            "[   43.416] supervisor: rebooting\n[   43.815] reboot: Restarting system\n\n";
        assert!(report_lines(&files(&[("console-ramoops-0", console)])).is_empty());
        assert!(report_lines(&files(&[("console-ramoops-0", "")])).is_empty());
        assert!(report_lines(&[]).is_empty());
    }

    #[test]
    fn hang_reports_the_last_console_lines() {
        let lines: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
        let lines = report_lines(&files(&[("console-ramoops-0", &lines.join("\n"))]));
        assert_eq!(
            (lines.len(), lines.last().unwrap().as_str()),
            (CONSOLE_TAIL_LINES, "line 99")
        );
    }
}
