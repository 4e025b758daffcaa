//! Use of memory.

use std::fs;

/// Returns the sum of the proportional set sizes (PSS) of the processes `pids`, in KiB.
pub(crate) fn pss_kib(pids: impl IntoIterator<Item = i32>) -> u64 {
    let of = |pid| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        field(&text, "Pss:")
    };
    pids.into_iter().filter_map(of).sum()
}

/// Returns the used memory of the machine, in KiB: total less available.
pub(crate) fn used_kib() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = field(&text, "MemTotal:").unwrap_or_default();
    total.saturating_sub(field(&text, "MemAvailable:").unwrap_or(total))
}

/// Returns the number after `name` at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_is_parsed_or_none() {
        let text = "8000-9000 ---p 0 00:00 0 [rollup]\nRss:  884 kB\nPss:         385 kB\nPss_Dirty: 68 kB\n";
        assert_eq!(field(text, "Pss:"), Some(385));
        assert_eq!(field(text, "Swap:"), None);
        assert_eq!(field("Pss: many", "Pss:"), None);
    }

    #[test]
    fn own_process_has_pss_and_missing_one_none() {
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        assert!(pss_kib([own]) > 100);
        assert_eq!(pss_kib([i32::MAX]), 0);
        assert!(used_kib() > 1000);
    }
}
