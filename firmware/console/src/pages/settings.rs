//! The settings in use and what is wrong with them.

use serde_json::Value;

use super::plain;

/// Keys whose values are nobody's to read, whoever hands them over.
const SECRETS: [&str; 3] = ["password", "pin", "secret_access_key"];

/// What stands in a secret's place.
const HIDDEN: &str = "(set, not shown)";

/// Longest value shown; certificates are longer.
const VALUE_MAX: usize = 200;

/// The settings as `failberrypi.toml` would have them.
pub fn settings(config: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let Value::Object(tables) = config else {
        return vec!["none".into()];
    };
    for (name, table) in tables {
        let Value::Object(entries) = table else {
            continue;
        };
        lines.push(format!("[{name}]"));
        lines.extend(entries.iter().flat_map(|(key, value)| entry(key, value)));
    }
    lines
}

fn entry(key: &str, value: &Value) -> Vec<String> {
    if value.is_null() {
        return Vec::new();
    }
    if SECRETS.contains(&key) {
        let empty = value.as_str().is_some_and(str::is_empty);
        return if empty {
            Vec::new()
        } else {
            vec![format!("{key} = {HIDDEN}")]
        };
    }
    let text = plain(&value.to_string());
    if text.chars().count() <= VALUE_MAX {
        return vec![format!("{key} = {text}")];
    }
    let start: String = text.chars().take(VALUE_MAX).collect();
    vec![format!("{key} = {start} ...")]
}

/// What is wrong with the file.
pub fn problems(problems: &[String]) -> Vec<String> {
    if problems.is_empty() {
        return vec!["nothing is wrong with failberrypi.toml".into()];
    }
    problems.iter().map(|problem| plain(problem)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_whoever_forgot_to() {
        let shown = settings(&json!({
            "carrier": { "apn": "internet", "password": "geheim", "pin": "1234", "user": "" },
            "aws": { "secret_access_key": "geheim", "region": "us\u{1b}[2J" },
            "dyndns": null,
            "firewall": { "allow": null, "forward": [{ "port": 8443 }] },
        }));
        assert_eq!(
            shown,
            [
                "[aws]",
                "region = \"us\\u001b[2J\"",
                "secret_access_key = (set, not shown)",
                "[carrier]",
                "apn = \"internet\"",
                "password = (set, not shown)",
                "pin = (set, not shown)",
                "user = \"\"",
                "[firewall]",
                "forward = [{\"port\":8443}]",
            ]
        );
    }

    #[test]
    fn problems_are_told_one_a_line() {
        assert_eq!(problems(&[]).len(), 1);
        let told = problems(&["line 3: \u{1b}".into(), "line 4".into()]);
        assert_eq!(told, ["line 3:  ", "line 4"]);
    }
}
