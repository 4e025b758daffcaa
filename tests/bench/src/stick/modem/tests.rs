//! Dialogues with a port on virtual time.

use super::{
    super::{
        super::{Sim, urc},
        line::LINE_MAX,
    },
    *,
};

/// S12 as it comes from the factory.
const GUARD_MS: u64 = 1_000;

struct Bench {
    port: Port,
    phone: Phone,
    now: u64,
}

impl Bench {
    fn new(sim: Sim) -> Self {
        let phone = Phone::new(sim, urc::SILENT, false, 0);
        let (port, now) = (Port::new(Role::Modem), 60_000);
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
    assert_eq!(bench.ask(&"x".repeat(LINE_MAX + 1)), "", "no command line");
    let overlong = format!("AT{}", "x".repeat(LINE_MAX + 1));
    assert!(bench.ask(&overlong).ends_with("ERROR"));
    assert_eq!(bench.ask("AT"), "OK");
    bench.bytes(b"half a li");
    bench.port.dtr(false);
    assert_eq!(bench.ask("AT"), "OK");
}

#[test]
fn an_ordered_fault_is_answered_once() {
    let mut bench = Bench::new(Sim::Ready);
    bench.phone.answer_next_with("AT+CREG", "+CME ERROR: 30");
    assert_eq!(bench.ask("AT+CSQ"), "+CSQ: 17,99|OK");
    assert_eq!(bench.ask("AT+CREG?"), "+CME ERROR: 30");
    assert_eq!(bench.ask("AT+CREG?"), "+CREG: 0,1|OK");
    bench.phone.answer_next_with("ATD", "BUSY");
    assert_eq!(bench.ask("ATD*99#"), "BUSY");
}

#[test]
fn lasting_answer_ends_with_restart() {
    let mut bench = Bench::new(Sim::Ready);
    bench.phone.answer_all_with("ATD", "NO CARRIER");
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

#[test]
fn an_empty_line_is_neither_answered_nor_echoed() {
    let mut bench = Bench::new(Sim::Ready);
    assert_eq!(bench.bytes(b"\r\n\r\r\n"), "");
    assert_eq!(bench.bytes(b"AT\r\n"), "AT\r\r\nOK\r\n");
    assert_eq!(bench.bytes(b"\n"), "");
    assert_eq!(bench.port.take_actions(), [Action::Heard("AT".to_owned())]);
}

#[test]
fn lines_of_information_have_one_header() {
    let mut bench = Bench::new(Sim::Ready);
    bench.ask("ATE0");
    let head = "\r\nManufacturer: ZTE INCORPORATED\r\nModel: MF180\r\n";
    assert!(bench.bytes(b"ATI\r").starts_with(head));
    assert_eq!(bench.bytes(b"ATV0\r"), "0\r");
    assert_eq!(bench.bytes(b"AT+CSQ\r"), "+CSQ: 17,99\r\n0\r");
    assert_eq!(bench.bytes(b"ATV1\r"), "\r\nOK\r\n");
}

#[test]
fn q1_suppresses_results_and_no_information() {
    let mut bench = Bench::new(Sim::Ready);
    assert_eq!(bench.ask("ATQ1"), "");
    assert_eq!(bench.ask("AT+CSQ"), "+CSQ: 17,99");
    assert_eq!(bench.ask("AT+NONSENSE"), "");
    bench.port.announce("+ZUSIMR:2");
    assert_eq!(bench.pass(0), "");
    assert_eq!(bench.ask("ATQ0"), "OK");
    bench.port.announce("+ZUSIMR:2");
    assert_eq!(bench.pass(0), "\r\n+ZUSIMR:2\r\n");
}

#[test]
fn extended_errors_have_words_whatever_v_says() {
    let mut bench = Bench::new(Sim::Absent);
    bench.ask("ATE0V0");
    assert_eq!(bench.bytes(b"AT+CPIN?\r"), "+CME ERROR: 10\r");
}

#[test]
fn x_tells_the_rate_or_not() {
    let mut bench = Bench::new(Sim::Ready);
    for (command, said) in [
        ("ATX0D*99#", "\r\nCONNECT\r\n"),
        ("ATX1D*99#", "\r\nCONNECT 7200000\r\n"),
        ("ATV0D*99#", "1\r"),
    ] {
        bench.ask(command);
        bench.port.connected(bench.now);
        assert_eq!(bench.pass(0), said, "{command}");
        bench.port.no_carrier();
        bench.pass(0);
    }
}

#[test]
fn registers_are_read_and_set_and_reset() {
    let mut bench = Bench::new(Sim::Ready);
    assert_eq!(bench.ask("ATS0?S3?S7?"), "000|013|060|OK");
    assert_eq!(bench.ask("ATS0=2S7=45"), "OK");
    assert_eq!(bench.ask("ATS0?;S7?"), "002|045|OK");
    for refused in ["ATS1?", "ATS3=128", "ATS3=", "ATS"] {
        assert_eq!(bench.ask(refused), "ERROR", "{refused}");
    }
    assert_eq!(bench.ask("ATZ"), "OK");
    assert_eq!(bench.ask("ATS7?"), "060|OK");
}

#[test]
fn s3_s4_and_s5_take_effect_with_the_answer() {
    let mut bench = Bench::new(Sim::Ready);
    bench.ask("ATE0");
    // The line is ended by the value that was; the answer has the new one (V.250, 6.2.1).
    assert_eq!(bench.bytes(b"ATS3=33\r"), "!\nOK!\n");
    assert_eq!(bench.bytes(b"AT\r!"), "!\nOK!\n");
    assert_eq!(bench.bytes(b"ATS4=35!"), "!#OK!#");
    assert_eq!(bench.bytes(b"AT&F!"), "\r\nOK\r\n");
    assert!(bench.ask("ATS5=127").ends_with("OK"));
    assert_eq!(bench.bytes(b"ATX\x7fI9\r").matches("Model").count(), 1);
}

#[test]
fn several_commands_in_one_line() {
    let mut bench = Bench::new(Sim::Ready);
    assert_eq!(bench.ask("ATE1V1&D2&C1S0=0+IFC=2,2"), "OK");
    assert_eq!(bench.ask("at e1 v1 ; +ifc = 0 ; + c s q"), "+CSQ: 17,99|OK");
    assert_eq!(bench.ask("AT+IFC?"), "+IFC: 0,0|OK");
    assert_eq!(bench.ask("AT+IFC=3,0"), "ERROR");
    // What comes behind an error is not executed.
    assert_eq!(bench.ask("AT+NONSENSE;S7=9"), "ERROR");
    assert_eq!(bench.ask("ATS7?"), "060|OK");
}

#[test]
fn a_slash_repeats_without_a_carriage_return() {
    let mut bench = Bench::new(Sim::Ready);
    assert_eq!(bench.bytes(b"A/"), "A/");
    bench.ask("AT+CSQ");
    assert_eq!(bench.bytes(b"A/"), "A/\r\n+CSQ: 17,99\r\n\r\nOK\r\n");
}

#[test]
fn a_byte_aborts_a_call_that_is_not_made_yet() {
    let mut bench = Bench::new(Sim::Ready);
    bench.ask("ATE0");
    bench.bytes(b"ATD*99#\r\n");
    bench.now += ABORTABLE_MS - 1;
    assert_eq!(bench.bytes(b"x"), "", "it may belong to the line");
    bench.now += 1;
    bench.port.take_actions();
    assert_eq!(bench.bytes(b"x"), "\r\nNO CARRIER\r\n");
    assert_eq!(bench.port.take_actions(), [Action::HangUp]);
    assert_eq!(bench.ask("AT"), "OK");
}

#[test]
fn data_is_neither_echoed_nor_obeyed() {
    let mut bench = Bench::new(Sim::Ready);
    bench.call();
    bench.port.take_actions();
    assert_eq!(bench.bytes(b"AT+CSQ\r"), "");
    let data = b"AT+CSQ\r".to_vec();
    assert_eq!(bench.port.take_actions(), [Action::Send(data)]);
}

#[test]
fn the_escape_is_that_of_s2_and_s12() {
    let mut bench = Bench::new(Sim::Ready);
    assert_eq!(bench.ask("ATS2=42S12=10"), "OK");
    bench.call();
    bench.pass(200);
    bench.bytes(b"+++");
    assert_eq!(bench.pass(200), "");
    bench.bytes(b"***");
    assert_eq!(bench.pass(199), "");
    assert_eq!(bench.pass(1), "\r\nOK\r\n");
}

#[test]
fn d1_leaves_the_data_and_keeps_the_call() {
    let mut bench = Bench::new(Sim::Ready);
    bench.ask("AT&D1");
    bench.call();
    assert!(bench.port.dtr(false));
    assert!(bench.port.in_call() && !bench.port.is_online());
    assert_eq!(bench.ask("ATO"), "CONNECT 7200000");
}

#[test]
fn dcd_follows_the_call_or_is_always_on() {
    let mut bench = Bench::new(Sim::Ready);
    assert!(!bench.port.shows_carrier());
    bench.call();
    assert!(bench.port.shows_carrier());
    bench.port.no_carrier();
    assert!(!bench.port.shows_carrier());
    bench.pass(0);
    assert_eq!(bench.ask("AT&C0"), "OK");
    assert!(bench.port.shows_carrier());
}

#[test]
fn a_call_from_outside_is_not_taken() {
    for command in ["ATA", "ATH"] {
        let mut bench = Bench::new(Sim::Ready);
        bench.phone.ring(5, bench.now);
        bench.phone.stop_flood();
        assert_eq!(bench.phone.next_urc(bench.now), Some("RING"));
        let end = if command == "ATA" { "NO CARRIER" } else { "OK" };
        assert_eq!(bench.ask(command), end);
        assert_eq!(bench.phone.deadline(), None);
    }
}

#[test]
fn a_port_that_refuses_answers_error_to_everything() {
    let mut bench = Bench::new(Sim::Ready);
    bench.port = Port::new(Role::Refuses);
    for line in ["AT", "ATD*99#", "AT+CSQ"] {
        assert_eq!(bench.ask(line), "ERROR", "{line}");
    }
}
