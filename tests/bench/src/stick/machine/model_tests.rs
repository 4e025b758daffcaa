//! Power, line states, and the layouts of each model.

use super::*;
use crate::stick::{MF190, MF190J};

#[test]
fn crashed_stick_recovers_only_by_power_cycle() {
    let mut host = Host::new(Mode::Modem);
    host.machine.crash(host.now);
    host.enumerate();
    host.write(b"AT\r");
    assert_eq!(host.read().0, "");
    host.power(false);
    host.power(true);
    host.pass(AWAY_MS);
    host.enumerate();
    host.write(b"AT\r");
    assert!(host.read().0.ends_with("OK\r\n"));
}

#[test]
fn a_reset_of_the_bus_keeps_the_mode() {
    let mut host = Host::new(Mode::Modem);
    host.machine.set_autorun(true);
    host.handle(Packet::Reset);
    let packets = host.pass(LEAVE_MS + AWAY_MS);
    assert!(!packets.contains(&Packet::DeviceDisconnect));
}

#[test]
fn power_brings_the_cdrom_back_unless_it_is_off() {
    for (model, autorun, expected) in [
        (&MF190, true, 0x2000),
        (&MF190, false, 0x2003),
        (&MF190J, true, 0x1542),
        (&MF190J, false, 0x1544),
    ] {
        let mut host = Host::with(Mode::Modem, model, urc::SILENT);
        host.machine.set_autorun(autorun);
        let dark = host.power(false);
        assert_eq!(dark, [Packet::DeviceDisconnect]);
        assert!(host.pass(100_000).is_empty(), "nothing without power");
        assert_eq!(host.power(true), [], "it has to start first");
        assert_eq!(host.pass(AWAY_MS - 1), []);
        let back = host.pass(1);
        assert!(
            matches!(back.last(), Some(Packet::DeviceConnect { product, .. }) if *product == expected),
            "{back:?}"
        );
    }
}

#[test]
fn power_loss_ends_restart_and_call() {
    let mut host = Host::new(Mode::Modem);
    host.call();
    host.power(false);
    assert_eq!(host.machine.take_line_actions(), [LineAction::Close]);
    assert!(!host.machine.in_call());
    host.power(true);
    host.pass(AWAY_MS / 2);
    host.power(false);
    assert!(host.pass(100_000).is_empty());
    host.machine.unplug(host.now);
    assert!(host.machine.is_unplugged());
    assert_eq!(host.power(true), []);
}

#[test]
fn settings_are_lost_with_the_power() {
    let mut host = Host::new(Mode::Modem);
    host.write(b"AT+CGDCONT=1,\"IP\",\"x\";S7=9\r");
    host.read();
    host.power(false);
    host.power(true);
    host.pass(AWAY_MS);
    host.enumerate();
    host.write(b"ATS7?\r");
    assert!(host.read().0.contains("\r\n060\r\n"));
}

#[test]
fn line_states_follow_the_call_and_the_bell() {
    let mut host = Host::new(Mode::Modem);
    host.handle(Packet::StartInterrupt { endpoint: 0x84 });
    assert_eq!(host.states(), [DSR]);
    host.write(b"ATD*99#\r");
    host.machine.connected(host.now);
    assert_eq!(host.states(), [DSR | DCD]);
    host.machine.no_carrier(host.now);
    assert_eq!(host.states(), [DSR]);
    host.machine.ring(1, host.now);
    assert_eq!(host.states(), [DSR | RI, DSR]);
    host.write(b"AT&C0\r");
    assert_eq!(host.states(), [DSR | DCD]);
}

#[test]
fn urcs_go_to_modem_port_and_open_ports() {
    let mut host = Host::with(Mode::Modem, &MF190, urc::ZTE);
    for (endpoint, heard) in [(0x85, true), (0x82, false), (0x81, false), (0x83, false)] {
        let said = host.read_at(endpoint);
        assert_eq!(said.contains("+ZPASR: \"HSDPA\""), heard, "{endpoint:#x}");
    }
    host.dtr_of(1, true);
    host.pass(3_000);
    assert!(host.read_at(0x82).contains("+ZUSIMR:2"));
}

#[test]
fn mute_ports_accept_bytes_card_reader_is_empty() {
    let mut host = Host::with(Mode::Modem, &MF190, urc::SILENT);
    for endpoint in [0x01, 0x03] {
        host.bulk(endpoint, 3, b"AT\r");
    }
    assert_eq!(host.read_at(0x81), "");
    assert!(host.machine.commands().is_empty());
    let mut ready = b"USBC\0\0\0\0\0\0\0\0\0\0\x06".to_vec();
    ready.resize(31, 0);
    host.bulk(0x05, 31, &ready);
    let status = host.read_at(0x86);
    assert_eq!((status.len(), status.as_bytes()[12]), (13, 1));
}

#[test]
fn the_first_function_of_a_communications_stick_dials() {
    let mut host = Host::with(Mode::Modem, &MF190J, urc::SILENT);
    host.handle(Packet::StartInterrupt { endpoint: 0x81 });
    host.dtr_of(1, true);
    host.bulk(0x01, 8, b"ATD*99#\r");
    assert_eq!(host.machine.take_line_actions(), [LineAction::Connect]);
    host.machine.connected(host.now);
    assert!(host.read_at(0x82).ends_with("CONNECT 7200000\r\n"));
    host.machine.line_bytes(b"~", host.now);
    assert_eq!(host.read_at(0x82), "~");
    host.dtr_of(1, false);
    assert_eq!(host.machine.take_line_actions(), [LineAction::Close]);
    for (out, r#in, end) in [(0x02, 0x84, "NO CARRIER\r\n"), (0x03, 0x86, "ERROR\r\n")] {
        host.bulk(out, 8, b"ATD*99#\r");
        assert!(host.read_at(r#in).ends_with(end), "{out}");
    }
}
