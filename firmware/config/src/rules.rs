//! What each text in the file must look like, and why.

use std::net::Ipv4Addr;

use crate::{Cidr, Protocol, PublicKey, Secret, reader::Rule};

/// Goes into `AT+CGDCONT=1,"IP","<apn>"`: nothing that ends the quotes or the command. At most
/// 100 characters (3GPP TS 23.003).
pub(crate) const APN: Rule<String> = Rule {
    expected: "an access point name of 1 to 100 letters, digits, dots or hyphens",
    secret: false,
    read: |text| {
        let allowed = |c: char| c.is_ascii_graphic() && !"\"\\;,".contains(c);
        (within(text, 1, 100) && text.chars().all(allowed)).then(|| text.to_owned())
    },
};

/// Goes behind `ATD`.
pub(crate) const DIAL: Rule<String> = Rule {
    expected: "a dial string of 1 to 40 digits, *, #, + or commas such as *99#",
    secret: false,
    read: |text| {
        let allowed = |c: char| c.is_ascii_digit() || "*#+,TP".contains(c);
        let good = within(text, 1, 40)
            && text.chars().all(allowed)
            && text.contains(|c: char| c.is_ascii_digit());
        good.then(|| text.to_owned())
    },
};

/// PAP tells its length in one byte (RFC 1334).
pub(crate) const USER: Rule<String> = Rule {
    expected: "a user name of at most 255 bytes without control characters",
    secret: true,
    read: |text| credential(text).then(|| text.to_owned()),
};

/// As [`USER`].
pub(crate) const PASSWORD: Rule<Secret> = Rule {
    expected: "a password of at most 255 bytes without control characters",
    secret: true,
    read: |text| credential(text).then(|| text.to_owned().into()),
};

/// Four to eight digits (3GPP TS 31.101).
pub(crate) const PIN: Rule<Secret> = Rule {
    expected: "a PIN of 4 to 8 digits in quotes",
    secret: true,
    read: |text| {
        let good = within(text, 4, 8) && text.chars().all(|c| c.is_ascii_digit());
        good.then(|| text.to_owned().into())
    },
};

/// A place on the USB as the kernel names it: at most six hubs lie on the way (USB 2.0, 4.1.1).
pub(crate) const USB_PORT: Rule<String> = Rule {
    expected: "a place on the USB such as 1-1.3",
    secret: false,
    read: |text| {
        let number = |part: &str| {
            within(part, 1, 3)
                && !part.starts_with('0')
                && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let (bus, ports) = text.split_once('-')?;
        let good = number(bus) && ports.split('.').count() <= 7 && ports.split('.').all(number);
        good.then(|| text.to_owned())
    },
};

/// The Pi's own address.
pub(crate) const STATIC_ADDRESS: Rule<Cidr> = Rule {
    expected: "an address with its prefix length (8 to 30) such as 192.168.88.2/24",
    secret: false,
    read: |text| {
        let cidr: Cidr = text.parse().ok()?;
        ((8..=30).contains(&cidr.prefix)
            && is_host(cidr.address)
            && in_host_range(cidr, cidr.address))
        .then_some(cidr)
    },
};

/// A machine that packets can be sent to.
pub(crate) const HOST: Rule<Ipv4Addr> = Rule {
    expected: "the address of a host such as 192.168.88.1",
    secret: false,
    read: |text| text.parse().ok().filter(|address| is_host(*address)),
};

/// A network, written with its first address: with another one it could mean the network as well
/// as the host, and this list decides who may spend money.
pub(crate) const NETWORK: Rule<Cidr> = Rule {
    expected: "a network such as 192.168.88.0/24 (its first address) or a host such as 192.168.88.10",
    secret: false,
    read: |text| {
        text.parse()
            .ok()
            .filter(|cidr: &Cidr| cidr.address.to_bits() & !mask(cidr.prefix) == 0)
    },
};

/// One label (RFC 1123).
pub(crate) const HOSTNAME: Rule<String> = Rule {
    expected: "a host name of 1 to 63 letters, digits or hyphens",
    secret: false,
    read: |text| is_label(text).then(|| text.to_owned()),
};

/// A name below some zone; a dot at the end is dropped.
pub(crate) const RECORD: Rule<String> = Rule {
    expected: "a DNS name such as gsm.example.org",
    secret: false,
    read: |text| {
        let name = text.strip_suffix('.').unwrap_or(text);
        (is_name(name) && name.contains('.')).then(|| name.to_owned())
    },
};

/// Route 53 gives up to 32 characters.
pub(crate) const ZONE: Rule<String> = Rule {
    expected: "a hosted zone id such as Z0123456789ABC (without /hostedzone/)",
    secret: false,
    read: |text| {
        let good = within(text, 2, 32)
            && text.starts_with('Z')
            && text
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        good.then(|| text.to_owned())
    },
};

/// Scheme, host and port; a slash at the end is dropped. Not shown: it may hold a password.
pub(crate) const ENDPOINT: Rule<String> = Rule {
    expected: "a URL such as https://route53.amazonaws.com without path, user or password",
    secret: true,
    read: |text| {
        let text = text.strip_suffix('/').unwrap_or(text);
        let authority = text.strip_prefix("https://")?;
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        let port = port
            .chars()
            .all(|c| c.is_ascii_digit())
            .then(|| port.parse::<u16>().ok());
        let good = is_name_or_address(host) && matches!(port, Some(Some(1..)));
        good.then(|| text.to_owned())
    },
};

/// Not shown: a private key pasted here by mistake must not reach the log.
pub(crate) const CERTIFICATES: Rule<String> = Rule {
    expected: "certificates between lines -----BEGIN CERTIFICATE----- and -----END CERTIFICATE-----",
    secret: true,
    read: |text| looks_like_pem(text).then(|| text.to_owned()),
};

/// Not shown: the two halves of the key are easily swapped. AWS makes the ids of capitals and digits;
/// a secret has small letters, and must not pass for an id, which is named in the log.
pub(crate) const ACCESS_KEY: Rule<String> = Rule {
    expected: "an access key id of 16 to 128 capital letters and digits such as AKIAIOSFODNN7EXAMPLE",
    secret: true,
    read: |text| {
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        (within(text, 16, 128) && text.chars().all(allowed)).then(|| text.to_owned())
    },
};

/// AWS makes 40 characters now, and promises no length.
pub(crate) const SECRET_KEY: Rule<Secret> = Rule {
    expected: "a secret access key of 16 to 128 characters without spaces",
    secret: true,
    read: |text| {
        let good = within(text, 16, 128) && text.chars().all(|c| c.is_ascii_graphic());
        good.then(|| text.to_owned().into())
    },
};

/// Part of the signed scope.
pub(crate) const REGION: Rule<String> = Rule {
    expected: "a region such as us-east-1",
    secret: true,
    read: |text| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        (within(text, 1, 32) && text.chars().all(allowed)).then(|| text.to_owned())
    },
};

/// Not shown: the private half is as long.
pub(crate) const PUBLIC_KEY: Rule<PublicKey> = Rule {
    expected: "an Ed25519 public key: the base64 of 32 bytes",
    secret: true,
    read: |text| text.parse().ok(),
};

/// Where an update lies. Not shown: it may hold a password.
pub(crate) const DOWNLOAD: Rule<String> = Rule {
    expected: "a URL such as https://example.org/failberrypi.update without user or password",
    secret: true,
    read: |text| {
        let rest = text.strip_prefix("https://")?;
        let (authority, path) = rest.split_once('/')?;
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        let good = is_name_or_address(host)
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(port.parse::<u16>(), Ok(1..))
            && within(text, 1, 1024)
            && path.bytes().all(|byte| byte.is_ascii_graphic());
        good.then(|| text.to_owned())
    },
};

/// What a person can type on any keyboard, and a terminal sends as it is.
pub(crate) const CONSOLE_PASSWORD: Rule<Secret> = Rule {
    expected: "a password of 4 to 64 letters, digits, signs or spaces",
    secret: true,
    read: |text| {
        let allowed = |c: char| c.is_ascii_graphic() || c == ' ';
        (within(text, 4, 64) && text.chars().all(allowed)).then(|| text.to_owned().into())
    },
};

/// `tcp` or `udp`.
pub(crate) const PROTOCOL: Rule<Protocol> = Rule {
    expected: "\"tcp\" or \"udp\"",
    secret: false,
    read: |text| match text {
        "tcp" => Some(Protocol::Tcp),
        "udp" => Some(Protocol::Udp),
        _ => None,
    },
};

/// A time server.
pub(crate) const SERVER: Rule<String> = Rule {
    expected: "a server such as pool.ntp.org or 192.168.88.1",
    secret: false,
    read: |text| is_name_or_address(text).then(|| text.to_owned()),
};

/// Whether `address` can be a machine's own in `network`: neither its first nor its last.
pub(crate) fn in_host_range(network: Cidr, address: Ipv4Addr) -> bool {
    let mask = mask(network.prefix);
    let host = address.to_bits() & !mask;
    address.to_bits() & mask == network.address.to_bits() & mask && host != 0 && host != !mask
}

fn mask(prefix: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(prefix.min(32)))
        .unwrap_or(0)
}

fn within(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len())
}

fn credential(text: &str) -> bool {
    text.len() <= 255
        && !text.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER)
}

fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    (1..224).contains(&first) && !address.is_loopback()
}

fn is_label(text: &str) -> bool {
    within(text, 1, 63)
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_name(text: &str) -> bool {
    // A last label of digits alone is a mistyped address, no name.
    let last_is_digits = |text: &str| {
        text.rsplit('.')
            .next()
            .is_some_and(|l| l.chars().all(|c| c.is_ascii_digit()))
    };
    text.len() <= 253 && text.split('.').all(is_label) && !last_is_digits(text)
}

fn is_name_or_address(text: &str) -> bool {
    is_name(text) || text.parse().is_ok_and(is_host)
}

/// One certificate or more in the form of RFC 7468; other text may stand between them.
fn looks_like_pem(text: &str) -> bool {
    let mut body: Option<usize> = None;
    let mut certificates = 0;
    for line in text.lines().map(str::trim) {
        match (line, body) {
            ("-----BEGIN CERTIFICATE-----", None) => body = Some(0),
            ("-----END CERTIFICATE-----", Some(1..)) => {
                body = None;
                certificates += 1;
            }
            (base64, Some(length)) if is_base64(base64) => body = Some(length + base64.len()),
            (other, None) if !other.starts_with("-----") => {}
            _ => return false,
        }
    }
    certificates > 0 && body.is_none()
}

fn is_base64(line: &str) -> bool {
    let line = line.trim_end_matches('=');
    !line.is_empty()
        && line
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '/')
}
