//! The stick behind a real tty, with real programs at its other side.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    pty::openpty,
    sys::termios::{LocalFlags, SetArg, cfmakeraw, tcgetattr, tcsetattr},
    unistd::ttyname,
};

use super::{
    MF180, Options, Transport,
    machine::{LineAction, StickMachine},
    wire::{Frame, Packet, Status},
};

/// Time from the start of a program to its end, on a busy machine.
const BOUND: Duration = Duration::from_secs(90);

/// Time without a byte from the tty after which a dialogue counts as ended.
const SILENCE: Duration = Duration::from_millis(500);

/// Age of the stick when a test begins: it is registered, and has still something to say unasked.
const REGISTERED: Duration = Duration::from_millis(1_600);

/// Bytes from the tty above which its echo and the stick's are a loop.
const STORM: usize = 20_000;

/// Largest read and write.
const CHUNK: u16 = 4096;

/// The number of the read that always waits at the modem port.
const READ: u64 = 1;

/// A stick whose modem port is a pty: the kernel's serial driver is played by packets, the tty
/// layer is the kernel's own.
struct Bench {
    machine: StickMachine,
    master: File,
    slave: OwnedFd,
    began: Instant,
    id: u64,
    /// For the tty; it takes no more now.
    pending: Vec<u8>,
    /// Bytes that came from the tty.
    heard: Vec<u8>,
    /// Bytes that went to the tty.
    said: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let pty = openpty(None, None).unwrap();
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
        let options = Options {
            model: &MF180,
            ..Options::new("unused", "unused", Transport::Bulk)
        };
        let mut bench = Self {
            machine: StickMachine::new(&options, 0),
            master: pty.master.into(),
            slave: pty.slave,
            began: Instant::now().checked_sub(REGISTERED).unwrap(),
            id: READ,
            pending: Vec::new(),
            heard: Vec::new(),
            said: Vec::new(),
        };
        bench.handle(0, Packet::Reset);
        bench.handle(0, Packet::SetConfiguration(1));
        bench.read();
        bench
    }

    fn path(&self) -> PathBuf {
        ttyname(&self.slave).unwrap()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap()
    }

    fn handle(&mut self, id: u64, packet: Packet) {
        let now = self.now();
        self.machine.handle(Frame { id, packet }, now);
    }

    fn bulk(&mut self, id: u64, endpoint: u8, length: u32, data: Vec<u8>) {
        let (status, stream) = (Status::Success, 0);
        let packet = Packet::Bulk {
            endpoint,
            status,
            length,
            stream,
            data,
        };
        self.handle(id, packet);
    }

    fn read(&mut self) {
        self.bulk(READ, IN, CHUNK.into(), Vec::new());
    }

    fn write(&mut self, bytes: &[u8]) {
        self.id += 1;
        let length = bytes.len().try_into().unwrap();
        self.bulk(self.id, OUT, length, bytes.to_vec());
    }

    /// One turn of at most `wait`; false where the tty said nothing in it.
    fn turn(&mut self, wait: Duration) -> bool {
        let now = self.now();
        self.machine.tick(now);
        for order in self.machine.take_line_actions() {
            if order == LineAction::Connect {
                self.machine.connected(now);
            }
        }
        let sent = self.machine.uplink().len();
        self.machine.sent(sent, now);
        for frame in self.machine.take_frames() {
            if let (READ, Packet::Bulk { data, .. }) = (frame.id, frame.packet) {
                self.said.extend(&data);
                self.pending.extend(data);
                self.read();
            }
        }
        match self.master.write(&self.pending) {
            Ok(count) => drop(self.pending.drain(..count)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        let due = self.machine.deadline().map_or(wait, |at| {
            Duration::from_millis(at.saturating_sub(now)).min(wait)
        });
        let timeout = PollTimeout::try_from(due + Duration::from_millis(1)).unwrap();
        poll(
            &mut [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)],
            timeout,
        )
        .unwrap();
        let mut chunk = [0; CHUNK as usize];
        match self.master.read(&mut chunk) {
            Ok(count) => {
                let bytes = chunk.get(..count).unwrap().to_vec();
                self.heard.extend(&bytes);
                self.write(&bytes);
                true
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                false
            }
        }
    }

    /// Goes on until the tty is silent, or does not stop talking.
    fn settle(&mut self) {
        let mut since = Instant::now();
        while since.elapsed() < SILENCE && self.heard.len() < STORM {
            if self.turn(SILENCE) {
                since = Instant::now();
            }
            self.drain();
        }
    }

    /// Reads what waits at the tty, as `wvdial` does before it sets any mode: a tty whose buffer is
    /// full echoes nothing.
    fn drain(&self) {
        let mut slave = File::from(self.slave.try_clone().unwrap());
        let waits = || {
            let mut fds = [PollFd::new(self.slave.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::ZERO).unwrap() > 0
        };
        while waits() {
            assert_ne!(slave.read(&mut [0; CHUNK as usize]).unwrap(), 0);
        }
    }

    fn local(&self, flags: LocalFlags, on: bool) {
        let mut modes = tcgetattr(&self.slave).unwrap();
        modes.local_flags.set(flags, on);
        tcsetattr(&self.slave, SetArg::TCSANOW, &modes).unwrap();
    }

    fn raw(&self) {
        let mut modes = tcgetattr(&self.slave).unwrap();
        cfmakeraw(&mut modes);
        tcsetattr(&self.slave, SetArg::TCSANOW, &modes).unwrap();
    }

    /// Runs `program` to its end while the stick serves the tty; gives out its lines on standard
    /// error up to the first that has `last` in it.
    fn run(&mut self, program: &mut Command, last: &str) -> Vec<String> {
        let name = program.get_program().to_owned();
        let tty = || Stdio::from(self.slave.try_clone().unwrap());
        let mut child = program
            .stdin(tty())
            .stdout(tty())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name:?}: {error}; run board/setup/packages.sh"));
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let listener = thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let (began, mut said) = (Instant::now(), Vec::new());
        while began.elapsed() < BOUND && self.heard.len() < STORM {
            self.turn(Duration::from_millis(20));
            said.extend(lines.try_iter());
            if said.iter().any(|line: &String| line.contains(last)) {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(lines);
        listener.join().unwrap();
        said
    }

    fn commands(&self) -> Vec<&str> {
        self.machine.commands().iter().map(String::as_str).collect()
    }
}

/// The modem port's endpoints.
const IN: u8 = 0x83;
const OUT: u8 = 0x03;

#[test]
fn an_echoing_tty_and_an_echoing_stick_fall_silent() {
    let mut bench = Bench::new();
    // As the kernel opens a tty: with echo, a CR that becomes LF, and an LF that becomes CR LF.
    bench.local(LocalFlags::ECHO | LocalFlags::ICANON, true);
    bench.write(b"\r");
    bench.settle();
    bench.machine.inject(b"\r\n+ZUSIMR:2\r\n", bench.now());
    bench.settle();
    assert!(
        bench.heard.len() < STORM,
        "the last bytes were {:?}",
        String::from_utf8_lossy(&bench.heard[STORM - 40..STORM])
    );
    assert!(bench.commands().is_empty());
}

#[test]
fn wvdial_dials_and_hands_over_to_pppd() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Bench::new();
    let config = dir.path().join("wvdial.conf");
    let text = format!(
        "[Dialer Defaults]\nModem = {}\nBaud = 460800\nInit1 = ATZ\n\
         Init2 = ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0\nPhone = *99#\nUsername = any\n\
         Password = any\nStupid Mode = 1\nCarrier Check = no\n",
        bench.path().display()
    );
    fs::write(&config, text).unwrap();
    let mut wvdial = Command::new("wvdial");
    wvdial.arg("--config").arg(&config).env("HOME", dir.path());
    // It opens a tty that echoes, and drains it before it says otherwise.
    bench.machine.inject(b"\r\n+ZUSIMR:2\r\n", bench.now());
    let said = bench.run(&mut wvdial, "Starting pppd");
    assert!(bench.heard.len() < STORM, "a loop of echoes: {said:#?}");
    for expected in ["ATZ", "CONNECT 7200000", "Starting pppd"] {
        let heard = said.iter().any(|line| line.contains(expected));
        assert!(
            heard,
            "{expected}: {said:#?}, commands {:?}",
            bench.commands()
        );
    }
    assert!(bench.machine.in_call());
    assert_eq!(bench.commands().last(), Some(&"ATDT*99#"));
}

#[test]
fn chat_dials_with_the_script_of_a_pppd() {
    let mut bench = Bench::new();
    bench.raw();
    let mut chat = Command::new("chat");
    chat.args(["-V", "-s", "-t", "30"])
        .args(["ABORT", "NO CARRIER", "ABORT", "ERROR"])
        .args(["", "ATE1V1&D2&C1S0=0+IFC=2,2"])
        .args(["OK", "at+cgdcont=1,\"IP\",\"internet\""])
        .args(["OK", "ATD*99***1#", "CONNECT", ""]);
    let said = bench.run(&mut chat, "CONNECT");
    assert!(bench.machine.in_call(), "{said:#?}");
}
