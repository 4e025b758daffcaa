//! The stick on virtual time, with the host played by packets.

use super::{
    super::{
        MF180, Sim, Urc, urc,
        wire::{Control, Packet, Status},
    },
    *,
};

struct Host {
    machine: StickMachine,
    now: u64,
    id: u64,
}

impl Host {
    fn new(mode: Mode) -> Self {
        Self::with(mode, &MF180, urc::SILENT)
    }

    fn with(mode: Mode, model: &'static Model, urcs: &'static [Urc]) -> Self {
        let options = Options {
            redir: "unused".into(),
            line: "unused".into(),
            transport: Transport::Bulk,
            model,
            mode,
            sim: Sim::Ready,
            urcs: Some(urcs),
        };
        let (machine, now, id) = (StickMachine::new(&options, 0), 0, 0);
        let mut host = Self { machine, now, id };
        host.handle(Packet::Reset);
        host.handle(Packet::SetConfiguration(1));
        assert!(host.machine.is_configured());
        host.now = 60_000;
        host.machine.tick(host.now);
        host.machine.take_frames();
        host
    }

    fn handle(&mut self, packet: Packet) {
        self.id += 1;
        let id = self.id;
        self.machine.handle(Frame { id, packet }, self.now);
    }

    fn bulk(&mut self, endpoint: u8, length: u32, data: &[u8]) {
        self.handle(Packet::Bulk {
            endpoint,
            status: Status::Success,
            length,
            stream: 0,
            data: data.to_vec(),
        });
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bulk(0x03, u32::try_from(bytes.len()).unwrap(), bytes);
    }

    /// All that one large read of the modem port gives, and how many writes were answered.
    fn read(&mut self) -> (String, usize) {
        self.bulk(0x83, 1 << 16, b"");
        let (mut said, mut written) = (String::new(), 0);
        for frame in self.machine.take_frames() {
            match frame.packet {
                Packet::Bulk {
                    endpoint: 0x83,
                    data,
                    ..
                } => {
                    said.push_str(&String::from_utf8(data).unwrap());
                }
                Packet::Bulk { endpoint: 0x03, .. } => written += 1,
                _ => {}
            }
        }
        // A read that is still open would be answered at any later time.
        let id = self.id;
        let packet = Packet::Cancel;
        self.machine.handle(Frame { id, packet }, self.now);
        self.machine.take_frames();
        (said, written)
    }

    /// All that one large read of this endpoint gives.
    fn read_at(&mut self, wanted: u8) -> String {
        self.bulk(wanted, 1 << 16, b"");
        let mut said = String::new();
        for frame in self.machine.take_frames() {
            if let Packet::Bulk { endpoint, data, .. } = frame.packet
                && endpoint == wanted
            {
                said.push_str(&String::from_utf8(data).unwrap());
            }
        }
        let id = self.id;
        let packet = Packet::Cancel;
        self.machine.handle(Frame { id, packet }, self.now);
        self.machine.take_frames();
        said
    }

    /// The line states that were notified.
    fn states(&mut self) -> Vec<u8> {
        let frames = self.machine.take_frames().into_iter();
        let states = |frame: Frame| match frame.packet {
            Packet::Interrupt { data, .. } => data.get(8).copied(),
            _ => None,
        };
        frames.filter_map(states).collect()
    }

    fn enumerate(&mut self) {
        self.handle(Packet::Reset);
        self.handle(Packet::SetConfiguration(1));
    }

    fn power(&mut self, on: bool) -> Vec<Packet> {
        self.machine.take_frames();
        self.machine.set_power(on, self.now);
        let frames = self.machine.take_frames().into_iter();
        frames.map(|frame| frame.packet).collect()
    }

    fn dtr(&mut self, on: bool) {
        self.dtr_of(2, on);
    }

    fn dtr_of(&mut self, interface: u16, on: bool) {
        self.handle(Packet::Control(Control {
            endpoint: 0,
            request: 0x22,
            request_type: 0x21,
            status: Status::Success,
            value: on.into(),
            index: interface,
            length: 0,
            data: Vec::new(),
        }));
    }

    fn call(&mut self) {
        self.write(b"ATD*99#\r");
        assert_eq!(self.machine.take_line_actions(), [LineAction::Connect]);
        self.machine.connected(self.now);
        let (said, _) = self.read();
        assert!(said.ends_with("\r\nCONNECT 7200000\r\n"), "{said}");
    }

    fn pass(&mut self, ms: u64) -> Vec<Packet> {
        let until = self.now + ms;
        while let Some(at) = self.machine.deadline().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.machine.tick(self.now);
        }
        self.now = until;
        self.machine.tick(until);
        let frames = self.machine.take_frames();
        frames.into_iter().map(|frame| frame.packet).collect()
    }
}

#[test]
fn commands_are_answered_and_remembered() {
    let mut host = Host::new(Mode::Modem);
    host.write(b"AT+CPMS?\r");
    let (said, written) = host.read();
    assert!(
        said.contains("+CPMS: \"SM\"") && said.ends_with("OK\r\n"),
        "{said}"
    );
    assert_eq!(written, 1);
    assert_eq!(host.machine.commands(), ["AT+CPMS?"]);
}

#[test]
fn the_carrier_slows_the_host_down() {
    let mut host = Host::new(Mode::Modem);
    host.call();
    for _ in 0..20 {
        host.write(&[0; 4096]);
    }
    let (_, written) = host.read();
    assert_eq!(written, UPLINK_MAX / 4096);
    assert_eq!(host.machine.uplink().len(), UPLINK_MAX);
    host.machine.sent(4096, host.now);
    assert_eq!(host.read().1, 1);
}

#[test]
fn the_host_slows_the_carrier_down() {
    let mut host = Host::new(Mode::Modem);
    host.call();
    let room = host.machine.line_room();
    host.machine.line_bytes(&vec![b'x'; room], host.now);
    assert_eq!(host.machine.line_room(), 0);
    assert_eq!(host.read().0.len(), room);
    assert_eq!(host.machine.line_room(), DOWNLINK_MAX);
}

#[test]
fn calls_end_from_either_side() {
    let mut host = Host::new(Mode::Modem);
    host.call();
    host.machine.no_carrier(host.now);
    assert_eq!(host.read().0, "\r\nNO CARRIER\r\n");
    host.call();
    host.machine.drop_call(host.now);
    assert_eq!(host.machine.take_line_actions(), [LineAction::Close]);
    assert_eq!(host.read().0, "\r\nNO CARRIER\r\n");
    host.call();
    host.dtr(false);
    assert_eq!(host.machine.take_line_actions(), [LineAction::Close]);
    assert!(!host.machine.in_call());
    host.call();
    host.handle(Packet::Reset);
    assert_eq!(host.machine.take_line_actions(), [LineAction::Close]);
}

#[test]
fn hung_stick_accepts_bytes_and_sends_nothing() {
    let mut host = Host::new(Mode::Modem);
    host.machine.set_hung(true, host.now);
    host.write(b"AT\r");
    assert_eq!(host.read(), (String::new(), 1));
    assert!(host.machine.commands().is_empty());
    host.machine.set_hung(false, host.now);
    host.write(b"AT\r");
    assert!(host.read().0.ends_with("OK\r\n"));
}

#[test]
fn hung_stick_reacts_only_to_reset_command() {
    let mut host = Host::new(Mode::Modem);
    host.machine.hang_at_command("AT+CREG");
    host.write(b"ATE0\r");
    assert!(host.read().0.contains("OK"));
    host.write(b"AT+CREG?\r");
    host.write(b"AT\r");
    assert_eq!(host.read().0, "");
    host.write(b"\rAT+CF");
    host.write(b"UN=1,1\r");
    assert_eq!(host.read().0, "");
    let left = host.pass(LEAVE_MS);
    assert!(left.contains(&Packet::DeviceDisconnect), "{left:?}");
    host.pass(AWAY_MS);
    host.handle(Packet::Reset);
    host.handle(Packet::SetConfiguration(1));
    host.write(b"AT\r");
    assert!(host.read().0.contains("OK"));
}

#[test]
fn stuck_data_mode_left_only_by_escape_sequence() {
    let mut host = Host::new(Mode::Modem);
    host.call();
    host.machine.hang_in_data_mode(host.now);
    assert_eq!(host.machine.take_line_actions(), [LineAction::Close]);
    host.dtr(false);
    host.dtr(true);
    host.write(b"AT\r");
    assert_eq!(host.machine.uplink(), b"");
    assert!(!host.read().0.contains("OK"));
    host.pass(2_000);
    host.write(b"+++");
    host.pass(2_000);
    assert!(host.read().0.contains("OK"));
    host.write(b"ATH\r");
    assert!(host.read().0.contains("OK"));
    host.write(b"AT\r");
    assert!(host.read().0.contains("OK"));
}

#[test]
fn flood_is_bounded_and_not_sent_in_call() {
    let mut host = Host::new(Mode::Modem);
    host.read();
    host.pass(3_000);
    assert_eq!(host.read().0.matches("+ZUSIMR:2").count(), 3);
    host.pass(10_000_000);
    assert!(host.read().0.len() < DOWNLINK_MAX + 16);
    host.call();
    host.pass(3_000);
    assert_eq!(host.read().0, "");
}

#[test]
fn a_restart_leaves_the_bus_and_comes_back() {
    let mut host = Host::new(Mode::Modem);
    host.call();
    host.pass(1_000);
    host.write(b"+++");
    host.pass(1_000);
    host.write(b"AT+CFUN=1,1\r");
    assert_eq!(host.machine.take_line_actions(), [LineAction::Close]);
    let gone = host.pass(LEAVE_MS);
    assert!(gone.contains(&Packet::DeviceDisconnect));
    assert!(!host.machine.is_configured());
    let back = host.pass(AWAY_MS);
    assert!(matches!(
        back.last(),
        Some(Packet::DeviceConnect {
            product: 0x2003,
            ..
        })
    ));
}

#[test]
fn an_ejected_cdrom_becomes_a_modem() {
    let mut host = Host::new(Mode::CdRom);
    let mut eject = b"USBC\0\0\0\0\0\0\0\0\0\0\x06\x1b\0\0\0\x02".to_vec();
    eject.resize(31, 0);
    host.bulk(0x01, 31, &eject);
    host.bulk(0x81, 13, b"");
    assert_eq!(host.machine.take_frames().len(), 2);
    let packets = host.pass(LEAVE_MS + AWAY_MS);
    assert!(packets.contains(&Packet::DeviceDisconnect));
    assert!(matches!(
        packets.last(),
        Some(Packet::DeviceConnect {
            product: 0x2003,
            ..
        })
    ));
}

#[test]
fn unplugged_is_for_good() {
    let mut host = Host::new(Mode::Modem);
    host.call();
    host.machine.unplug(host.now);
    assert_eq!(host.machine.take_line_actions(), [LineAction::Close]);
    assert!(host.machine.is_unplugged());
    assert!(
        !host
            .pass(100_000)
            .iter()
            .any(|p| matches!(p, Packet::DeviceConnect { .. }))
    );
}

#[test]
fn a_stick_of_another_make_keeps_its_make() {
    let mut host = Host::new(Mode::Foreign);
    host.machine.inject(b"noise", host.now);
    assert!(host.read().0.ends_with("noise"));
    host.write(b"AT+CFUN=1,1\r");
    let packets = host.pass(LEAVE_MS + AWAY_MS);
    let connected = packets
        .iter()
        .any(|packet| matches!(packet, Packet::DeviceConnect { vendor, .. } if *vendor != 0x19d2));
    assert!(connected, "{packets:?}");
}

#[path = "machine/model_tests.rs"]
mod models;
