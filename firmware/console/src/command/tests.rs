#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{table::TABLE, *};
use crate::line::WIDTH;

fn command(line: &str) -> Command {
    parse(line).unwrap().unwrap().0
}

fn error(line: &str) -> String {
    parse(line).unwrap_err().to_string()
}

fn completed(before: &str) -> Vec<String> {
    complete(before).words
}

#[test]
fn lines_parse_to_commands() {
    assert_eq!(parse("  ").unwrap(), None);
    for (line, expected) in [
        ("status", Command::Status),
        (" modem ", Command::Modem),
        (
            "modem at  AT+CGDCONT=1,\"IP\",\"a  b\"",
            Command::ModemAt("AT+CGDCONT=1,\"IP\",\"a  b\"".into()),
        ),
        (
            "log",
            Command::Log {
                follow: false,
                of: None,
            },
        ),
        (
            "log -f uplink",
            Command::Log {
                follow: true,
                of: Some("uplink".into()),
            },
        ),
        (
            "log kernel",
            Command::Log {
                follow: false,
                of: Some("kernel".into()),
            },
        ),
        ("restart clock", Command::Restart(Service::Clock)),
        ("slots choose b", Command::SlotsChoose(Slot::B)),
        ("autorun off", Command::Autorun { on: false }),
        ("config show", Command::ConfigShow),
    ] {
        assert_eq!(command(line), expected, "{line}");
    }
}

#[test]
fn parse_errors_name_what_was_expected() {
    for (line, expected) in [
        ("sh", "expected a command (help lists them), got \"sh\""),
        ("config", "expected show, check or revert after \"config\""),
        ("config sho", "expected show, check or revert, got \"sho\""),
        ("modem as", "expected at, got \"as\""),
        ("modem at", "expected a command after \"modem at\""),
        ("slots choose c", "expected a or b, got \"c\""),
        ("slots choose", "expected a or b after \"slots choose\""),
        (
            "status now",
            "expected nothing more after \"status\", got \"now\"",
        ),
        (
            "log -f clock x",
            "expected nothing more after \"log\", got \"x\"",
        ),
    ] {
        assert_eq!(error(line), expected, "{line}");
    }
    // PID 1 cannot be restarted.
    assert!(error("restart supervisor").starts_with("expected network, "));
}

#[test]
fn disruptive_commands_need_confirmation() {
    for line in [
        "modem at ATI",
        "power-cycle",
        "config revert",
        "slots choose a",
        "restart uplink",
        "reboot",
        "factory-reset",
    ] {
        let (_, confirm) = parse(line).unwrap().unwrap();
        assert!(confirm.is_some(), "{line}");
    }
    let (_, confirm) = parse("factory-reset").unwrap().unwrap();
    assert!(matches!(confirm, Some(Confirm::Word(_, "erase"))));
}

#[test]
fn completion_offers_words_that_fit() {
    assert_eq!(completed("st"), ["status"]);
    assert_eq!(completed("re"), ["redial", "restart", "reboot"]);
    assert_eq!(completed("config "), ["show", "check", "revert"]);
    assert_eq!(completed("restart up"), ["uplink", "update"]);
    assert_eq!(completed("log -f cl"), ["clock"]);
    assert_eq!(completed("log -"), ["-f"]);
    assert_eq!(completed("slots choose "), ["a", "b"]);
    for nothing in ["x", "status ", "modem at A", "log clock ", "config show s"] {
        assert_eq!(completed(nothing), [""; 0], "{nothing}");
    }
    assert_eq!(complete("config re").typed, 2);
    assert!(completed("").contains(&"help".into()));
}

#[test]
fn help_page_fits_a_screen_and_is_complete() {
    let page = help();
    assert!(page.len() <= 22, "{} lines", page.len());
    for line in &page {
        assert!(line.len() < WIDTH, "{line}");
    }
    for spec in TABLE {
        let words = spec.words.join(" ");
        assert!(page.iter().any(|line| line.starts_with(&words)), "{words}");
    }
}

proptest! {
    #[test]
    fn any_line_parses_or_fails(line in ".{0,60}") {
        let _ = parse(&line);
        let _ = complete(&line);
    }

    #[test]
    fn every_completion_parses(start in "[a-z]{0,3}( [a-z-]{0,3})?") {
        for word in completed(&start) {
            let typed = start.rsplit(' ').next().unwrap();
            let whole = start.strip_suffix(typed).unwrap().to_owned() + &word;
            match parse(&whole) {
                Ok(_) | Err(ParseError::Missing { .. }) => {}
                Err(error) => prop_assert!(false, "{}: {}", whole, error),
            }
        }
    }
}
