//! What the kernel has kept in memory over a reset, on boards whose device tree reserves a place
//! for it (ramoops): its log up to a panic or an error, and all that went to its console.

use std::{
    fs::{self, File},
    io::{self, Read},
};

use nix::mount::{mount, umount};

use crate::mounts::INERT;

const PLACE: &str = "/sys/fs/pstore";

/// A log up to a panic or an error; several where there were several.
const LOGS: &str = "dmesg-";

/// What went to the console in the latest life, however it ended.
const CONSOLE: &str = "console-";

/// Larger than any place that a board reserves.
const LARGEST: u64 = 256 * 1024;

/// Lines that are worth to be told, from the one that names the trouble on.
const LINES: usize = 16;

/// The last ones of a life that ended without a word.
const LATEST: usize = 8;

/// What names the trouble.
const TROUBLE: [&str; 5] = [
    "Kernel panic",
    "Internal error",
    "Oops",
    "BUG:",
    "Unable to handle",
];

/// The kernel's last words in an orderly end.
const ORDERLY: &str = "reboot: ";

/// Takes what is kept, and tells what of it a person should know.
pub(crate) fn take() -> Vec<String> {
    // A kernel or a board without it is the usual case.
    if mount(Some("pstore"), PLACE, Some("pstore"), INERT, None::<&str>).is_err() {
        return Vec::new();
    }
    let kept = read_all().unwrap_or_else(|error| {
        log::warn!("{PLACE}: {error}");
        Vec::new()
    });
    if let Err(error) = umount(PLACE) {
        log::warn!("{PLACE}: {error}");
    }
    telling(&kept)
}

/// Names and texts, in the order of the names. The files are removed, or they would be told again.
fn read_all() -> io::Result<Vec<(String, String)>> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(PLACE)? {
        let entry = entry?;
        let mut bytes = Vec::new();
        File::open(entry.path())?
            .take(LARGEST)
            .read_to_end(&mut bytes)?;
        fs::remove_file(entry.path())?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        kept.push((entry.file_name().display().to_string(), text));
    }
    kept.sort();
    Ok(kept)
}

fn telling(kept: &[(String, String)]) -> Vec<String> {
    let of = |kind| kept.iter().filter(move |(name, _)| name.starts_with(kind));
    let logs: Vec<_> = of(LOGS).flat_map(|(_, text)| from_trouble(text)).collect();
    if !logs.is_empty() {
        return logs;
    }
    of(CONSOLE)
        .flat_map(|(_, text)| from_console(text))
        .collect()
}

fn from_trouble(text: &str) -> Vec<String> {
    let names_trouble = |line: &&str| TROUBLE.iter().any(|mark| line.contains(mark));
    let lines = text.lines().skip_while(|line| !names_trouble(line));
    lines.take(LINES).map(str::to_owned).collect()
}

/// The end of a console without a word of trouble tells where it hung.
fn from_console(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
    if lines.last().is_none_or(|line| line.contains(ORDERLY)) {
        return Vec::new();
    }
    let trouble = from_trouble(text);
    if !trouble.is_empty() {
        return trouble;
    }
    let from = lines.len().saturating_sub(LATEST);
    let latest = lines.get(from..).unwrap_or_default();
    latest.iter().map(|&line| line.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANIC: &str = "[    1.290] Kernel panic - not syncing: Attempted to kill init!";

    fn kept(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        files.iter().map(owned).collect()
    }

    #[test]
    fn a_panic_is_told_from_its_own_line_on() {
        let log = format!("Panic#1 Part1\n<6>[    0.000] Linux version 6.12\n{PANIC}\ntrace\n");
        let console = format!("[    0.000] Linux version 6.12\n{PANIC}\n");
        let told = telling(&kept(&[
            ("console-ramoops-0", &console),
            ("dmesg-ramoops-0", &log),
        ]));
        assert_eq!(told, [PANIC, "trace"]);
        // Where only the console had the time.
        assert_eq!(telling(&kept(&[("console-ramoops-0", &console)])), [PANIC]);
        let endless = format!("{PANIC}\n{}", "more\n".repeat(100));
        assert_eq!(
            telling(&kept(&[("dmesg-ramoops-0", &endless)])).len(),
            LINES
        );
    }

    #[test]
    fn an_orderly_end_is_nothing_to_tell() {
        let console =
            "[   43.416] supervisor: rebooting\n[   43.815] reboot: Restarting system\n\n";
        assert!(telling(&kept(&[("console-ramoops-0", console)])).is_empty());
        assert!(telling(&kept(&[("console-ramoops-0", "")])).is_empty());
        assert!(telling(&[]).is_empty());
    }

    #[test]
    fn a_hang_is_told_by_what_was_said_last() {
        let lines: Vec<_> = (0..100).map(|number| format!("line {number}")).collect();
        let told = telling(&kept(&[("console-ramoops-0", &lines.join("\n"))]));
        assert_eq!(
            (told.len(), told.last().unwrap().as_str()),
            (LATEST, "line 99")
        );
    }
}
