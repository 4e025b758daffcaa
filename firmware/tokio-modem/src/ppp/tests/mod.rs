//! Engines against one another and against scripted peers, on virtual time.

mod authentication;
mod automaton;
mod endless;
mod frames;
mod lifecycle;
mod limits;
mod link;
mod network;
mod pairs;
mod peculiar;
mod properties;
mod slow;
mod stick;
mod strict;

use core::net::Ipv4Addr;
use std::{format, vec::Vec};

use super::packet::code;
use super::*;
use link::{End, Link};
use stick::{Heard, packet};

const LCP: u16 = 0xc021;
const PAP: u16 = 0xc023;
const CHAP: u16 = 0xc223;
const IPCP: u16 = 0x8021;
const IPV6CP: u16 = 0x8057;
const CCP: u16 = 0x80fd;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 64, 64, 64);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 9, 8, 7);
const DNS: [Ipv4Addr; 2] = [
    Ipv4Addr::new(193, 201, 224, 1),
    Ipv4Addr::new(193, 201, 224, 2),
];

fn client() -> Config {
    Config {
        credentials: Credentials::new("gdata", "secret").unwrap(),
        ..Config::default()
    }
}

fn server(auth: Option<AuthProtocol>) -> Config {
    let dns = DNS.map(Some);
    let offer = Offer {
        local: SERVER,
        peer: CLIENT,
        dns,
        auth,
    };
    Config {
        role: Role::Server(offer),
        ..client()
    }
}
