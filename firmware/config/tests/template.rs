//! The file that goes onto the card.
#![allow(clippy::unwrap_used, clippy::panic)]

use failberry_config::{Config, Firewall, parse};

const TEMPLATE: &str = include_str!("../../../board/failberrypi.toml");

/// The template as somebody leaves it who removes every `#` before a setting. Settings that have
/// no sensible example get one here.
fn filled_in() -> String {
    let base64 = "MIIBszCCAVmgAwIBAgIUU2FtcGxlIG9ubHksIG5vdCByZWFs";
    let mut text = String::new();
    for line in TEMPLATE.lines() {
        let setting = line
            .strip_prefix('#')
            .filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        text.push_str(setting.unwrap_or(line));
        text.push('\n');
        if setting == Some("password = \"\"") && text.contains("\n[console]\n") {
            let empty = text.len() - "\"\"\n".len();
            text.replace_range(empty.., "\"open sesame\"\n");
        }
        if setting == Some("-----BEGIN CERTIFICATE-----") {
            text.push_str(base64);
            text.push('\n');
        }
    }
    text.replace("pin = \"\"", "pin = \"1234\"")
        .replace(
            "access_key_id = \"\"",
            "access_key_id = \"AKIAIOSFODNN7EXAMPLE\"",
        )
        .replace(
            "secret_access_key = \"\"",
            "secret_access_key = \"wJalrXUtnFEMIK7MDENG\"",
        )
}

#[test]
fn untouched_it_is_the_default_without_problems_or_secrets() {
    let parsed = parse(TEMPLATE);
    assert_eq!(parsed.problems, []);
    assert_eq!(parsed.config, Config::default());
}

#[test]
fn every_example_in_it_is_valid() {
    let parsed = parse(&filled_in());
    assert_eq!(parsed.problems, []);
    let config = parsed.config;
    assert_eq!(config.carrier.unwrap().apn, "internet");
    assert_eq!(config.stick.port.as_deref(), Some("1-1.3"));
    assert_eq!(config.lan.address.unwrap().prefix, 24);
    assert_eq!(config.dyndns.unwrap().ttl, 60);
    assert!(config.aws.is_some());
    assert_ne!(config.firewall, Firewall::default());
    assert_eq!(config.time.servers.len(), 4);
    assert_eq!(config.update.keys.len(), 1);
    assert!(config.console.password.is_some());
}

#[test]
fn it_explains_every_key_and_shows_the_defaults() {
    let config = parse(&filled_in()).config;
    let serde = toml::Table::try_from(&config).unwrap();
    for (table, value) in &serde {
        assert!(TEMPLATE.contains(&format!("\n[{table}]\n")), "[{table}]");
        let toml::Value::Table(keys) = value else {
            panic!("{table} is no table")
        };
        for key in keys.keys().filter(|key| *key != "forward") {
            assert!(TEMPLATE.contains(&format!("\n#{key} = ")), "{table}.{key}");
        }
    }
    let default = Config::default();
    assert_eq!(config.time, default.time);
    assert_eq!(config.system, default.system);
    assert_eq!(config.console.enabled, default.console.enabled);
    let (shown, default) = (&config.update, default.update);
    assert_eq!(
        (shown.over_mobile, shown.every_hours, shown.port),
        (default.over_mobile, default.every_hours, default.port)
    );
    // A few keys on their own show what the others default to.
    let bare = parse(
        "[carrier]\napn='a'\n[dyndns]\nname='a.b'\nzone='Z1'\n[aws]\naccess_key_id='AKIAIOSFODNN7EXAMPLE'\n\
         secret_access_key='wJalrXUtnFEMIK7MDENG'",
    );
    assert_eq!(bare.problems, []);
    let (shown, default) = (config.dyndns.unwrap(), bare.config.dyndns.unwrap());
    assert_eq!(
        (shown.ttl, shown.publish_private, shown.endpoint),
        (default.ttl, default.publish_private, default.endpoint)
    );
    let (shown, default) = (config.carrier.unwrap(), bare.config.carrier.unwrap());
    assert_eq!(
        (shown.dial, shown.pin_without_counter),
        (default.dial, default.pin_without_counter)
    );
    assert_eq!(config.aws.unwrap().region, bare.config.aws.unwrap().region);
}
