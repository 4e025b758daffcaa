//! What is told about a wrong file, and what remains of it.
#![allow(clippy::unwrap_used)]

use failberry_config::{Config, Firewall, MAX_BYTES, Parsed, parse, parse_bytes};

fn told(text: &str) -> Vec<String> {
    parse(text)
        .problems
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// Text of the file, and the one thing told about it.
const PROBLEMS: &[(&str, &str)] = &[
    (
        "[carrier]\napn = \"a\\\"b\"",
        "line 2, key carrier.apn: expected an access point name of 1 to 100 letters, digits, dots or hyphens, got \"a\\\"b\"",
    ),
    (
        "[carrier]\n\napn = 5",
        "line 3, key carrier.apn: expected an access point name of 1 to 100 letters, digits, dots or hyphens, got 5",
    ),
    (
        "[carrier]\ndial = '*99#'",
        "line 1, key carrier.apn: expected an access point name of 1 to 100 letters, digits, dots or hyphens, got nothing: the key is missing",
    ),
    (
        "[carrier]\napn='a'\ndial = '*99#\\rATZ'",
        "line 3, key carrier.dial: expected a dial string of 1 to 40 digits, *, #, + or commas such as *99#, got \"*99#\\\\rATZ\"",
    ),
    (
        "[carrier]\napn='a'\npin = 1234",
        "line 3, key carrier.pin: expected a PIN of 4 to 8 digits in quotes, got a number without quotes (not shown)",
    ),
    (
        "[carrier]\napn='a'\npin = '123'",
        "line 3, key carrier.pin: expected a PIN of 4 to 8 digits in quotes, got another text (not shown)",
    ),
    (
        "[carrier]\napn='a'\npin_without_counter = 'true'",
        "line 3, key carrier.pin_without_counter: expected true or false (without quotes), got \"true\"",
    ),
    (
        "[carrier]\napn='a'\npin_without_count = true",
        "line 3, key carrier.pin_without_count: no such key; did you mean pin_without_counter?",
    ),
    (
        "[carrier]\napn='a'\npasword = 'x'",
        "line 3, key carrier.pasword: no such key; did you mean password?",
    ),
    (
        "[carrier]\napn='a'\nservers = []",
        "line 3, key carrier.servers: no such key here; it belongs under [time]",
    ),
    (
        "carrier = 'internet'",
        "line 1, key carrier: expected a table [carrier], got another text (not shown)",
    ),
    (
        "[[carrier]]\napn='a'",
        "line 1, key carrier: expected a table [carrier], got a list",
    ),
    (
        "\n[carier]\napn='a'",
        "line 2, key carier: no such key; did you mean carrier?",
    ),
    (
        "apn = 'a'",
        "line 1, key apn: no such key here; it belongs under [carrier]",
    ),
    (
        "[dyndns]\nname='a.b'\nzone='Z1'\n[aws]\naccess_key_id='wJalrXUtnFEMIK7MDENGbPxRfiCY'\nsecret_access_key='AKIAIOSFODNN7EXAMPLE'",
        "line 5, key aws.access_key_id: expected an access key id of 16 to 128 capital letters and digits such as AKIAIOSFODNN7EXAMPLE, got another text (not shown)",
    ),
    (
        "[update]\nkeys = ['c2hvcnQ=']",
        "line 2, key update.keys: expected an Ed25519 public key: the base64 of 32 bytes, got another text (not shown)",
    ),
    (
        "[update]\nurl = 'http://example.org/x'",
        "line 2, key update.url: expected a URL such as https://example.org/failberrypi.update without user or password, got another text (not shown)",
    ),
    (
        "[update]\n\nevery_hours = 0",
        "line 3, key update.every_hours: expected a number from 1 to 744, got 0",
    ),
    (
        "[update]\nport = 80",
        "line 2, key update.port: expected a number from 1024 to 65535, got 80",
    ),
    (
        "[update]\nport = 9000",
        "line 2, key update.port: expected another port than 9000: it is taken",
    ),
    (
        "[console]\npassword = 'abc'",
        "line 2, key console.password: expected a password of 4 to 64 letters, digits, signs or spaces, got another text (not shown)",
    ),
    (
        "[sistem]\nkeep_secrets = true",
        "line 1, key sistem: no such key; did you mean system?",
    ),
    (
        "keep_secrets = true",
        "line 1, key keep_secrets: no such key here; it belongs under [system]",
    ),
    (
        "[lan]\naddress = '192.168.88.2'",
        "line 2, key lan.address: expected an address with its prefix length (8 to 30) such as 192.168.88.2/24, got \"192.168.88.2\"",
    ),
    (
        "[lan]\naddress = '192.168.88.2/24'",
        "line 1, key lan.gateway: expected the router's address for the static 192.168.88.2/24, got nothing",
    ),
    (
        "[lan]\naddress = '192.168.88.2/24'\ngateway='192.168.89.1'",
        "line 3, key lan.gateway: expected a host in the network of 192.168.88.2/24, got 192.168.89.1",
    ),
    (
        "[lan]\naddress = '192.168.88.2/24'\ngateway='192.168.88.2'",
        "line 3, key lan.gateway: expected the router's address, got our own 192.168.88.2",
    ),
    (
        "[lan]\naddress = '192.168.88.2/24'\ngateway='192.168.88.255'",
        "line 3, key lan.gateway: expected a host in the network of 192.168.88.2/24, got 192.168.88.255",
    ),
    (
        "[lan]\ngateway='192.168.88.1'",
        "line 2, key lan.gateway: expected only together with address, got no address (it comes by DHCP)",
    ),
    (
        "[lan]\ndns=['192.168.88.1']",
        "line 2, key lan.dns: expected only together with address, got no address (it comes by DHCP)",
    ),
    (
        "[lan]\nhostname='-a'",
        "line 2, key lan.hostname: expected a host name of 1 to 63 letters, digits or hyphens, got \"-a\"",
    ),
    (
        "[dyndns]\nzone='Z1'\nname='a..b'",
        "line 3, key dyndns.name: expected a DNS name such as gsm.example.org, got \"a..b\"",
    ),
    (
        "[dyndns]\nname='a.b'\nzone='/hostedzone/Z1'",
        "line 3, key dyndns.zone: expected a hosted zone id such as Z0123456789ABC (without /hostedzone/), got \"/hostedzone/Z1\"",
    ),
    (
        "[dyndns]\nname='a.b'\nzone='Z1'\nttl=0",
        "line 4, key dyndns.ttl: expected a number from 1 to 86400, got 0",
    ),
    (
        "[dyndns]\nname='a.b'\nzone='Z1'\nttl='60'",
        "line 4, key dyndns.ttl: expected a number from 1 to 86400, got \"60\"",
    ),
    (
        "[dyndns]\nname='a.b'\nzone='Z1'\npublish_private='yes'",
        "line 4, key dyndns.publish_private: expected true or false (without quotes), got \"yes\"",
    ),
    (
        "[dyndns]\nname='a.b'\nzone='Z1'\nendpoint='http://a.b'",
        "line 4, key dyndns.endpoint: expected a URL such as https://route53.amazonaws.com without path, user or password, got another text (not shown)",
    ),
    (
        "[update]\nca='x'",
        "line 2, key update.ca: expected certificates between lines -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----, got another text (not shown)",
    ),
    (
        "[dyndns]\nname='a.b'\nzone='Z1'\nca='x'",
        "line 4, key dyndns.ca: expected certificates between lines -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----, got another text (not shown)",
    ),
    (
        "\n[dyndns]\nname='a.b'\nzone='Z1'",
        "line 2, key dyndns: expected [aws] with the keys that may change a.b, got none",
    ),
    (
        "[firewall]\nallow=['192.168.88.5/24']",
        "line 2, key firewall.allow: expected a network such as 192.168.88.0/24 (its first address) or a host such as 192.168.88.10, got \"192.168.88.5/24\"",
    ),
    (
        "[firewall]\nallow='192.168.88.0/24'",
        "line 2, key firewall.allow: expected a list of a network such as 192.168.88.0/24 (its first address) or a host such as 192.168.88.10, got \"192.168.88.0/24\"",
    ),
    (
        "[[firewall.forward]]\nprotocol='tcp'\nport=0\nto='10.0.0.1'",
        "line 3, key firewall.forward.port: expected a number from 1 to 65535, got 0",
    ),
    (
        "[[firewall.forward]]\nprotocol='tcp'\nto='10.0.0.1'",
        "line 1, key firewall.forward.port: expected a port number, got nothing: the key is missing",
    ),
    (
        "[[firewall.forward]]\nprotocol='icmp'\nport=1\nto='10.0.0.1'",
        "line 2, key firewall.forward.protocol: expected \"tcp\" or \"udp\", got \"icmp\"",
    ),
    (
        "[[firewall.forward]]\nprotocol='tcp'\nport=9000\nto='10.0.0.1'",
        "line 3, key firewall.forward.port: expected another port than 9000: it answers the health checks",
    ),
    (
        "[firewall]\nforward=[\n{protocol='tcp',port=1,to='10.0.0.1'},\n{protocol='tcp',port=1,to='10.0.0.2'}]",
        "line 4, key firewall.forward.port: expected each port once, got 1 a second time",
    ),
    (
        "[firewall]\nforward=[1]",
        "line 2, key firewall.forward: expected tables [[firewall.forward]], got 1",
    ),
    (
        "[time]\nservers=[]",
        "line 2, key time.servers: expected at least one server, got an empty list",
    ),
    (
        "[time]\nservers=['10.0.0.256']",
        "line 2, key time.servers: expected a server such as pool.ntp.org or 192.168.88.1, got \"10.0.0.256\"",
    ),
    (
        "[time]\nservers=['a','b','c','d','e','f','g','h','i']",
        "line 2, key time.servers: expected at most 8 entries, got 9",
    ),
];

#[test]
fn each_problem_has_line_key_expected_and_got() {
    for (text, expected) in PROBLEMS {
        assert_eq!(told(text), [*expected], "{text}");
    }
}

#[test]
fn these_are_fine() {
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\nBB==\n-----END CERTIFICATE-----\n";
    for text in [
        String::new(),
        "\u{feff}[carrier]\r\napn = \"internet.mts.ru\"\r\npin = \"00001234\"\r\n".into(),
        "[carrier]\napn = \"a_b-c.d\"\ndial = \"*99***1#\"\nuser = \"Jürgen\"".into(),
        "carrier = { apn = 'a' }\n[lan]\naddress = '10.0.0.2/8'\ngateway = '10.255.255.254'".into(),
        "[carrier]\n[lan]\n[dyndns]\n[aws]\n[firewall]\n[time]\n".into(),
        format!("[dyndns]\nname='a.b.'\nzone='Z1'\nca='''\nfirst:\n{pem}{pem}'''\n[aws]\naccess_key_id='AKIAIOSFODNN7EXAMPLE'\nsecret_access_key='wJalrXUtnFEMI+K7/DENG='"),
        "[[firewall.forward]]\nprotocol='tcp'\nport=53\nto='10.0.0.1'\n[[firewall.forward]]\nprotocol='udp'\nport=53\nto='10.0.0.1'\nto_port=5353".into(),
        "[firewall]\nallow=['10.0.0.0/8','192.168.1.7','0.0.0.0/0']".into(),
    ] {
        assert_eq!(told(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn certificates_that_are_none() {
    for pem in [
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\nAAAA",
        "-----BEGIN CERTIFICATE-----\nAA AA\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----END CERTIFICATE-----",
    ] {
        let text = format!("[dyndns]\nname='a.b'\nzone='Z1'\nca='''\n{pem}'''");
        assert!(
            told(&text)
                .iter()
                .any(|line| line.contains("key dyndns.ca: ")),
            "{pem}"
        );
    }
}

#[test]
fn endpoints() {
    for (url, good) in [
        ("https://route53.amazonaws.com", true),
        ("https://route53.amazonaws.com/", true),
        ("https://198.51.100.54:8443", true),
        ("https://", false),
        ("https://a.b:0", false),
        ("https://a.b:", false),
        ("https://a.b:+1", false),
        ("https://a.b:65536", false),
        ("https://me:pass@a.b", false),
        ("https://a.b/path", false),
        ("https://a.b?q", false),
        ("https://a.b\\r\\nX: y", false),
        ("ftp://a.b", false),
    ] {
        let text = format!(
            "[dyndns]\nname='a.b'\nzone='Z1'\nendpoint=\"{url}\"\n[aws]\naccess_key_id='AKIAIOSFODNN7EXAMPLE'\nsecret_access_key='wJalrXUtnFEMI+K7/DENG='"
        );
        assert_eq!(told(&text).is_empty(), good, "{url}");
    }
}

#[test]
fn a_problem_costs_its_table_only() {
    let parsed = parse(
        "[carrier]\napn='a'\n[lan]\naddress='x'\nhostname='pi'\n[time]\nservers=['t.example']",
    );
    assert_eq!(parsed.config.carrier.unwrap().apn, "a");
    assert_eq!(parsed.config.lan, Config::default().lan);
    assert_eq!(parsed.config.time.servers, ["t.example"]);
    assert_eq!(parsed.problems.len(), 1);
}

#[test]
fn a_key_of_a_newer_firmware_costs_nothing() {
    let parsed = parse("[carrier]\napn='a'\ncolour='red'\n[weather]\nsun=true");
    assert_eq!(parsed.config.carrier.unwrap().apn, "a");
    assert_eq!(parsed.config.firewall, Firewall::default());
    assert_eq!(parsed.problems.len(), 2);
}

/// Text, how many may pass (nothing: everybody), how many forwards remain.
#[test]
fn a_wrong_firewall_fails_safe() {
    const GOOD: &str = "[[firewall.forward]]\nprotocol='tcp'\nport=22\nto='10.0.0.1'\n";
    const BAD: &str = "[[firewall.forward]]\nprotocol='tcp'\nport=0\nto='10.0.0.1'\n";
    for (text, allowed, forwards) in [
        (GOOD.to_owned(), None, 1),
        (
            format!("[firewall]\nallow=['10.0.0.0/8']\n{GOOD}"),
            Some(1),
            1,
        ),
        (format!("[firewall]\nallow=[]\n{GOOD}"), Some(0), 1),
        (format!("{GOOD}{BAD}"), None, 0),
        (
            format!("[firewall]\nallow=['10.0.0.0/8']\n{GOOD}{BAD}"),
            Some(1),
            0,
        ),
        (
            format!("[firewall]\nallow=['10.0.0.0/8', 'x']\n{GOOD}"),
            Some(0),
            0,
        ),
        (format!("[firewall]\nallow='all'\n{GOOD}"), Some(0), 0),
        (
            format!("[firewall]\nalow=['10.0.0.0/8']\n{GOOD}"),
            Some(0),
            0,
        ),
        (
            format!("[firewall]\nallow=['10.0.0.0/8']\nmore=1\n{GOOD}"),
            Some(1),
            0,
        ),
        (format!("{GOOD}to_prot=23"), None, 0),
        ("[firewal]\nallow=['10.0.0.0/8']".into(), Some(0), 0),
        ("allow=['10.0.0.0/8']".into(), Some(0), 0),
        ("firewall='closed'".into(), Some(0), 0),
        ("[[firewall]]\nallow=['10.0.0.0/8']".into(), Some(0), 0),
        // Syntax errors.
        ("[firewall]\nallow=['10.0.0.0/8'".into(), Some(0), 0),
        (
            format!("[carrier]\napn=a\n[firewall]\nallow=['10.0.0.0/8']\n{GOOD}"),
            Some(0),
            0,
        ),
        (
            "[carrier]\napn=a\n[fierwall]\nallow=['10.0.0.0/8']".into(),
            Some(0),
            0,
        ),
        ("[carrier]\napn=a\n# allow nobody\n[lan]".into(), None, 0),
        (
            format!("[firewall]\nallow=['10.0.0.0/8']\n{GOOD}[carrier]\napn=a"),
            Some(1),
            1,
        ),
        (
            format!("[firewall]\nallow=['10.0.0.0/8']\n{GOOD}{GOOD}port=23"),
            Some(1),
            0,
        ),
        (format!("{GOOD}{GOOD}port=23"), None, 0),
    ] {
        let firewall = parse(&text).config.firewall;
        assert_eq!(firewall.allow.map(|list| list.len()), allowed, "{text}");
        assert_eq!(firewall.forward.len(), forwards, "{text}");
    }
}

#[test]
fn a_syntax_error_costs_the_rest() {
    let Parsed {
        config, problems, ..
    } = parse(
        "[carrier]\napn = 'a'\n\n[lan]\nhostname = 'pi'\ndns = [\n\n[time]\nservers = ['t.example']\n",
    );
    assert_eq!(config.carrier.unwrap().apn, "a");
    assert_eq!(config.lan, Config::default().lan);
    assert_eq!(config.time, Config::default().time);
    let told = problems.first().unwrap().to_string();
    assert!(told.contains("key lan: not valid TOML: "), "{told}");
    assert!(told.ends_with("; nothing from line 4 on is used"), "{told}");
    assert_eq!(problems.len(), 1);

    assert_eq!(
        told_one("[carrier]\napn = 'a'\n[carrier]\n"),
        "line 3, key carrier: not valid TOML: duplicate key; nothing from line 3 on is used"
    );
    assert_eq!(
        told_one("[carrier]\napn = internet\n"),
        "line 2, key carrier: not valid TOML: expected the text in quotes; nothing from line 1 on is used"
    );
}

fn told_one(text: &str) -> String {
    let mut told = told(text);
    assert_eq!(told.len(), 1, "{told:?}");
    told.remove(0)
}

#[test]
fn no_text_at_all() {
    let long = format!("[carrier]\napn='a'\n#{}", "x".repeat(MAX_BYTES));
    assert_eq!(
        told_one(&long),
        format!(
            "line 1: expected at most 65536 bytes, got {}; none of it is used",
            long.len()
        )
    );
    assert_eq!(parse(&long).config, Config::default());

    let utf16: Vec<u8> = "\u{feff}[carrier]"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let parsed = parse_bytes(&utf16);
    assert_eq!(parsed.problems.len(), 1, "{:?}", parsed.problems);
    assert!(parsed.problems.first().unwrap().reason.contains("UTF-16"));

    // A comment in another code page costs nothing, a value does.
    let parsed = parse_bytes(b"# \xcc\xd2\xd1\n[carrier]\napn='a'");
    assert_eq!(parsed.problems.len(), 1);
    assert_eq!(parsed.config.carrier.unwrap().apn, "a");
    let parsed = parse_bytes(b"[carrier]\napn='a'\npassword='\xcc\xd2\xd1'");
    assert_eq!(parsed.problems.len(), 2);
    assert_eq!(parsed.config.carrier, None);

    for text in [
        "[".repeat(30_000),
        "a = ".to_owned() + &"[".repeat(60_000),
        "a.".repeat(30_000),
        "[a\n".repeat(20_000),
        format!("a = \"\"\"{}", "\n[".repeat(30_000)),
    ] {
        assert!(!parse(&text).problems.is_empty());
    }
}

#[test]
fn the_place_of_a_stick_is_the_kernels_name_for_it() {
    for good in ["1-1", "1-1.3", "2-1.4.12"] {
        let parsed = parse(&format!("[stick]\nport = \"{good}\""));
        assert_eq!(parsed.problems, [], "{good}");
        assert_eq!(parsed.config.stick.port.as_deref(), Some(good));
    }
    for bad in [
        "",
        "1",
        "1-",
        "1-0",
        "-1",
        "1-1.",
        "1-1.3/..",
        "usb1",
        "1-1.2.3.4.5.6.7.8",
    ] {
        let parsed = parse(&format!("[stick]\nport = \"{bad}\"\nkeep_cdrom = true"));
        assert_eq!(parsed.problems.len(), 1, "{bad}");
        assert_eq!(parsed.problems.first().unwrap().line, 2);
        assert!(
            !parsed.config.stick.keep_cdrom,
            "the table is left out as a whole"
        );
    }
}
