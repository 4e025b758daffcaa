//! The stick as a whole: what is on the bus, the function behind it, restarts, the call's bytes.
//!
//! Takes in packets, time and what happens on the carrier's line; gives out packets and what to do
//! with the line. Pure.

mod trouble;

use std::collections::VecDeque;

use self::trouble::{Silence, Troubles};
use super::{
    Mode, Options, Transport,
    cdrom::CdRom,
    modem::{Action, Phone, Port},
    usb::{CDROM, Device, Event, FOREIGN, MODEM, MODEM_INTERFACE},
    wire::Frame,
};

/// Bytes for the carrier that are kept; above it the host's writes wait.
const UPLINK_MAX: usize = 16 * 1024;

/// Bytes for the host that are kept; above it the carrier's bytes wait, and unasked lines are lost.
const DOWNLINK_MAX: usize = 16 * 1024;

/// From the answer to `+CFUN=1,1`, or the eject, to the moment when the stick leaves the bus.
const LEAVE_MS: u64 = 500;

/// A restart; real sticks take 5 to 10 seconds, which no test should have to wait for.
const AWAY_MS: u64 = 2_000;

/// What to do with the carrier's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Connect; [`Machine::connected`] or [`Machine::no_carrier`] follows.
    Connect,
    /// Close.
    Close,
}

enum Bus {
    On(Device),
    /// Until then; then it comes back in this mode.
    Away(u64, Mode),
    Off,
}

/// One stick.
pub(super) struct Machine {
    transport: Transport,
    bus: Bus,
    mode: Mode,
    phone: Phone,
    ports: Vec<Port>,
    cdrom: CdRom,
    restart: Option<(u64, Mode)>,
    unplugging: bool,
    troubles: Troubles,
    /// What the host was told of the carrier.
    carrier: bool,
    configured: bool,
    uplink: VecDeque<u8>,
    orders: Vec<Order>,
    frames: Vec<Frame>,
    commands: Vec<String>,
}

impl Machine {
    /// A stick that is plugged in now.
    pub(super) fn new(options: &Options, now: u64) -> Self {
        let autorun = options.mode == Mode::CdRom;
        let mut machine = Self {
            transport: options.transport,
            bus: Bus::Off,
            mode: options.mode,
            phone: Phone::new(options.sim.clone(), autorun, now),
            ports: Vec::new(),
            cdrom: CdRom::default(),
            restart: None,
            unplugging: false,
            troubles: Troubles::default(),
            carrier: false,
            configured: false,
            uplink: VecDeque::new(),
            orders: Vec::new(),
            frames: Vec::new(),
            commands: Vec::new(),
        };
        machine.attach(options.mode);
        machine
    }

    /// Takes a packet of the host.
    pub(super) fn handle(&mut self, frame: Frame, now: u64) {
        // What is due comes before what arrives: a guard time that is over, for instance.
        self.tick(now);
        let Bus::On(device) = &mut self.bus else {
            return;
        };
        match device.handle(frame, now) {
            Some(Event::Reset) => {
                if self.troubles.silence == Silence::Crashed {
                    self.troubles.silence = Silence::None;
                    device.freeze(false);
                    self.phone.power_up(now);
                }
                self.configured = false;
                self.start_function();
            }
            Some(Event::Configured(configuration)) => {
                self.configured = configuration != 0;
                self.start_function();
            }
            Some(Event::Dtr { interface, on }) if self.troubles.minds_dtr() => {
                if let Some(port) = self.ports.get_mut(usize::from(interface))
                    && port.dtr(on)
                {
                    device.discard_unread(interface);
                }
            }
            Some(Event::Dtr { .. }) | None => {}
        }
        self.settle(now);
    }

    /// Goes on with what takes time.
    pub(super) fn tick(&mut self, now: u64) {
        if let Some((at, mode)) = self.restart
            && now >= at
        {
            self.restart = None;
            self.mode = mode;
            self.hang_up();
            if let Bus::On(device) = &mut self.bus {
                device.detach(now);
            }
        }
        if let Bus::Away(at, mode) = self.bus
            && now >= at
        {
            if self.troubles.silence == Silence::Dazed {
                self.troubles.silence = Silence::None;
            }
            self.phone.power_up(now);
            self.attach(mode);
        }
        if let Some(line) = self.phone.unasked(now)
            && self.downlink_room() > 0
            && let Some(port) = self.modem_port()
        {
            port.announce(line);
        }
        for port in &mut self.ports {
            port.tick(now);
        }
        self.settle(now);
    }

    /// When [`Machine::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<u64> {
        let bus = match &self.bus {
            Bus::On(device) => device.deadline(),
            Bus::Away(at, _) => Some(*at),
            Bus::Off => None,
        };
        let restart = self.restart.map(|(at, _)| at);
        let ports = self.ports.iter().filter_map(Port::deadline);
        let others = [bus, restart, self.phone.deadline()];
        others.into_iter().flatten().chain(ports).min()
    }

    /// Begins to take the stick off the bus for good.
    pub(super) fn unplug(&mut self, now: u64) {
        self.unplugging = true;
        self.restart = None;
        self.hang_up();
        match &mut self.bus {
            Bus::On(device) => device.detach(now),
            Bus::Away(..) | Bus::Off => self.bus = Bus::Off,
        }
        self.settle(now);
    }

    /// It is off the bus for good.
    pub(super) fn is_unplugged(&self) -> bool {
        self.unplugging && matches!(self.bus, Bus::Off)
    }

    /// The host has configured it.
    pub(super) fn is_configured(&self) -> bool {
        self.configured
    }

    /// AT commands heard so far.
    pub(super) fn commands(&self) -> &[String] {
        &self.commands
    }

    /// There is a call.
    pub(super) fn in_call(&self) -> bool {
        self.ports.iter().any(Port::in_call)
    }

    /// Packets to be sent.
    pub(super) fn take_frames(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.frames)
    }

    /// What to do with the line, in order.
    pub(super) fn take_orders(&mut self) -> Vec<Order> {
        std::mem::take(&mut self.orders)
    }

    /// The line is there.
    pub(super) fn connected(&mut self, now: u64) {
        self.uplink.clear();
        if let Some(port) = self.modem_port() {
            port.connected(now);
        }
        self.settle(now);
    }

    /// The line is not there, or not any more.
    pub(super) fn no_carrier(&mut self, now: u64) {
        self.uplink.clear();
        if let Some(port) = self.modem_port() {
            port.no_carrier();
        }
        self.settle(now);
    }

    /// Bytes for the line.
    pub(super) fn uplink(&mut self) -> &[u8] {
        self.uplink.make_contiguous()
    }

    /// So many of them were taken.
    pub(super) fn sent(&mut self, count: usize, now: u64) {
        self.uplink.drain(..count.min(self.uplink.len()));
        self.settle(now);
    }

    /// How many bytes of the line are welcome.
    pub(super) fn line_room(&self) -> usize {
        let online = self.ports.iter().any(Port::is_online);
        if online && !self.troubles.silence.is_silent() {
            self.downlink_room()
        } else {
            0
        }
    }

    /// Bytes of the line.
    pub(super) fn line_bytes(&mut self, bytes: &[u8], now: u64) {
        if let Bus::On(device) = &mut self.bus {
            device.write(MODEM_INTERFACE, bytes);
        }
        self.settle(now);
    }

    fn downlink_room(&self) -> usize {
        match &self.bus {
            Bus::On(device) => DOWNLINK_MAX.saturating_sub(device.unread(MODEM_INTERFACE)),
            Bus::Away(..) | Bus::Off => 0,
        }
    }

    fn modem_port(&mut self) -> Option<&mut Port> {
        self.ports.get_mut(usize::from(MODEM_INTERFACE))
    }

    fn attach(&mut self, mode: Mode) {
        let layout = match mode {
            Mode::Modem => &MODEM,
            Mode::CdRom => &CDROM,
            Mode::Foreign => &FOREIGN,
        };
        self.mode = mode;
        let mut device = Device::attach(layout, self.transport);
        device.freeze(self.troubles.silence.is_silent());
        self.frames.append(&mut device.take_frames());
        self.bus = Bus::On(device);
        self.configured = false;
        self.start_function();
    }

    fn start_function(&mut self) {
        self.hang_up();
        self.carrier = false;
        self.cdrom = CdRom::default();
        self.ports = match self.mode {
            Mode::Modem | Mode::Foreign => (0..=MODEM_INTERFACE)
                .map(|interface| Port::new(interface == MODEM_INTERFACE))
                .collect(),
            Mode::CdRom => Vec::new(),
        };
    }

    fn hang_up(&mut self) {
        if self.in_call() {
            self.close_line();
        }
    }

    fn close_line(&mut self) {
        self.troubles.astray = false;
        self.uplink.clear();
        self.orders.push(Order::Close);
    }

    /// Moves what can be moved between the bus and the function.
    fn settle(&mut self, now: u64) {
        match self.mode {
            Mode::Modem | Mode::Foreign => self.settle_ports(now),
            Mode::CdRom => self.settle_cdrom(now),
        }
        let online = self.in_call();
        let Bus::On(device) = &mut self.bus else {
            return;
        };
        if self.carrier != online {
            self.carrier = online;
            device.carrier(MODEM_INTERFACE, online);
        }
        device.tick(now);
        self.frames.append(&mut device.take_frames());
        if device.is_gone() {
            self.ports.clear();
            self.configured = false;
            self.bus = if self.unplugging {
                Bus::Off
            } else {
                Bus::Away(now.saturating_add(AWAY_MS), self.mode)
            };
        }
    }

    fn settle_ports(&mut self, now: u64) {
        for interface in 0..=MODEM_INTERFACE {
            self.drain_port(interface, now);
            while let Some(bytes) = self.next_write(interface) {
                if self.troubles.silence.is_silent() {
                    if self.troubles.hear(&bytes) {
                        self.restart_soon(now);
                    }
                } else if let Some(port) = self.ports.get_mut(usize::from(interface)) {
                    port.receive(&bytes, &mut self.phone, now);
                }
                self.drain_port(interface, now);
            }
        }
    }

    fn next_write(&mut self, interface: u8) -> Option<Vec<u8>> {
        let online = self.ports.get(usize::from(interface))?.is_online();
        if online && self.uplink.len() >= UPLINK_MAX {
            return None;
        }
        match &mut self.bus {
            Bus::On(device) => device.read(interface),
            Bus::Away(..) | Bus::Off => None,
        }
    }

    fn drain_port(&mut self, interface: u8, now: u64) {
        let Some(port) = self.ports.get_mut(usize::from(interface)) else {
            return;
        };
        let (output, actions) = (port.take_output(), port.take_actions());
        if self.troubles.is_felled_by(&actions) {
            // It did hear; that is all.
            return self.daze(now);
        }
        if let Bus::On(device) = &mut self.bus
            && !self.troubles.silence.is_silent()
        {
            device.write(interface, &output);
        }
        for action in actions {
            match action {
                Action::Heard(command) => self.commands.push(command),
                Action::Dial => self.orders.push(Order::Connect),
                Action::HangUp => self.close_line(),
                Action::Send(bytes) => self.uplink.extend(self.troubles.pass(bytes)),
                Action::Restart => self.restart_soon(now),
            }
        }
    }

    fn restart_soon(&mut self, now: u64) {
        let mode = if self.phone.autorun {
            Mode::CdRom
        } else {
            self.mode
        };
        self.restart = Some((now.saturating_add(LEAVE_MS), mode));
    }

    fn settle_cdrom(&mut self, now: u64) {
        let Bus::On(device) = &mut self.bus else {
            return;
        };
        while let Some(bytes) = device.read(0) {
            if !self.troubles.silence.is_silent() {
                self.cdrom.receive(&bytes);
            }
        }
        // A transfer must not run into the next one.
        while device.unread(0) == 0
            && let Some(transfer) = self.cdrom.next()
        {
            device.write(0, &transfer);
            device.tick(now);
        }
        if self.cdrom.is_ejected() && device.unread(0) == 0 && self.restart.is_none() {
            self.restart = Some((now.saturating_add(LEAVE_MS), Mode::Modem));
        }
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
