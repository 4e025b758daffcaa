//! Hiding secrets and putting them back.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::parse;

const FILE: &str = "\u{feff}# my box\r\n[carrier]\r\napn = \"internet\" # by post\r\npin = '1234'   # on the \
                    card\r\npassword = \"p\\\"w\"\r\nuser = \"me\"\r\n\r\n[aws]\r\naccess_key_id = \
                    \"AKIAIOSFODNN7EXAMPLE\"\r\nsecret_access_key = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"\r\n";

#[test]
fn only_the_secrets_are_hidden_and_comments_stay() {
    let masked = mask(FILE, &[]).unwrap();
    let expected = FILE
        .replace("'1234'", "\"****\"")
        .replace("\"p\\\"w\"", "\"****\"")
        .replace(
            "\"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"",
            &format!("{:42}", "\"***\" # imported and removed"),
        );
    assert_eq!(masked.text, expected);
    assert_eq!(masked.text.len(), FILE.len());
    assert_eq!(
        masked.names,
        ["carrier.password", "carrier.pin", "aws.secret_access_key"]
    );
    assert_eq!(mask(&masked.text, &[]), None);
}

#[test]
fn other_ways_to_write_it_are_understood() {
    for (text, expected) in [
        ("carrier.pin = \"1234\"", "carrier.pin = \"****\""),
        (
            "carrier = {apn = 'a', pin = '1234'}",
            "carrier = {apn = 'a', pin = \"****\"}",
        ),
        ("[carrier]\npin='''1234'''", "[carrier]\npin=\"********\""),
        (
            "[console]\npassword=\"\"\"\na b\"\"\"\nenabled=true",
            "[console]\npassword=\"********\"\nenabled=true",
        ),
        (
            "[carrier]\npassword = 'päss'",
            "[carrier]\npassword = \"*****\"",
        ),
    ] {
        assert_eq!(mask(text, &[]).unwrap().text, expected);
    }
}

#[test]
fn what_was_not_imported_is_left_alone() {
    for text in [
        "",
        "[carrier]\napn = 'a'",
        "[carrier]\npassword = ''",
        "[carrier]\npin = 1234",
        "[carrier]\npasword = 'x'",
        "#[carrier]\n#pin = '1234'",
        "[carrier]\npin = '1234'\n[",
    ] {
        assert_eq!(mask(text, &[]), None, "{text}");
    }
    let text = "[carrier]\npin = '1234'\n[console]\npassword = 'open'";
    let masked = mask(text, &["carrier"]).unwrap();
    assert_eq!(masked.text, text.replace("'open'", "\"****\""));
    assert_eq!(masked.names, ["console.password"]);
}

#[test]
fn a_secret_comes_back_for_its_stars_and_a_new_one_stays() {
    let before = toml::from_str(FILE.trim_start_matches(BYTE_ORDER_MARK)).unwrap();
    let masked = mask(FILE, &[]).unwrap().text;
    let edited =
        masked
            .replace("\"internet\"", "\"other\"")
            .replacen("\"****\"   #", "\"9876\"   #", 1);
    let carrier = parse(&fill(&edited, &before)).config.carrier.unwrap();
    assert_eq!(carrier.apn, "other");
    assert_eq!(carrier.pin.unwrap().reveal(), "9876");
    assert_eq!(carrier.password.reveal(), "p\"w");
    assert_eq!(parse(&fill(&masked, &before)).config, parse(FILE).config);
}

#[test]
fn stars_without_a_secret_are_told() {
    for key in ["carrier.pin", "carrier.password"] {
        let text = format!("carrier.apn = 'a'\n{key} = '***'");
        let parsed = parse(&fill(&text, &Table::new()));
        assert_eq!(parsed.broken, ["carrier"]);
        let told = parsed.problems[0].to_string();
        assert!(
            told.starts_with(&format!("line 2, key {key}: expected the secret itself")),
            "{told}"
        );
    }
}

#[test]
fn shown_settings_hold_no_secret() {
    let shown = redact(FILE.trim_start_matches(BYTE_ORDER_MARK));
    assert!(shown.contains("apn = \"internet\"") && shown.contains("pin = \"***\""));
    for secret in ["1234", "p\\\"w", "p\"w", "wJalr"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let shown = redact("[carrier]\npassword = ''");
    assert_eq!(shown, "[carrier]\npassword = \"\"\n");
}

/// A line of a file that says nothing about secrets.
fn other_line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "#[ -~äß]{0,40}",
        "[a-z_]{9,12} = \"[ -!#-Z^-~ä]{0,20}\"( #[ -~]{0,20})?",
        "[a-z_]{9,12} = [1-9][0-9]{0,8}",
    ]
}

/// A secret as a person may write it, with its line.
fn secret_line(key: &'static str) -> impl Strategy<Value = (String, String)> {
    (
        "Q[A-Za-z0-9/+]{15,60}Z",
        prop::sample::select(vec!["\"", "'", "\"\"\"", "'''"]),
        " {0,3}",
        option::of("#[ -~]{0,20}"),
    )
        .prop_map(move |(secret, quote, space, comment)| {
            let comment = comment.unwrap_or_default();
            let line = format!("{key} ={space}{quote}{secret}{quote}{space}{comment}");
            (secret, line)
        })
}

/// A table of other lines with secrets somewhere in them.
fn table(
    name: &'static str,
    keys: &'static [&'static str],
) -> impl Strategy<Value = (Vec<String>, Vec<String>)> {
    let secrets: Vec<_> = keys
        .iter()
        .map(|key| (any::<prop::sample::Index>(), option::of(secret_line(key))))
        .collect();
    (vec(other_line(), 0..6), secrets).prop_map(move |(others, secrets)| {
        // Twice the same key is no TOML.
        let mut lines: Vec<String> = Vec::new();
        for (number, line) in others.into_iter().enumerate() {
            let is_setting = !line.is_empty() && !line.starts_with('#');
            lines.push(if is_setting {
                format!("k{number}_{line}")
            } else {
                line
            });
        }
        let mut values = Vec::new();
        for (place, secret) in secrets {
            if let Some((secret, line)) = secret {
                lines.insert(place.index(lines.len() + 1), line);
                values.push(secret);
            }
        }
        lines.insert(0, format!("[{name}]"));
        (values, lines)
    })
}

proptest! {
    /// Nothing but a secret is changed, and no secret stays.
    #[test]
    fn masking_takes_the_secrets_and_nothing_else(
        carrier in table("carrier", &["password", "pin"]),
        aws in table("aws", &["secret_access_key"]),
        end in prop::sample::select(vec!["\n", "\r\n"]),
        mark: bool,
    ) {
        let lines: Vec<_> = carrier.1.iter().chain(&aws.1).cloned().collect();
        let values: Vec<_> = carrier.0.iter().chain(&aws.0).collect();
        let text = format!("{}{}{end}", if mark { BYTE_ORDER_MARK } else { "" }, lines.join(end));
        let before: Table = toml::from_str(text.trim_start_matches(BYTE_ORDER_MARK)).unwrap();
        let masked = mask(&text, &[]).map_or(text.clone(), |masked| masked.text);
        prop_assert_eq!(masked.len(), text.len());
        for secret in values {
            prop_assert!(!masked.contains(secret.as_str()), "{}", masked);
        }
        // What is changed lies in the place of some secret.
        let places: Vec<_> = secrets(&text).into_iter().map(|found| found.span).collect();
        for (at, (old, new)) in text.bytes().zip(masked.bytes()).enumerate() {
            prop_assert!(old == new || places.iter().any(|place| place.contains(&at)), "{}", masked);
        }
        // The rest means the same, and the secrets come back.
        prop_assert_eq!(mask(&masked, &[]), None);
        let filled: Table =
            toml::from_str(fill(&masked, &before).trim_start_matches(BYTE_ORDER_MARK)).unwrap();
        prop_assert_eq!(filled, before);
    }

    #[test]
    fn anything_is_masked_without_panic(text: String, tokens in vec(prop::sample::select(vec![
        "carrier", "console", "password", "pin", "[", "]", "=", ".", "{", "}", "'", "\"", "\n", "***", "é", ","
    ]), 0..30)) {
        for text in [text, tokens.concat()] {
            if let Some(masked) = mask(&text, &[]) {
                prop_assert_eq!(masked.text.len(), text.len());
            }
            fill(&text, &Table::new());
        }
    }
}
