//! Command lines that name no service.
#![allow(clippy::unwrap_used)]

use std::{os::unix::process::CommandExt, process::Command};

#[test]
fn invalid_service_is_reported_and_exits_2() {
    let names =
        "expected one of network, uplink, health, clock, dyndns, update, console, storage, slots";
    for (words, got) in [
        (&["nonsense"][..], "got \"nonsense\""),
        (&["supervisor"][..], "got \"supervisor\""),
        (&["a\nb"][..], "got \"a\\nb\""),
        (&[][..], "got nothing (and this is not PID 1)"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_failberry"))
            .args(words)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert_eq!(output.stdout, b"");
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            format!("failberry: {names}, {got}\n")
        );
    }
}

#[test]
fn empty_program_name_does_not_panic() {
    let output = Command::new(env!("CARGO_BIN_EXE_failberry"))
        .arg0("")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}
