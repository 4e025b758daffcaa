//! What holds for any file.
#![allow(clippy::unwrap_used)]

use std::net::Ipv4Addr;

use failberry_config::{
    Aws, Carrier, Cidr, Config, Console, Dyndns, Firewall, Forward, Lan, Protocol, PublicKey,
    Secret, Stick, System, Time, Update, import, parse, parse_bytes,
};
use proptest::{collection::vec, option, prelude::*};

const PASSWORD: &str = "Tr0ub4dor-Zx9";
const PIN: &str = "83920174";
const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCY";

fn example() -> String {
    format!(
        "[carrier]\napn = \"internet\"\npassword = \"{PASSWORD}\"\npin = \"{PIN}\"\n\n[aws]\n\
         access_key_id = \"AKIAIOSFODNN7EXAMPLE\"\nsecret_access_key = \"{KEY}\"\n\n[firewall]\n\
         allow = [\"192.168.88.0/24\"]\n[[firewall.forward]]\nprotocol = \"udp\"\nport = 1194\nto = \"10.0.0.1\"\n"
    )
}

fn name() -> impl Strategy<Value = String> {
    "([a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?\\.){1,3}[a-z]{2,6}"
}

fn host() -> impl Strategy<Value = Ipv4Addr> {
    (1u8..=223, any::<[u8; 3]>())
        .prop_filter("loopback", |(first, _)| *first != 127)
        .prop_map(|(a, [b, c, d])| Ipv4Addr::new(a, b, c, d))
}

fn carrier() -> impl Strategy<Value = Carrier> {
    let pin = option::of("[0-9]{4,8}".prop_map(Secret::from));
    (
        "[a-z0-9.-]{1,100}",
        "\\*[0-9][0-9*]{0,8}#",
        "\\PC{0,60}",
        "\\PC{0,60}",
        pin,
        any::<bool>(),
    )
        .prop_map(|(apn, dial, user, password, pin, pin_without_counter)| {
            // Stars alone stand for something else.
            let clean = |text: String| {
                let text = text.replace(char::REPLACEMENT_CHARACTER, "");
                let is_mask = text.bytes().all(|byte| byte == b'*');
                if is_mask { String::new() } else { text }
            };
            Carrier {
                apn,
                dial,
                user: clean(user),
                password: clean(password).into(),
                pin,
                pin_without_counter,
            }
        })
}

fn lan() -> impl Strategy<Value = Lan> {
    let hostname = || option::of("[a-z]([a-z0-9-]{0,20}[a-z0-9])?");
    let fixed = (
        1u8..=223,
        any::<[u8; 2]>(),
        2u8..=254,
        vec(host(), 0..8),
        hostname(),
    )
        .prop_filter("loopback", |(first, ..)| *first != 127)
        .prop_map(|(a, [b, c], d, dns, hostname)| Lan {
            address: Some(Cidr {
                address: Ipv4Addr::new(a, b, c, d),
                prefix: 24,
            }),
            gateway: Some(Ipv4Addr::new(a, b, c, 1)),
            dns,
            hostname,
        });
    prop_oneof![
        hostname().prop_map(|hostname| Lan {
            hostname,
            ..Lan::default()
        }),
        fixed
    ]
}

fn record() -> impl Strategy<Value = (Dyndns, Aws)> {
    let pem = option::of(
        "-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{64}\n){1,3}-----END CERTIFICATE-----\n",
    );
    let endpoint = (name(), option::of(1u16..)).prop_map(|(host, port)| {
        port.map_or_else(
            || format!("https://{host}"),
            |port| format!("https://{host}:{port}"),
        )
    });
    let aws = (
        "[A-Z0-9]{16,30}",
        "[A-Za-z0-9/+=]{40}",
        "[a-z]{2}-[a-z]{4,9}-[1-9]",
    );
    (
        name(),
        "Z[A-Z0-9]{1,31}",
        1u32..=86_400,
        any::<bool>(),
        endpoint,
        pem,
        aws,
    )
        .prop_map(
            |(name, zone, ttl, publish_private, endpoint, ca, (access_key_id, key, region))| {
                (
                    Dyndns {
                        name,
                        zone,
                        ttl,
                        publish_private,
                        endpoint,
                        ca,
                    },
                    Aws {
                        access_key_id,
                        secret_access_key: key.into(),
                        region,
                    },
                )
            },
        )
}

fn firewall() -> impl Strategy<Value = Firewall> {
    let network = (host(), 0u8..=32).prop_map(|(address, prefix)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        Cidr {
            address: Ipv4Addr::from_bits(address.to_bits() & mask),
            prefix,
        }
    });
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
    let forward =
        (protocol, 1u16.., host(), option::of(1u16..)).prop_map(|(protocol, port, to, to_port)| {
            Forward {
                protocol,
                port,
                to,
                to_port,
            }
        });
    (option::of(vec(network, 0..5)), vec(forward, 0..5)).prop_map(|(allow, mut forward)| {
        forward.retain(|f| f.port != 9000);
        forward.sort_by_key(|f| (f.port, f.protocol == Protocol::Tcp));
        forward.dedup_by_key(|f| (f.port, f.protocol));
        Firewall { allow, forward }
    })
}

fn stick() -> impl Strategy<Value = Stick> {
    let port = option::of("[1-9](-[1-9])(\\.[1-9][0-9]?){0,5}");
    (port, any::<bool>()).prop_map(|(port, keep_cdrom)| Stick { port, keep_cdrom })
}

fn life() -> impl Strategy<Value = (Update, Console, System)> {
    let keys = vec(any::<[u8; 32]>().prop_map(PublicKey), 0..3);
    let url = option::of((name(), "[a-z0-9/.?=-]{0,20}"))
        .prop_map(|url| url.map(|(host, path)| format!("https://{host}/{path}")));
    let ca = "-----BEGIN CERTIFICATE-----\n[A-Za-z0-9/+]{4,64}\n-----END CERTIFICATE-----\n";
    let ca = option::of(ca);
    let update = (keys, url, ca, any::<bool>(), 1u32..=744, 9002u16..).prop_map(
        |(keys, url, ca, over_mobile, every_hours, port)| Update {
            keys,
            url,
            ca,
            over_mobile,
            every_hours,
            port,
        },
    );
    let password = option::of("[a-z]{4,20}".prop_map(Secret::from));
    let console =
        (any::<bool>(), password).prop_map(|(enabled, password)| Console { enabled, password });
    let system = any::<bool>().prop_map(|keep_secrets| System { keep_secrets });
    (update, console, system)
}

fn config() -> impl Strategy<Value = Config> {
    let time = vec(name(), 1..8).prop_map(|servers| Time { servers });
    (
        option::of(carrier()),
        stick(),
        lan(),
        option::of(record()),
        firewall(),
        time,
        life(),
    )
        .prop_map(|(carrier, stick, lan, record, firewall, time, life)| {
            let (update, console, system) = life;
            let (dyndns, aws) = record.unzip();
            Config {
                carrier,
                stick,
                lan,
                dyndns,
                aws,
                firewall,
                time,
                update,
                console,
                system,
            }
        })
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
        parse_bytes(&bytes);
    }

    #[test]
    fn any_mix_of_tokens_is_read_without_panic(
        tokens in vec(prop::sample::select(vec![
            "[", "]", "[[", "]]", "\n", "\r\n", "=", ".", ",", "{", "}", "\"", "'", "\"\"\"", "#", " ", "1", "-",
            "true", "firewall", "forward", "allow", "carrier", "apn", "lan", "address", "time", "servers", "\u{feff}",
            "10.0.0.0/8", "é", "\0",
        ]), 0..60)
    ) {
        let text = tokens.concat();
        for problem in parse(&text).problems {
            prop_assert!(problem.line >= 1 && problem.line <= text.split('\n').count());
            prop_assert!(!problem.to_string().contains(char::is_control), "{:?}", problem);
        }
    }

    #[test]
    fn any_valid_config_comes_back(config in config()) {
        let text = toml::to_string(&config).unwrap();
        let parsed = parse(&text);
        prop_assert_eq!(&parsed.problems, &[], "{}", text);
        prop_assert_eq!(&parsed.config, &config);
        prop_assert_eq!(&import(text.as_bytes(), None).config, &config);
    }

    /// Whatever is imported after whatever, the settings kept mean what is in force.
    #[test]
    fn what_is_kept_is_what_is_in_force(
        before in config(), slips in vec((0usize..400, "[^a]?"), 0..4)
    ) {
        let before = import(toml::to_string(&before).unwrap().as_bytes(), None).settings;
        let mut text = example();
        for (at, put) in slips {
            let at = at % text.len();
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                text.replace_range(at..=at, &put);
            }
        }
        let imported = import(text.as_bytes(), Some(&before));
        prop_assert_eq!(parse(&imported.settings).config, imported.config);
    }

    /// Slips of the finger: letters lost, added, changed.
    #[test]
    fn a_damaged_file_tells_no_secret_and_opens_nothing(
        slips in vec((0usize..400, prop::sample::select(vec!["", "x", "\"", "\n", "[", "]", "=", "#", "'"]), any::<bool>()), 1..4)
    ) {
        let mut text = example();
        for (at, put, replace) in slips {
            let at = at % text.len();
            text.replace_range(at..at + usize::from(replace), put);
        }
        let parsed = parse(&text);
        let told = format!("{parsed:?} {}", parsed.problems.iter().map(ToString::to_string).collect::<String>());
        for secret in [PASSWORD, PIN, KEY] {
            prop_assert!(!told.contains(secret), "{text}\n{told}");
        }
    }

    /// Whatever one slip does to `[firewall]`, it lets nobody in who was kept out, unless it hides
    /// the list behind a comment sign.
    #[test]
    fn a_damaged_list_is_not_everybody(at in 0usize..400, put in "[^#]?", replace: bool) {
        let mut text = example();
        let at = at % text.len();
        text.replace_range(at..at + usize::from(replace), &put);
        prop_assert!(parse(&text).config.firewall.allow.is_some(), "{text}");
    }
}
