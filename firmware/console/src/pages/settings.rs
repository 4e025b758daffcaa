//! The pages of the settings in force and of their problems.

use super::plain;

/// Keys whose values are never shown, even if the configuration contains them.
const SECRETS: [&str; 3] = ["password", "pin", "secret_access_key"];

/// Returns the settings in the form of `failberrypi.toml`, line by line.
pub fn settings(in_force: &str) -> Vec<String> {
    if in_force.trim().is_empty() {
        return vec!["none were handed over".into()];
    }
    in_force.lines().map(line).collect()
}

fn line(line: &str) -> String {
    match line.split_once('=') {
        Some((key, _)) if SECRETS.contains(&key.trim()) => {
            format!("{}= (set, not shown)", plain(key))
        }
        _ => plain(line),
    }
}

/// Returns the problems of `failberrypi.toml`.
pub fn problems(problems: &[String], has_previous: bool) -> Vec<String> {
    let mut lines: Vec<String> = problems.iter().map(|problem| plain(problem)).collect();
    if lines.is_empty() {
        lines.push("nothing is wrong with failberrypi.toml".into());
    }
    if has_previous {
        lines.push("config revert goes back to the settings before".into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_even_if_passed_in() {
        let shown = settings(
            "[carrier]\napn = \"inter\u{1b}[2Jnet\"\npassword = \"geheim\"\npin=\"1234\"\n\
             [aws]\nsecret_access_key = \"geheim\"\n",
        );
        assert_eq!(
            shown,
            [
                "[carrier]",
                "apn = \"inter [2Jnet\"",
                "password = (set, not shown)",
                "pin= (set, not shown)",
                "[aws]",
                "secret_access_key = (set, not shown)",
            ]
        );
        assert_eq!(settings(" "), ["none were handed over"]);
    }

    #[test]
    fn problems_are_shown_one_a_line() {
        assert_eq!(problems(&[], false).len(), 1);
        let lines = problems(&["line 3: \u{1b}".into(), "line 4".into()], true);
        assert_eq!(lines.len(), 3);
        assert_eq!(lines.first().map(String::as_str), Some("line 3:  "));
    }
}
