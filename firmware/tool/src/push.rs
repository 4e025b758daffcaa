//! Pushing a bundle.

use std::{
    fs::File,
    io::{self, BufReader, IsTerminal, Write},
    net::{TcpStream, ToSocketAddrs},
    time::{Duration, Instant},
};

use failberry_update::push::{self, PORT, PushError, PushOptions};

use crate::{Failure, Push, key, known::Known};

/// A box on the LAN answers at once, or is not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Characters of the bar.
const WIDTH: u64 = 40;

/// Pushes it.
pub(crate) fn push(args: &Push) -> Result<(), Failure> {
    let signer = key::read(&args.key)?;
    let file = File::open(&args.bundle).map_err(Failure::file(&args.bundle))?;
    let known = Known::at(args.known.clone())?;
    let host = with_port(&args.host);
    let noted = known.key(&host)?;
    let socket = connect(&host).map_err(|source| Failure::Connect {
        host: host.clone(),
        source,
    })?;
    let options = PushOptions {
        allow_downgrade: args.allow_downgrade,
        restart: !args.no_restart,
    };
    let began = Instant::now();
    let outcome = push::push(
        socket,
        &signer,
        noted.as_ref().map(|(key, _)| *key),
        options,
        &mut BufReader::new(file),
        show,
    );
    let pushed = outcome.map_err(|source| match (source, &noted) {
        (PushError::OtherBox { got, .. }, Some((_, line))) => Failure::OtherBox {
            host: host.clone(),
            line: line.clone(),
            path: known.path().display().to_string(),
            got,
        },
        (source, _) => Failure::Push {
            host: host.clone(),
            source,
        },
    })?;
    if noted.is_none() {
        known.note(&host, pushed.key)?;
        println!("{host} is new here; its key is {}", pushed.key);
        println!(
            "noted in {}; compare it with the box's console",
            known.path().display()
        );
    }
    println!(
        "version {} is in slot {} after {} s (version {} runs); it {}",
        pushed.version,
        pushed.slot,
        began.elapsed().as_secs(),
        pushed.running,
        if options.restart {
            "is being started"
        } else {
            "will be tried at the next start"
        }
    );
    Ok(())
}

/// A port where none is given; an IPv6 address has colons of its own.
fn with_port(host: &str) -> String {
    let has_port = match host.rsplit_once(':') {
        Some((name, port)) => {
            let alone = !name.contains(':') || name.ends_with(']');
            alone && port.parse::<u16>().is_ok()
        }
        None => false,
    };
    match host {
        host if has_port => host.to_owned(),
        host if host.contains(':') && !host.starts_with('[') => format!("[{host}]:{PORT}"),
        host => format!("{host}:{PORT}"),
    }
}

fn connect(host: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "no address");
    for address in host.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The bar on a terminal; nothing in a log.
fn show(done: u64, of: u64) {
    let mut err = io::stderr();
    if !err.is_terminal() {
        return;
    }
    let filled = done * WIDTH / of.max(1);
    let bar: String = (0..WIDTH)
        .map(|n| if n < filled { '#' } else { '.' })
        .collect();
    let mib = |bytes| bytes / (1024 * 1024);
    let end = if done == of { "  checking\n" } else { "" };
    // A terminal that has gone is no reason to stop.
    let _ = write!(err, "\r[{bar}] {} of {} MiB{end}", mib(done), mib(of));
    let _ = err.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_gets_its_port() {
        for (host, expected) in [
            ("192.168.88.2", "192.168.88.2:9002"),
            ("box.lan:7", "box.lan:7"),
            ("fe80::1", "[fe80::1]:9002"),
            ("[fe80::1]", "[fe80::1]:9002"),
            ("[fe80::1]:80", "[fe80::1]:80"),
        ] {
            assert_eq!(with_port(host), expected);
        }
    }
}
