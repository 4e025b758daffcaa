//! Dialogues with a port on virtual time.

use super::{super::super::Sim, *};

struct Bench {
    port: Port,
    phone: Phone,
    now: u64,
}

impl Bench {
    fn new(sim: Sim) -> Self {
        let phone = Phone::new(sim, false, 0);
        let (port, now) = (Port::new(true), 60_000);
        Self { port, phone, now }
    }

    fn bytes(&mut self, bytes: &[u8]) -> String {
        self.port.receive(bytes, &mut self.phone, self.now);
        String::from_utf8_lossy(&self.port.take_output()).into_owned()
    }

    /// Without the echo, lines joined by `|`.
    fn ask(&mut self, command: &str) -> String {
        let said = self.bytes(format!("{command}\r").as_bytes());
        let said = said.strip_prefix(&format!("{command}\r")).unwrap_or(&said);
        let lines: Vec<&str> = said.split("\r\n").filter(|line| !line.is_empty()).collect();
        lines.join("|")
    }

    fn pass(&mut self, ms: u64) -> String {
        self.now += ms;
        self.port.tick(self.now);
        String::from_utf8(self.port.take_output()).unwrap()
    }

    fn call(&mut self) {
        assert_eq!(self.ask("ATD*99#"), "");
        assert_eq!(self.port.take_actions().last(), Some(&Action::Dial));
        self.port.connected(self.now);
        assert_eq!(self.pass(0), "\r\nCONNECT 7200000\r\n");
    }
}

#[test]
fn bytes_as_a_stick_sends_them() {
    let mut bench = Bench::new(Sim::Ready);
    assert_eq!(bench.bytes(b"AT+CS"), "AT+CS");
    assert_eq!(bench.bytes(b"Q\r"), "Q\r\r\n+CSQ: 17,99\r\n\r\nOK\r\n");
    assert_eq!(bench.ask("ATE0"), "OK");
    assert_eq!(bench.bytes(b"AT\r"), "\r\nOK\r\n");
    assert_eq!(bench.ask("ATV0"), "0\r");
    assert_eq!(bench.ask("AT+NONSENSE"), "4\r");
    assert_eq!(bench.ask("ATQ1"), "");
    assert_eq!(bench.ask("ATQ0 V1 E1 S0=0 &C1 &D2 +FCLASS=0"), "OK");
    let Action::Heard(first) = &bench.port.take_actions()[0] else {
        panic!("no command")
    };
    assert_eq!(first, "AT+CSQ");
}

#[test]
fn the_dialogue_of_a_call() {
    let mut bench = Bench::new(Sim::Ready);
    for (command, answer) in [
        ("ATZ", "OK"),
        ("AT+CPMS?", "+CPMS: \"SM\",0,20,\"SM\",0,20,\"SM\",0,20|OK"),
        ("AT+CPIN?", "+CPIN: READY|OK"),
        ("AT+CGMI", "ZTE INCORPORATED|OK"),
        ("AT+CGMM", "MF180|OK"),
        ("AT+CGSN", "351234567890123|OK"),
        ("AT+CREG?", "+CREG: 0,1|OK"),
        ("AT+CGREG?", "+CGREG: 0,1|OK"),
        ("AT+COPS?", "+COPS: 0,0,\"Bench Mobile\",2|OK"),
        ("AT+ZPAS?", "+ZPAS: \"HSDPA\",\"CS_PS\"|OK"),
        ("AT+CGDCONT=1,\"IP\",\"internet\"", "OK"),
        ("AT+CGDCONT?", "+CGDCONT: 1,\"IP\",\"internet\",\"\",0,0|OK"),
        ("AT+CSQ;+CREG?", "+CSQ: 17,99|+CREG: 0,1|OK"),
        ("ATD*99***2#", "NO CARRIER"),
        ("ATD12345", "NO CARRIER"),
        ("AT+CSQ;+NONSENSE;+CREG?", "+CSQ: 17,99|ERROR"),
    ] {
        assert_eq!(bench.ask(command), answer, "{command}");
    }
    bench.call();
    assert_eq!(bench.bytes(b"~\x7d#"), "");
    assert_eq!(
        bench.port.take_actions(),
        [Action::Send(b"~\x7d#".to_vec())]
    );
    bench.port.no_carrier();
    assert_eq!(bench.pass(0), "\r\nNO CARRIER\r\n");
    assert_eq!(bench.ask("ATD*99***1#"), "");
}

#[test]
fn the_sim_and_its_pin() {
    let mut bench = Bench::new(Sim::Pin {
        pin: "1234".to_owned(),
        tries: 2,
    });
    for (command, answer) in [
        ("AT+CPIN?", "+CPIN: SIM PIN|OK"),
        ("AT+CPMS?", "+CMS ERROR: 311"),
        ("AT+CIMI", "+CME ERROR: 11"),
        ("AT+ZPINPUK=?", "+ZPINPUK: 2,10|OK"),
        ("AT+CREG?", "+CREG: 0,0|OK"),
        ("ATD*99#", "NO CARRIER"),
        ("AT+CPIN=\"9999\"", "+CME ERROR: 16"),
        ("AT+ZPINPUK=?", "+ZPINPUK: 1,10|OK"),
        ("AT+CPIN=\"1234\"", "OK"),
        ("AT+CPIN?", "+CPIN: READY|OK"),
        ("AT+CREG?", "+CREG: 0,2|OK"),
    ] {
        assert_eq!(bench.ask(command), answer, "{command}");
    }
    assert_eq!(Bench::new(Sim::Absent).ask("AT+CPIN?"), "+CME ERROR: 10");
    assert_eq!(Bench::new(Sim::Puk).ask("AT+CPIN?"), "+CPIN: SIM PUK|OK");
}

#[test]
fn the_escape_needs_silence_on_both_sides() {
    let mut bench = Bench::new(Sim::Ready);
    bench.call();
    bench.bytes(b"+++");
    assert_eq!(bench.pass(GUARD_MS), "", "no silence before");
    bench.bytes(b"+++");
    bench.pass(GUARD_MS - 1);
    bench.bytes(b"x");
    assert_eq!(bench.pass(GUARD_MS), "", "no silence after");
    bench.bytes(b"++");
    bench.pass(100);
    bench.bytes(b"+");
    assert_eq!(bench.port.deadline(), Some(bench.now + GUARD_MS));
    assert_eq!(bench.pass(GUARD_MS), "\r\nOK\r\n");
    assert!(bench.port.in_call() && !bench.port.is_online());
    assert_eq!(bench.ask("ATO"), "CONNECT 7200000");
    bench.pass(GUARD_MS);
    bench.bytes(b"+++");
    bench.pass(GUARD_MS);
    bench.port.take_actions();
    assert_eq!(bench.ask("ATH"), "OK");
    assert_eq!(bench.port.take_actions().last(), Some(&Action::HangUp));
    assert!(!bench.port.in_call());
    assert_eq!(bench.ask("ATO"), "NO CARRIER");
}

#[test]
fn dtr_ends_the_call_unless_told_otherwise() {
    let mut bench = Bench::new(Sim::Ready);
    bench.call();
    assert!(!bench.port.dtr(true));
    assert!(bench.port.dtr(false));
    assert_eq!(bench.port.take_actions(), [Action::HangUp]);
    assert_eq!(bench.ask("AT&D0"), "OK");
    bench.call();
    assert!(!bench.port.dtr(false));
    assert!(bench.port.is_online());
}

#[test]
fn noise_and_endless_lines() {
    let mut bench = Bench::new(Sim::Ready);
    bench.bytes(&[0x7e, 0xff, b'~']);
    assert!(bench.ask("AT").ends_with("OK"));
    assert!(bench.ask(&"x".repeat(LINE_MAX + 1)).ends_with("ERROR"));
    assert_eq!(bench.ask("AT"), "OK");
    bench.bytes(b"half a li");
    bench.port.dtr(false);
    assert_eq!(bench.ask("AT"), "OK");
}

#[test]
fn an_ordered_fault_is_answered_once() {
    let mut bench = Bench::new(Sim::Ready);
    bench.phone.fault("AT+CREG", "+CME ERROR: 30");
    assert_eq!(bench.ask("AT+CSQ"), "+CSQ: 17,99|OK");
    assert_eq!(bench.ask("AT+CREG?"), "+CME ERROR: 30");
    assert_eq!(bench.ask("AT+CREG?"), "+CREG: 0,1|OK");
    bench.phone.fault("ATD", "BUSY");
    assert_eq!(bench.ask("ATD*99#"), "BUSY");
}

#[test]
fn a_spoilt_command_stays_so_until_a_restart() {
    let mut bench = Bench::new(Sim::Ready);
    bench.phone.spoil("ATD", "NO CARRIER");
    for _ in 0..3 {
        assert_eq!(bench.ask("ATD*99#"), "NO CARRIER");
    }
    bench.phone.power_up(0);
    assert_ne!(bench.ask("ATD*99#"), "NO CARRIER");
}

#[test]
fn a_restart_is_promised_before_it_comes() {
    let mut bench = Bench::new(Sim::Ready);
    assert_eq!(bench.ask("AT+CFUN=1,1"), "OK");
    assert_eq!(bench.port.take_actions().last(), Some(&Action::Restart));
}
