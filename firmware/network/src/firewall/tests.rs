//! The product's rules as a person reads them; the kernel's own listing is compared with the same
//! form in `tests/namespace.rs`.

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
            // The health check's door stays ours.
            forward(Protocol::Tcp, 9000, Some(22)),
        ],
    };
    let text = ruleset(&config, Some(9002)).to_string();
    assert_eq!(text, include_str!("golden.nft"));
}

#[test]
fn an_empty_list_lets_nobody_out_and_no_list_everybody() {
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
fn the_door_for_updates_is_open_only_where_there_is_one_and_only_to_the_lan() {
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
