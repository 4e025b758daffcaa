//! State machine of the whole stick: USB presence, modem function, restarts, data of the call.
//!
//! Takes in usbredir packets, time and events of the carrier's line; gives out packets and actions
//! for the line. Pure.

mod faults;
mod presence;

use std::collections::{BTreeMap, VecDeque};

use self::faults::{Faults, Silence};
use super::{
    Mode, Model, Options, Transport,
    cdrom::Drive,
    modem::{Action, Phone, Port, RING},
    usb::{Device, Event, FOREIGN, Layout, Role},
    wire::Frame,
};

/// Bits of a port's serial state notification.
const DCD: u8 = 1;
const DSR: u8 = 1 << 1;
const RI: u8 = 1 << 3;

/// Buffered bytes for the carrier; above this the host's writes wait.
const UPLINK_MAX: usize = 16 * 1024;

/// Buffered bytes for the host; above this the carrier's bytes wait, and URCs are dropped.
const DOWNLINK_MAX: usize = 16 * 1024;

/// Time from the answer to `+CFUN=1,1`, or the eject, to the detach from the bus.
const LEAVE_MS: u64 = 500;

/// Time off the bus in a restart. Real sticks take 5 to 10 s; shorter to keep tests fast.
const AWAY_MS: u64 = 2_000;

/// Action for the carrier's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineAction {
    /// Connect; [`StickMachine::connected`] or [`StickMachine::no_carrier`] follows.
    Connect,
    /// Close.
    Close,
}

enum Bus {
    On(Device),
    /// Off the bus until this time, then back in this mode.
    Away(u64, Mode),
    /// No port power; starts in this mode with it.
    Dark(Mode),
    Off,
}

/// State of one stick.
pub(super) struct StickMachine {
    model: &'static Model,
    transport: Transport,
    bus: Bus,
    powered: bool,
    mode: Mode,
    /// Mode after it has left the bus and comes back.
    next: Mode,
    phone: Phone,
    /// By interface.
    ports: BTreeMap<u8, Port>,
    drive: Drive,
    restart: Option<(u64, Mode)>,
    unplugging: bool,
    faults: Faults,
    /// Serial state last notified to the host.
    states: u8,
    configured: bool,
    uplink: VecDeque<u8>,
    line_actions: Vec<LineAction>,
    frames: Vec<Frame>,
    commands: Vec<String>,
}

impl StickMachine {
    /// Creates a stick that is plugged in now.
    pub(super) fn new(options: &Options, now: u64) -> Self {
        let autorun = options.mode == Mode::CdRom;
        let urcs = options.urcs.unwrap_or(options.model.urcs);
        let mut machine = Self {
            model: options.model,
            transport: options.transport,
            bus: Bus::Off,
            powered: true,
            mode: options.mode,
            next: options.mode,
            phone: Phone::new(options.sim.clone(), urcs, autorun, now),
            ports: BTreeMap::new(),
            drive: Drive::default(),
            restart: None,
            unplugging: false,
            faults: Faults::default(),
            states: 0,
            configured: false,
            uplink: VecDeque::new(),
            line_actions: Vec::new(),
            frames: Vec::new(),
            commands: Vec::new(),
        };
        machine.attach(options.mode);
        machine
    }

    /// Handles a packet of the host.
    pub(super) fn handle(&mut self, frame: Frame, now: u64) {
        // Expired timers, such as a guard time, come before new input.
        self.tick(now);
        let Bus::On(device) = &mut self.bus else {
            return;
        };
        match device.handle(frame, now) {
            Some(Event::Reset) => {
                self.configured = false;
                self.start_function();
            }
            Some(Event::Configured(configuration)) => {
                self.configured = configuration != 0;
                self.start_function();
            }
            Some(Event::Dtr { interface, on }) if self.faults.honours_dtr() => {
                if let Some(port) = self.ports.get_mut(&interface)
                    && port.dtr(on)
                {
                    device.discard_unread(interface);
                }
            }
            Some(Event::Dtr { .. }) | None => {}
        }
        self.settle(now);
    }

    /// Handles expired timers.
    pub(super) fn tick(&mut self, now: u64) {
        if let Some((at, mode)) = self.restart
            && now >= at
        {
            self.restart = None;
            self.next = mode;
            self.hang_up();
            if let Bus::On(device) = &mut self.bus {
                device.detach(now);
            }
        }
        if let Bus::Away(at, mode) = self.bus
            && now >= at
        {
            // A restart ends every hang but the one set by the test.
            if self.faults.silence != Silence::Hung {
                self.faults.silence = Silence::None;
            }
            self.phone.power_up(now);
            self.attach(mode);
        }
        while let Some(line) = self.phone.next_urc(now) {
            self.announce(line);
        }
        for port in self.ports.values_mut() {
            port.tick(now);
        }
        self.settle(now);
    }

    /// Returns when [`StickMachine::tick`] is due.
    pub(super) fn deadline(&self) -> Option<u64> {
        let bus = match &self.bus {
            Bus::On(device) => device.deadline(),
            Bus::Away(at, _) => Some(*at),
            Bus::Dark(_) | Bus::Off => None,
        };
        let restart = self.restart.map(|(at, _)| at);
        let ports = self.ports.values().filter_map(Port::deadline);
        let others = [bus, restart, self.phone.deadline()];
        others.into_iter().flatten().chain(ports).min()
    }

    /// Returns whether the host has configured it.
    pub(super) fn is_configured(&self) -> bool {
        self.configured
    }

    /// Returns the AT commands received so far.
    pub(super) fn commands(&self) -> &[String] {
        &self.commands
    }

    /// Returns whether there is a call.
    pub(super) fn in_call(&self) -> bool {
        self.ports.values().any(Port::in_call)
    }

    /// Takes the packets to be sent.
    pub(super) fn take_frames(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.frames)
    }

    /// Takes the actions for the line, in order.
    pub(super) fn take_line_actions(&mut self) -> Vec<LineAction> {
        std::mem::take(&mut self.line_actions)
    }

    /// Handles the connected line.
    pub(super) fn connected(&mut self, now: u64) {
        self.uplink.clear();
        if let Some(port) = self.modem_port() {
            port.connected(now);
        }
        self.settle(now);
    }

    /// Handles a line that did not connect, or closed.
    pub(super) fn no_carrier(&mut self, now: u64) {
        self.uplink.clear();
        if let Some(port) = self.modem_port() {
            port.no_carrier();
        }
        self.settle(now);
    }

    /// Returns the bytes to be sent on the line.
    pub(super) fn uplink(&mut self) -> &[u8] {
        self.uplink.make_contiguous()
    }

    /// Removes `count` sent bytes.
    pub(super) fn sent(&mut self, count: usize, now: u64) {
        self.uplink.drain(..count.min(self.uplink.len()));
        self.settle(now);
    }

    /// Returns how many bytes of the line are accepted.
    pub(super) fn line_room(&self) -> usize {
        let online = self.ports.values().any(Port::is_online);
        if online && !self.faults.silence.is_silent() {
            self.downlink_room()
        } else {
            0
        }
    }

    /// Handles bytes of the line.
    pub(super) fn line_bytes(&mut self, bytes: &[u8], now: u64) {
        let modem = self.layout().modem();
        if let (Some(interface), Bus::On(device)) = (modem, &mut self.bus) {
            device.write(interface, bytes);
        }
        self.settle(now);
    }

    fn downlink_room(&self) -> usize {
        let modem = self.layout().modem();
        modem.map_or(0, |interface| self.room(interface))
    }

    /// Returns how many more bytes for the host a port accepts.
    fn room(&self, interface: u8) -> usize {
        match &self.bus {
            Bus::On(device) => DOWNLINK_MAX.saturating_sub(device.unread(interface)),
            Bus::Away(..) | Bus::Dark(_) | Bus::Off => 0,
        }
    }

    fn layout(&self) -> &'static Layout {
        match self.mode {
            Mode::Modem => &self.model.modem,
            Mode::CdRom => &self.model.cdrom,
            Mode::Foreign => &FOREIGN,
        }
    }

    fn modem_port(&mut self) -> Option<&mut Port> {
        let modem = self.layout().modem()?;
        self.ports.get_mut(&modem)
    }

    /// Sends an URC on the modem port and on ports that a program has open.
    fn announce(&mut self, line: &str) {
        let modem = self.layout().modem();
        let numbers: Vec<u8> = self.ports.keys().copied().collect();
        for number in numbers {
            let has_room = self.room(number) > 0;
            if let Some(port) = self.ports.get_mut(&number)
                && has_room
                && (Some(number) == modem || port.is_open())
            {
                port.announce(line);
            }
        }
        if line == RING {
            self.notify(self.states | RI);
        }
    }

    /// Notifies the host of the serial state, if it polls.
    fn notify(&mut self, states: u8) {
        let modem = self.layout().modem();
        if let (Some(port), Bus::On(device)) = (modem, &mut self.bus)
            && states != self.states
            && device.line_states(port, states)
        {
            self.states = states;
        }
    }

    fn hang_up(&mut self) {
        if self.in_call() {
            self.close_line();
        }
    }

    fn close_line(&mut self) {
        self.faults.stuck_in_data_mode = false;
        self.uplink.clear();
        self.line_actions.push(LineAction::Close);
    }

    /// Moves pending data between the bus and the modem function.
    fn settle(&mut self, now: u64) {
        for (interface, _) in self.layout().ports() {
            self.settle_port(interface, now);
        }
        if let Some(interface) = self.layout().storage() {
            self.settle_drive(interface, now);
        }
        if let Some(port) = self.modem_port() {
            let carrier = if port.shows_carrier() { DCD } else { 0 };
            self.notify(DSR | carrier);
        }
        let Bus::On(device) = &mut self.bus else {
            return;
        };
        device.tick(now);
        self.frames.append(&mut device.take_frames());
        if device.is_gone() {
            self.left(now);
        }
    }

    fn settle_port(&mut self, interface: u8, now: u64) {
        self.drain_port(interface, now);
        while let Some(bytes) = self.next_write(interface) {
            let Some(port) = self.ports.get_mut(&interface) else {
                continue;
            };
            if !self.faults.silence.is_silent() {
                port.receive(&bytes, &mut self.phone, now);
            } else if self.faults.completes_reset_command(&bytes) {
                self.restart_soon(now);
            }
            self.drain_port(interface, now);
        }
    }

    fn next_write(&mut self, interface: u8) -> Option<Vec<u8>> {
        let online = self.ports.get(&interface).is_some_and(Port::is_online);
        if online && self.uplink.len() >= UPLINK_MAX {
            return None;
        }
        match &mut self.bus {
            Bus::On(device) => device.read(interface),
            Bus::Away(..) | Bus::Dark(_) | Bus::Off => None,
        }
    }

    fn drain_port(&mut self, interface: u8, now: u64) {
        let Some(port) = self.ports.get_mut(&interface) else {
            return;
        };
        let (output, actions) = (port.take_output(), port.take_actions());
        if self.faults.triggers_hang(&actions) {
            // The command is recorded, without an answer.
            return self.hang_until_reset(now);
        }
        if let Bus::On(device) = &mut self.bus
            && !self.faults.silence.is_silent()
        {
            device.write(interface, &output);
        }
        for action in actions {
            match action {
                Action::Heard(command) => self.commands.push(command),
                Action::Dial => self.line_actions.push(LineAction::Connect),
                Action::HangUp => self.close_line(),
                Action::Send(bytes) => self.uplink.extend(self.faults.filter_uplink(bytes)),
                Action::Restart => self.restart_soon(now),
            }
        }
    }

    fn settle_drive(&mut self, interface: u8, now: u64) {
        let Bus::On(device) = &mut self.bus else {
            return;
        };
        while let Some(bytes) = device.read(interface) {
            if !self.faults.silence.is_silent() {
                self.drive.receive(&bytes);
            }
        }
        // Transfers must not be merged.
        while device.unread(interface) == 0
            && let Some(transfer) = self.drive.next()
        {
            device.write(interface, &transfer);
            device.tick(now);
        }
        let ejected = self.mode == Mode::CdRom && self.drive.is_ejected();
        if ejected && device.unread(interface) == 0 && self.restart.is_none() {
            self.restart = Some((now.saturating_add(LEAVE_MS), Mode::Modem));
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
