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
    assert_eq!(ruleset(&config).to_string(), include_str!("golden.nft"));
}

#[test]
fn an_empty_list_lets_nobody_out_and_no_list_everybody() {
    let out = |allow| {
        let text = ruleset(&Firewall {
            allow,
            forward: Vec::new(),
        })
        .to_string();
        text.lines()
            .filter(|line| line.contains("iifname \"eth0\" oifname \"ppp0\""))
            .count()
    };
    assert_eq!((out(Some(Vec::new())), out(None)), (0, 1));
}
