//! Both drivers over a pseudo terminal, whose other end a thread plays the stick at.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    pty::openpty,
    sys::termios::{ControlFlags, FlowArg, LocalFlags, tcflow, tcgetattr},
};

use super::{Connected, DriverError, open};
use crate::{
    dial::{DialError, Progress, Settings, Step},
    modem::GENERIC,
};

type Told<'a> = &'a mut (dyn FnMut(&Progress) + Send);
type Dial = fn(OwnedFd, Told<'_>) -> Result<Connected, DriverError>;

const RUNTIMES: &[(&str, Dial)] = &[
    #[cfg(feature = "smol")]
    ("smol", |tty, told| {
        let dial = super::smol::dial(tty, &GENERIC, settings(), told);
        ::smol::block_on(sendable(dial))
    }),
    #[cfg(feature = "tokio")]
    ("tokio", |tty, told| {
        let mut runtime = ::tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().unwrap();
        let dial = super::tokio::dial(tty, &GENERIC, settings(), told);
        runtime.block_on(sendable(dial))
    }),
];

/// An executor of many threads takes it too.
pub(super) fn sendable<T: Send>(future: T) -> T {
    future
}

fn settings() -> Settings {
    Settings::new("internet", "*99#", None).unwrap()
}

/// What came behind `CONNECT`: the begin of a frame.
const EARLY: &[u8] = b"\x7e\xff\x7d\x23\xc0\x21\x7d\x21";

/// What the stick does when it hears a command.
#[derive(Clone, Copy)]
pub(super) enum Reply {
    Say(&'static [u8]),
    /// Goes away.
    Leave,
}

fn healthy(command: &str) -> Reply {
    Reply::Say(match command {
        "AT+CPIN?" => b"\r\n+CPIN: READY\r\n\r\nOK\r\n",
        "AT+CGMM" => b"\r\nMF180\r\n\r\nOK\r\n",
        "AT+CSQ" => b"\r\n+CSQ: 18,99\r\n\r\nOK\r\n",
        "AT+CREG?" => b"\r\n+CREG: 0,1\r\n\r\nOK\r\n",
        "AT+COPS?" => b"\r\n+COPS: 0,0,\"Carrier\",2\r\n\r\nOK\r\n",
        "ATD*99#" => b"\r\nCONNECT 7200000\r\n\x7e\xff\x7d\x23\xc0\x21\x7d\x21",
        _ => b"\r\nOK\r\n",
    })
}

/// A port with a stick behind it, which hears commands until it leaves or the port is closed.
pub(super) struct Stick {
    path: PathBuf,
    // Keeps the master from seeing a hang-up before the port is opened.
    slave: OwnedFd,
    thread: JoinHandle<Vec<String>>,
}

impl Stick {
    pub(super) fn plug_in(reply: fn(&str) -> Reply) -> Self {
        let pty = openpty(None, None).unwrap();
        let path = format!("/proc/self/fd/{}", pty.slave.as_raw_fd());
        let path = fs::read_link(path).unwrap();
        let master = File::from(pty.master);
        let thread = thread::spawn(move || play(master, reply));
        Self {
            path,
            slave: pty.slave,
            thread,
        }
    }

    pub(super) fn open(self) -> (OwnedFd, JoinHandle<Vec<String>>) {
        let tty = open(&self.path).unwrap();
        drop(self.slave);
        (tty, self.thread)
    }
}

fn play(mut master: File, reply: fn(&str) -> Reply) -> Vec<String> {
    let mut heard = Vec::new();
    let mut line = String::new();
    let mut byte = [0];
    while let Ok(1) = master.read(&mut byte) {
        if byte != *b"\r" {
            line.push(byte[0].into());
            continue;
        }
        master.write_all(format!("{line}\r").as_bytes()).unwrap();
        let answer = reply(&line);
        heard.push(std::mem::take(&mut line));
        match answer {
            Reply::Say(answer) => master.write_all(answer).unwrap(),
            Reply::Leave => break,
        }
    }
    heard
}

#[test]
fn a_stick_that_answers_is_dialled_with() {
    for (runtime, dial) in RUNTIMES {
        let (tty, stick) = Stick::plug_in(healthy).open();
        let mut learnt = Vec::new();
        let mut told = |progress: &Progress| learnt.push(progress.to_string());
        let online = dial(tty, &mut told).unwrap();
        assert_eq!(online.rate.to_string(), "7200000", "{runtime}");
        assert_eq!(online.counters.total(), 0, "{runtime}");
        for expected in ["model MF180", "operator Carrier"] {
            assert!(
                learnt.iter().any(|line| line.starts_with(expected)),
                "{runtime}: {learnt:?}"
            );
        }
        assert_eq!(all_early(&online), EARLY, "{runtime}");
        let control = tcgetattr(&online.tty).unwrap().control_flags;
        assert!(
            !control.contains(ControlFlags::CLOCAL),
            "{runtime}: a lost carrier hangs up"
        );
        drop(online);
        let heard = stick.join().unwrap();
        assert_eq!(heard.first().unwrap(), "AT", "{runtime}");
        assert_eq!(heard.last().unwrap(), "ATD*99#", "{runtime}");
    }
}

/// The terminal may deliver one write in pieces: what is not among the early bytes waits in it.
fn all_early(online: &Connected) -> Vec<u8> {
    let mut bytes = online.early.to_vec();
    let mut tty = File::from(online.tty.try_clone().unwrap());
    let limit = Instant::now() + Duration::from_secs(10);
    while bytes.len() < EARLY.len() && Instant::now() < limit {
        let mut buffer = [0; 64];
        match tty.read(&mut buffer) {
            Ok(length) => bytes.extend(&buffer[..length]),
            Err(_) => thread::yield_now(),
        }
    }
    bytes
}

#[test]
fn unplugged_stick_is_a_hang_up() {
    for (runtime, dial) in RUNTIMES {
        let (tty, stick) = Stick::plug_in(|command| match command {
            "AT+CGMM" => Reply::Leave,
            other => healthy(other),
        })
        .open();
        match dial(tty, &mut |_| {}) {
            Err(DriverError::HungUp {
                step: Step::Model, ..
            }) => {}
            other => panic!("{runtime}: expected a hang-up at the model, got {other:?}"),
        }
        stick.join().unwrap();
    }
}

#[test]
fn stick_gone_before_the_first_read_is_a_hang_up() {
    for (runtime, dial) in RUNTIMES {
        let pty = openpty(None, None).unwrap();
        drop(pty.master);
        match dial(pty.slave, &mut |_| {}) {
            Err(DriverError::HungUp {
                step: Step::Synchronise,
                ..
            }) => {}
            other => panic!("{runtime}: expected a hang-up, got {other:?}"),
        }
    }
}

#[test]
fn refused_call_reports_counters() {
    for (runtime, dial) in RUNTIMES {
        let (tty, stick) = Stick::plug_in(|command| match command {
            "AT+CPIN?" => Reply::Say(b"\r\n\x80\x81\r\n\r\n+CPIN: SIM PUK\r\n\r\nOK\r\n"),
            other => healthy(other),
        })
        .open();
        let error = dial(tty, &mut |_| {}).unwrap_err();
        assert!(
            error.dial().is_some_and(DialError::is_blocked),
            "{runtime}: {error}"
        );
        assert_eq!(error.counters().noisy, 1, "{runtime}: {error}");
        // The port was closed, or the stick would still listen.
        stick.join().unwrap();
    }
}

#[test]
fn blocked_write_counts_as_no_answer() {
    // At once, for the dialler's seconds pass in real time.
    thread::scope(|scope| {
        for (runtime, dial) in RUNTIMES {
            scope.spawn(|| dial_stopped(runtime, *dial));
        }
    });
}

fn dial_stopped(runtime: &str, dial: Dial) {
    let (tty, stick) = Stick::plug_in(healthy).open();
    let stopped = tty.try_clone().unwrap();
    tcflow(&stopped, FlowArg::TCOOFF).unwrap();
    let mut escapes = 0;
    // Started again when the dialler thinks of leaving an open call, which proves that no write
    // waits for ever.
    let online = dial(tty, &mut |progress| {
        if *progress == Progress::Escaping {
            escapes += 1;
            tcflow(&stopped, FlowArg::TCOON).unwrap();
        }
    });
    assert!(online.is_ok(), "{runtime}: {online:?}");
    assert_eq!(escapes, 1, "{runtime}");
    drop((online, stopped));
    stick.join().unwrap();
}

#[test]
fn an_open_port_is_raw_and_hangs_up_when_closed() {
    let stick = Stick::plug_in(healthy);
    let tty = open(&stick.path).unwrap();
    let termios = tcgetattr(&tty).unwrap();
    let expected = ControlFlags::CS8 | ControlFlags::CLOCAL | ControlFlags::HUPCL;
    assert!(termios.control_flags.contains(expected), "{termios:?}");
    let cooked = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
    assert!(!termios.local_flags.intersects(cooked), "{termios:?}");
    let nothing = File::from(tty).read(&mut [0; 8]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    drop(stick.slave);
    stick.thread.join().unwrap();
}

#[test]
fn opening_no_tty_fails_with_its_path() {
    let missing = open("/dev/no-such-port").unwrap_err();
    assert!(matches!(missing, DriverError::Open { .. }), "{missing:?}");
    assert!(
        missing
            .to_string()
            .starts_with("cannot open /dev/no-such-port: "),
        "{missing}"
    );
    let no_tty = open("/dev/null").unwrap_err();
    assert!(
        matches!(no_tty, DriverError::Configure { .. }),
        "{no_tty:?}"
    );
}
