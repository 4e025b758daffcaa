//! The HTTP client behind a resolver that refuses to tell of IPv6 addresses, as some carriers' do.
//!
//! Needs root: the resolver is port 53 of a network namespace of its own.
// What clippy allows in tests by itself it does not see in a test with its own main.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, UdpSocket},
    process::Command,
    sync::mpsc::{Sender, channel},
    thread,
    time::Duration,
};

use failberry_service::http;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    unistd::geteuid,
};
use ureq::Agent;

/// Types of questions and what answers them (RFC 1035, RFC 3596).
const A: u16 = 1;
const AAAA: u16 = 28;
const REFUSED: u8 = 5;

fn main() {
    if !geteuid().is_root() {
        println!("skipped: needs root\n0 passed, 0 failed");
        // Where it must run, nothing may be missing.
        std::process::exit(i32::from(std::env::var_os("CI").is_some()));
    }
    own_network();
    let (told, asked) = channel();
    let resolver = UdpSocket::bind("127.0.0.1:53").unwrap();
    thread::spawn(move || resolve(&resolver, &told));
    let page = TcpListener::bind("127.0.0.1:80").unwrap();
    thread::spawn(move || serve(&page));

    // The resolver is the one that is asked: a client of its own asks for what is refused.
    let config = || {
        let patience = Some(Duration::from_secs(30));
        Agent::config_builder().timeout_global(patience).build()
    };
    let _ = config()
        .new_agent()
        .get("http://other.failberry.test/")
        .call();
    assert!(
        asked.try_iter().any(|question| question == AAAA),
        "expected a question for IPv6 addresses, got none"
    );

    let mut answer = http::agent(config())
        .get("http://update.failberry.test/")
        .call()
        .unwrap();
    assert_eq!(answer.body_mut().read_to_string().unwrap(), "here");
    let questions: Vec<_> = asked.try_iter().collect();
    assert_eq!(questions, [A]);
    println!("1 passed, 0 failed");
}

/// A network with nothing but `lo`, and its resolver in this process's own view of `/etc`.
fn own_network() {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status();
    assert!(up.unwrap().success());
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("/etc/resolv.conf", "nameserver 127.0.0.1\n"),
        ("/etc/nsswitch.conf", "hosts: dns\n"),
    ] {
        let own = directory.path().join("file");
        fs::write(&own, text).unwrap();
        mount(Some(&own), path, none, MsFlags::MS_BIND, none).unwrap();
        // The mount keeps what was in it.
        fs::remove_file(own).unwrap();
    }
}

/// Gives every name 127.0.0.1, and refuses all other questions; tells the type of each.
fn resolve(socket: &UdpSocket, told: &Sender<u16>) {
    let mut packet = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        // One question: a name, its type, its class.
        let end = 12 + packet[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        assert!(end <= length);
        let kind = u16::from_be_bytes([packet[end - 4], packet[end - 3]]);
        let is_known = kind == A;
        let mut answer = packet[..2].to_vec();
        answer.extend([0x81, if is_known { 0x80 } else { 0x80 | REFUSED }]);
        answer.extend([0, 1, 0, u8::from(is_known), 0, 0, 0, 0]);
        answer.extend(&packet[12..end]);
        if is_known {
            // The same name, A, IN, a minute, four bytes.
            answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        // Before it is answered, so that who has the answer finds it told.
        told.send(kind).unwrap();
        socket.send_to(&answer, from).unwrap();
    }
}

fn serve(listener: &TcpListener) {
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
        while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nhere";
        stream.write_all(answer.as_bytes()).unwrap();
    }
}
