//! The settings in use and what is wrong with them.

use super::plain;

/// Keys whose values are nobody's to read, whoever hands them over.
const SECRETS: [&str; 3] = ["password", "pin", "secret_access_key"];

/// The settings as `failberrypi.toml` would have them, in lines.
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

/// What is wrong with the file.
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
    fn secrets_are_hidden_whoever_forgot_to() {
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
    fn problems_are_told_one_a_line() {
        assert_eq!(problems(&[], false).len(), 1);
        let told = problems(&["line 3: \u{1b}".into(), "line 4".into()], true);
        assert_eq!(told.len(), 3);
        assert_eq!(told.first().map(String::as_str), Some("line 3:  "));
    }
}
