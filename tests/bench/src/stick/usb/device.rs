//! The device on the bus: answers packets, moves bytes.

use super::{
    super::{
        Transport,
        wire::{EndpointInfo, Frame, InterfaceInfo, Packet, Status},
    },
    control,
    layout::{Endpoint, Kind, Layout, Role},
    models::PACKET,
    pipe::{Read, Write},
    pipes::Pipes,
};

/// usbredir's number for full speed.
const FULL_SPEED: u8 = 1;

/// QEMU's dwc2 aborts when a channel still polls an endpoint of a device that is gone. So many
/// refusals end every poll that can begin in [`SETTLE_MS`]; QEMU's own queue drops above 2000.
const STALLS: usize = 1500;

/// How long dwc2 takes to see the refusals.
const SETTLE_MS: u64 = 30;

/// Interrupt packets have no flow control, and QEMU's queue drops when it is full: one packet a
/// millisecond is what an interrupt endpoint could carry on a real bus.
const PACKETS_PER_TURN: usize = 16;
const TURN_MS: u64 = 16;

/// Writes of the interrupt transport cannot be held back: beyond this they are lost, as in a stick
/// whose buffers are full.
const HELD_MAX: usize = 256 * 1024;

/// What the host did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Event {
    /// A bus reset: everything starts anew.
    Reset,
    /// The device may be used, or not any more (0).
    Configured(u8),
    /// A serial port was opened or closed.
    Dtr {
        /// Which.
        interface: u8,
        /// DTR.
        on: bool,
    },
}

/// One plugged-in device.
pub(in super::super) struct Device {
    layout: &'static Layout,
    transport: Transport,
    configuration: u8,
    pipes: Vec<Pipes>,
    frames: Vec<Frame>,
    next_turn: u64,
    presence: Presence,
    frozen: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    There,
    Leaving(u64),
    Gone,
}

impl Device {
    /// Puts the device on the bus.
    pub(in super::super) fn attach(layout: &'static Layout, transport: Transport) -> Self {
        let mut device = Self {
            layout,
            transport,
            configuration: 0,
            pipes: Vec::new(),
            frames: Vec::new(),
            next_turn: 0,
            presence: Presence::There,
            frozen: false,
        };
        device.clear();
        device.tell_tables();
        device.say(Packet::DeviceConnect {
            speed: FULL_SPEED,
            vendor: layout.vendor,
            product: layout.product,
            version: layout.release,
        });
        device
    }

    /// Begins to take the device off the bus; it is gone when [`Device::is_gone`] says so.
    pub(in super::super) fn detach(&mut self, now: u64) {
        if self.presence != Presence::There {
            return;
        }
        let polled: Vec<u8> = match self.transport {
            Transport::Bulk => Vec::new(),
            Transport::Interrupt => self.pipes.iter().flat_map(|p| p.polled.clone()).collect(),
        };
        for endpoint in &polled {
            for _ in 0..STALLS {
                self.interrupt(*endpoint, Status::Stall, Vec::new());
            }
        }
        let settle = if polled.is_empty() { 0 } else { SETTLE_MS };
        self.presence = Presence::Leaving(now.saturating_add(settle));
    }

    /// Goes on with what takes time.
    pub(in super::super) fn tick(&mut self, now: u64) {
        match self.presence {
            Presence::Leaving(at) if now >= at => {
                self.say(Packet::DeviceDisconnect);
                self.presence = Presence::Gone;
            }
            Presence::Leaving(_) | Presence::Gone => {}
            Presence::There => self.pump(now),
        }
    }

    /// When [`Device::tick`] has something to do.
    pub(in super::super) fn deadline(&self) -> Option<u64> {
        match self.presence {
            Presence::Gone => None,
            Presence::Leaving(at) => Some(at),
            Presence::There => {
                let paced = self.transport == Transport::Interrupt && !self.frozen;
                let waits = |pipes: &Pipes| pipes.r#in.polled && pipes.r#in.len() > 0;
                (paced && self.pipes.iter().any(waits)).then_some(self.next_turn)
            }
        }
    }

    /// It was taken off the bus.
    pub(in super::super) fn is_gone(&self) -> bool {
        self.presence == Presence::Gone
    }

    /// While frozen nothing goes to the host but answers to control transfers.
    pub(in super::super) fn freeze(&mut self, on: bool) {
        self.frozen = on;
    }

    /// Packets to be sent.
    pub(in super::super) fn take_frames(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.frames)
    }

    /// Bytes for the host.
    pub(in super::super) fn write(&mut self, interface: u8, bytes: &[u8]) {
        if let Some(pipes) = self.pipes.get_mut(usize::from(interface)) {
            pipes.r#in.write(bytes);
        }
    }

    /// Notifies the host of a port's line states (USB PSTN 1.2, 6.5.4: bit 0 DCD, 1 DSR, 3 RI),
    /// where it listens; false where it does not.
    pub(in super::super) fn line_states(&mut self, port: u8, states: u8) -> bool {
        let interface = self.layout.states_of(port);
        let Some(pipes) = self.pipes.get(usize::from(interface)) else {
            return false;
        };
        let notifies = |end: &&Endpoint| {
            end.kind == Kind::Interrupt
                && end.address & 0x80 != 0
                && pipes.polled.contains(&end.address)
        };
        let endpoint = pipes.endpoints.iter().find(notifies);
        let Some(endpoint) = endpoint.filter(|_| !self.frozen) else {
            return false;
        };
        let state = vec![0xa1, 0x20, 0, 0, interface, 0, 2, 0, states, 0];
        self.interrupt(endpoint.address, Status::Success, state);
        true
    }

    /// Bytes that the host has not fetched.
    pub(in super::super) fn unread(&self, interface: u8) -> usize {
        let pipes = self.pipes.get(usize::from(interface));
        pipes.map_or(0, |pipes| pipes.r#in.len())
    }

    /// Throws away what the host has not fetched.
    pub(in super::super) fn discard_unread(&mut self, interface: u8) {
        if let Some(pipes) = self.pipes.get_mut(usize::from(interface)) {
            pipes.r#in.clear_bytes();
        }
    }

    /// The host's next write, which is thereby answered.
    pub(in super::super) fn read(&mut self, interface: u8) -> Option<Vec<u8>> {
        let pipes = self.pipes.get_mut(usize::from(interface))?;
        let write = pipes.out.pop()?;
        if self.transport == Transport::Bulk {
            let length = u32::try_from(write.data.len()).unwrap_or_default();
            self.bulk(
                write.id,
                write.endpoint,
                Status::Success,
                length,
                Vec::new(),
            );
        }
        Some(write.data)
    }

    /// Takes a packet of the host.
    pub(in super::super) fn handle(&mut self, frame: Frame, now: u64) -> Option<Event> {
        if self.presence != Presence::There {
            return None;
        }
        let id = frame.id;
        match frame.packet {
            Packet::Reset => {
                self.clear();
                return Some(Event::Reset);
            }
            Packet::SetConfiguration(configuration) => {
                self.configuration = configuration;
                self.clear();
                self.tell_tables();
                self.tell_configuration(id);
                return Some(Event::Configured(configuration));
            }
            Packet::GetConfiguration => self.tell_configuration(id),
            Packet::SetAlternate {
                interface,
                alternate,
            } => self.tell_alternate(id, interface, alternate),
            Packet::GetAlternate { interface } => self.tell_alternate(id, interface, 0),
            Packet::StartInterrupt { endpoint } => self.poll(id, endpoint, true),
            Packet::StopInterrupt { endpoint } => self.poll(id, endpoint, false),
            Packet::Cancel => self.cancel(id),
            Packet::Control(request) => {
                let (answer, dtr) = control::answer(self.layout, &request);
                let packet = Packet::Control(answer);
                self.frames.push(Frame { id, packet });
                return dtr.map(|dtr| Event::Dtr {
                    interface: dtr.interface,
                    on: dtr.on,
                });
            }
            Packet::Bulk {
                endpoint,
                length,
                data,
                ..
            } => self.bulk_request(id, endpoint, length, data),
            Packet::Interrupt { endpoint, data, .. } => {
                if let Some(pipes) = self.pipes_of(endpoint)
                    && pipes.out.len() < HELD_MAX
                {
                    pipes.out.push(Write { id, endpoint, data });
                }
            }
            _ => {}
        }
        self.pump(now);
        None
    }

    fn say(&mut self, packet: Packet) {
        self.frames.push(Frame { id: 0, packet });
    }

    fn clear(&mut self) {
        let interfaces = self.layout.interfaces.iter();
        self.pipes = interfaces.map(|each| Pipes::new(each.endpoints)).collect();
    }

    fn pipes_of(&mut self, endpoint: u8) -> Option<&mut Pipes> {
        self.pipes.iter_mut().find(|pipes| pipes.has(endpoint))
    }

    fn tell_tables(&mut self) {
        let classes = self.layout.interfaces.iter().map(|each| each.class);
        self.say(Packet::InterfaceInfo(InterfaceInfo {
            classes: classes.collect(),
        }));
        let mut table = EndpointInfo::new();
        for (number, interface) in (0..).zip(self.layout.interfaces) {
            for end in interface.endpoints {
                let kind = match self.transport {
                    Transport::Bulk => end.kind,
                    Transport::Interrupt => Kind::Interrupt,
                };
                // An interrupt endpoint with interval 0 is refused.
                let interval = match kind {
                    Kind::Bulk => end.interval,
                    Kind::Interrupt => end.interval.max(1),
                };
                table.set(end.address, kind as u8, interval, number, end.max_packet);
            }
        }
        self.say(Packet::EndpointInfo(Box::new(table)));
    }

    fn tell_configuration(&mut self, id: u64) {
        let packet = Packet::ConfigurationStatus {
            status: Status::Success,
            configuration: self.configuration,
        };
        self.frames.push(Frame { id, packet });
    }

    fn tell_alternate(&mut self, id: u64, interface: u8, alternate: u8) {
        let packet = Packet::AlternateStatus {
            status: Status::Success,
            interface,
            alternate,
        };
        self.frames.push(Frame { id, packet });
    }

    fn poll(&mut self, id: u64, endpoint: u8, on: bool) {
        let status = match self.pipes_of(endpoint) {
            Some(pipes) => {
                pipes.poll(endpoint, on);
                Status::Success
            }
            None => Status::Stall,
        };
        let packet = Packet::InterruptStatus { status, endpoint };
        self.frames.push(Frame { id, packet });
    }

    fn bulk_request(&mut self, id: u64, endpoint: u8, length: u32, data: Vec<u8>) {
        match self.pipes_of(endpoint) {
            Some(pipes) if endpoint & 0x80 != 0 => pipes.r#in.wait(Read { id, length }),
            Some(pipes) => pipes.out.push(Write { id, endpoint, data }),
            None => self.bulk(id, endpoint, Status::Stall, 0, Vec::new()),
        }
    }

    /// Every cancel is answered, whichever direction it takes back; one that crossed with the
    /// answer itself is not known any more and needs none.
    fn cancel(&mut self, id: u64) {
        for pipes in &mut self.pipes {
            let endpoint = if pipes.r#in.cancel(id) {
                pipes.bulk_in()
            } else {
                pipes.out.cancel(id).map(|write| write.endpoint)
            };
            if let Some(endpoint) = endpoint {
                self.bulk(id, endpoint, Status::Cancelled, 0, Vec::new());
                return;
            }
        }
    }

    fn pump(&mut self, now: u64) {
        if self.frozen {
            return;
        }
        match self.transport {
            Transport::Bulk => self.answer_reads(),
            Transport::Interrupt if now >= self.next_turn => self.send_turn(now),
            Transport::Interrupt => {}
        }
    }

    fn answer_reads(&mut self) {
        let mut answers = Vec::new();
        for pipes in &mut self.pipes {
            let Some(endpoint) = pipes.bulk_in() else {
                continue;
            };
            while let Some((read, data)) = pipes.r#in.answer() {
                answers.push((read.id, endpoint, data));
            }
        }
        for (id, endpoint, data) in answers {
            let length = u32::try_from(data.len()).unwrap_or_default();
            self.bulk(id, endpoint, Status::Success, length, data);
        }
    }

    fn send_turn(&mut self, now: u64) {
        let layout = self.layout;
        let mut budget = PACKETS_PER_TURN;
        let mut packets = Vec::new();
        for (number, pipes) in (0..).zip(&mut self.pipes) {
            let serial = layout.role(number) != Some(Role::Storage);
            let (Some(endpoint), true) = (pipes.bulk_in(), pipes.r#in.polled) else {
                continue;
            };
            if pipes.r#in.len() == 0 {
                continue;
            }
            // A transfer of a serial port ends with a packet that is not full, so that the host's
            // read ends with it; mass storage knows its lengths.
            while budget > 0 {
                let must_end = serial && budget == 1;
                let data = pipes.r#in.take(usize::from(PACKET) - usize::from(must_end));
                let full = data.len() == usize::from(PACKET);
                packets.push((endpoint, data));
                budget -= 1;
                if !full || (!serial && pipes.r#in.len() == 0) {
                    break;
                }
            }
        }
        if !packets.is_empty() {
            self.next_turn = now.saturating_add(TURN_MS);
        }
        for (endpoint, data) in packets {
            self.interrupt(endpoint, Status::Success, data);
        }
    }

    fn bulk(&mut self, id: u64, endpoint: u8, status: Status, length: u32, data: Vec<u8>) {
        let packet = Packet::Bulk {
            endpoint,
            status,
            length,
            stream: 0,
            data,
        };
        self.frames.push(Frame { id, packet });
    }

    fn interrupt(&mut self, endpoint: u8, status: Status, data: Vec<u8>) {
        self.say(Packet::Interrupt {
            endpoint,
            status,
            length: u16::try_from(data.len()).unwrap_or_default(),
            data,
        });
    }
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
