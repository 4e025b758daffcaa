//! USB presence: plugging, power, restarts, and the mode in which each starts.

use super::{AWAY_MS, Bus, Drive, LEAVE_MS, Mode, Port, Role, StickMachine};
use crate::stick::usb::Device;

impl StickMachine {
    /// Begins the final detach from the bus.
    pub(in super::super) fn unplug(&mut self, now: u64) {
        self.unplugging = true;
        self.restart = None;
        self.hang_up();
        match &mut self.bus {
            Bus::On(device) => device.detach(now),
            Bus::Away(..) | Bus::Dark(_) | Bus::Off => self.bus = Bus::Off,
        }
        self.settle(now);
    }

    /// Switches the port power. With power the stick starts as when plugged in.
    pub(in super::super) fn set_power(&mut self, on: bool, now: u64) {
        if self.powered == on || self.unplugging {
            return;
        }
        self.powered = on;
        if on {
            if let Bus::Dark(mode) = self.bus {
                self.bus = Bus::Away(now.saturating_add(AWAY_MS), mode);
            }
        } else {
            self.restart = None;
            self.hang_up();
            self.next = self.first_mode();
            match &mut self.bus {
                Bus::On(device) => device.detach(now),
                Bus::Away(..) => self.bus = Bus::Dark(self.next),
                Bus::Dark(_) | Bus::Off => {}
            }
        }
        self.tick(now);
    }

    /// Returns whether the final detach is complete.
    pub(in super::super) fn is_unplugged(&self) -> bool {
        self.unplugging && matches!(self.bus, Bus::Off)
    }

    /// Handles the host's acknowledgement of the detach.
    pub(super) fn left(&mut self, now: u64) {
        self.ports.clear();
        self.configured = false;
        self.bus = if self.unplugging {
            Bus::Off
        } else if self.powered {
            Bus::Away(now.saturating_add(AWAY_MS), self.next)
        } else {
            Bus::Dark(self.next)
        };
    }

    /// Returns the mode after power-up.
    fn first_mode(&self) -> Mode {
        match self.mode {
            Mode::Foreign => Mode::Foreign,
            _ if self.phone.autorun => Mode::CdRom,
            _ => Mode::Modem,
        }
    }

    pub(super) fn attach(&mut self, mode: Mode) {
        (self.mode, self.next) = (mode, mode);
        let mut device = Device::attach(self.layout(), self.transport);
        device.freeze(self.faults.silence.is_silent());
        self.frames.append(&mut device.take_frames());
        self.bus = Bus::On(device);
        self.configured = false;
        self.start_function();
    }

    pub(super) fn start_function(&mut self) {
        self.hang_up();
        self.states = 0;
        self.drive = match self.mode {
            Mode::CdRom => Drive::cdrom(),
            Mode::Modem | Mode::Foreign => Drive::card_reader(),
        };
        let layout = self.layout();
        let talking = layout.ports().filter(|(_, role)| *role != Role::Mute);
        self.ports = talking
            .map(|(interface, role)| (interface, Port::new(role)))
            .collect();
    }

    pub(super) fn restart_soon(&mut self, now: u64) {
        let mode = self.first_mode();
        self.restart = Some((now.saturating_add(LEAVE_MS), mode));
    }
}
