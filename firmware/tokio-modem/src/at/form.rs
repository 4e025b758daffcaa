//! Classification of a line by its form alone.

/// First characters of the names of unsolicited results: 3GPP uses `+`, vendors the others
/// (Huawei and Cinterion `^`, Icera and Sequans `%`, Ericsson `*`, Qualcomm `$`, Option `_`, Telit
/// `#`, Sierra `!`).
const SIGNS: [char; 8] = ['+', '^', '%', '*', '$', '_', '#', '!'];

/// Unsolicited results without arguments: calls, restarts, and the SIM, its phone books or its
/// messages becoming ready.
const WORDS: &[&str] = &[
    "RING",
    "BOOT",
    "RDY",
    "APP RDY",
    "START",
    "SIM READY",
    "SIM REMOVED",
    "SMS Ready",
    "SMS READY",
    "SMS DONE",
    "Call Ready",
    "CALL READY",
    "PB DONE",
    "PB READY",
    "NORMAL POWER DOWN",
    "POWERED DOWN",
    "RESTART",
    "SYSSTART",
    "OPL UPDATING",
    "PNN UPDATING",
    "AT-Command Interpreter ready",
];

/// Prefixes of unsolicited lines without a sign: calls, power supply, and sentences of a GPS
/// receiver.
const STARTS: &[&str] = &[
    "MISSED_CALL:",
    "VOICE CALL:",
    "UNDER-VOLTAGE",
    "OVER-VOLTAGE",
    "$GP",
    "$GN",
];

/// Returns whether the line has the form of an unsolicited result: a word of the list, `+NAME…` or `^NAME…`, and `NAME:` after
/// another vendor's sign. An echo that lost its start has it only without arguments.
pub(super) fn is_unsolicited(line: &str) -> bool {
    let mut characters = line.chars();
    match characters.next() {
        Some('+' | '^') => {
            let (name, _) = characters
                .as_str()
                .split_once(':')
                .unwrap_or((characters.as_str(), ""));
            is_name(name, u8::is_ascii_alphanumeric)
        }
        Some(sign) if SIGNS.contains(&sign) => is_result(line) || is_word(line),
        Some(sign) if sign.is_ascii_alphabetic() => is_word(line),
        _ => false,
    }
}

/// Returns whether a line within a message is unsolicited. A message may have lines of one word: of
/// those only `RING` counts.
pub(super) fn is_unsolicited_in_text(line: &str) -> bool {
    line == "RING" || (is_unsolicited(line) && !is_word(line))
}

/// Returns whether the line begins with `NAME:` in capitals after a sign. Quoted text may have lines
/// that begin like an unsolicited result, but hardly one of this form.
pub(super) fn is_result(line: &str) -> bool {
    let Some((name, _)) = line
        .strip_prefix(SIGNS)
        .and_then(|rest| rest.split_once(':'))
    else {
        return false;
    };
    let is_capital = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && is_name(name, is_capital)
}

/// Returns whether the line is one of the unsolicited words.
pub(super) fn is_word(line: &str) -> bool {
    WORDS.contains(&line) || STARTS.iter().any(|start| line.starts_with(start))
}

/// Returns whether the line is an echoed command: `AT` and then a sign.
pub(super) fn is_command(line: &str) -> bool {
    let rest = line
        .get(..2)
        .filter(|start| start.eq_ignore_ascii_case("AT"));
    rest.is_some()
        && line
            .get(2..)
            .is_some_and(|rest| rest.starts_with(SIGNS) || rest.starts_with('&'))
}

/// Returns whether the line may be a bare value, such as a model or serial number, and not a late
/// echo.
pub(super) fn is_bare(line: &str) -> bool {
    !is_unsolicited(line) && !line.starts_with("AT") && !line.contains('=')
}

/// Returns whether the last field begins with an unterminated quote. A quote ends a field if a comma,
/// a bracket or the end of the line follows; others are part of the text.
pub(super) fn is_open(line: &str) -> bool {
    if !line.contains('"') {
        return false;
    }
    let mut open = false;
    let mut at_start = false;
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            '"' if open => {
                let after = rest.as_str().trim_start_matches([' ', '\t']);
                open = !(after.is_empty() || after.starts_with([',', ')', ';', '\n']));
            }
            '"' => open = at_start,
            ' ' | '\t' => continue,
            _ => {}
        }
        at_start = !open && matches!(character, ':' | ',' | '(');
    }
    open
}

fn is_name(name: &str, is_part: impl Fn(&u8) -> bool) -> bool {
    !name.is_empty() && name.bytes().all(|byte| is_part(&byte) || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_open_only_where_a_field_begins() {
        for (line, open) in [
            ("+CUSD: 1,\"Balance", true),
            ("+CUSD: 1,\"Balance\",15", false),
            ("+CUSD: 1,\"Say \"hi\" now", true),
            ("+CUSD: 1,\"Say \"hi now\" ,15", false),
            ("+CUSD: 1,\"Balance\n12", true),
            ("+CUSD: 1,\"Balance\n12\",15", false),
            ("+COPS: (2,\"A\",\"B\",\"25002\"),(1,\"C", true),
            ("+COPS: (2,\"A\",\"B\",\"25002\")", false),
            ("+CGMM: 7\" router", false),
            ("+CUSD: 0,a 5\" screen", false),
            ("+CUSD: 1,\"", true),
            ("+CUSD: 1,\"\"", false),
            ("+CSQ: 17,99", false),
        ] {
            assert_eq!(is_open(line), open, "{line}");
        }
    }

    #[test]
    fn results_differ_from_text_with_a_sign() {
        for line in [
            "+CSQ: 1",
            "^RSSI:19",
            "*EMRDY: 1",
            "%NWSTATE: 1",
            "$QCSQ: 1",
            "_OSIGQ: 9,0",
            "#STN: 1",
            "!GSTATUS: 1",
        ] {
            assert!(is_result(line) && is_unsolicited(line), "{line}");
        }
        for line in [
            "*100#: balance",
            "*Info: 5",
            "#1",
            "+Tel: 1",
            "+316: x",
            "%: a",
            "$5: left",
            "! NOTE: a",
        ] {
            assert!(!is_result(line), "{line}");
        }
        for line in [
            "RING",
            "BOOT",
            "Call Ready",
            "+ZEND",
            "^SYSSTART",
            "VOICE CALL: BEGIN",
            "$GPGGA,1,2",
        ] {
            assert!(is_unsolicited(line), "{line}");
        }
        for line in [
            "MF180",
            "Ringo",
            "",
            "BD_P673A2V1.0.0B09",
            "Ä",
            "#5",
            "*100#",
        ] {
            assert!(!is_unsolicited(line), "{line}");
        }
    }
}
