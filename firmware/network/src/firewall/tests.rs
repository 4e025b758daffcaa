//! Tests of the product's rules in text form; `tests/namespace.rs` compares the kernel's own
//! listing with the same form.

use failberry_config::{Firewall, Forward, Protocol};

use super::ruleset;

fn forward(protocol: Protocol, port: u16, to_port: Option<u16>) -> Forward {
    Forward {
        protocol,
        port,
        to: "192.168.88.20".parse().unwrap(),
        to_port,
    }
}

#[test]
fn rules_as_text() {
    let allow = ["192.168.88.20/32", "192.168.90.77/24", "10.20.55.0/20"];
    let config = Firewall {
        allow: Some(allow.map(|net| net.parse().unwrap()).to_vec()),
        forward: vec![
            forward(Protocol::Tcp, 8080, Some(80)),
            forward(Protocol::Udp, 51820, None),
            // The port of the health check is not forwarded.
            forward(Protocol::Tcp, 9000, Some(22)),
        ],
    };
    let text = ruleset(&config, Some(9002)).to_string();
    assert_eq!(text, include_str!("golden.nft"));
}

#[test]
fn empty_allow_list_blocks_all_and_no_list_allows_all() {
    let out = |allow| {
        let config = Firewall {
            allow,
            forward: Vec::new(),
        };
        let text = ruleset(&config, None).to_string();
        text.lines()
            .filter(|line| line.contains("iifname \"eth0\" oifname \"ppp0\""))
            .count()
    };
    assert_eq!((out(Some(Vec::new())), out(None)), (0, 1));
}

#[test]
fn update_port_open_only_if_configured_and_on_lan() {
    let text = |port| ruleset(&Firewall::default(), port).to_string();
    let doors = |text: &str| {
        text.lines()
            .filter(|line| line.contains("dport 9002"))
            .count()
    };
    assert_eq!(doors(&text(None)), 0);
    let open = text(Some(9002));
    assert_eq!(doors(&open), 1);
    assert!(open.contains("iifname \"eth0\" meta nfproto ipv4 tcp dport 9002 accept"));
}
