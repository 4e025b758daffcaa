//! The simulated environment of the product's state machines, on virtual time.

use std::collections::VecDeque;

use failberry_state::{BootMillis, UplinkPhase};
use failberry_uplink::machine::{
    Action, AttemptFailure, Event, LoadedHistory, Outcome, PinState, UplinkMachine,
};
use failberry_usb::{Device, NotReady, Presence, ScanResult, Stick as Found};
use tokio_modem::{
    dial::{Dialer, Output, Settings},
    modem::profile_for,
};

use crate::{
    call::{Call, Network},
    stick::{Hang, Stick, Trap},
};

/// Time from power, or a reset, until a stick is on the bus.
const STICK_BOOT_MS: u64 = 8_000;
/// Time from a change on the bus to the scan: the kernel adds a stick's interfaces one by one.
const BUS_MS: u64 = 200;
/// Time until a device node is accessible.
const OPEN_MS: u64 = 50;
/// Time for which the sockets are off.
const DARK_MS: u64 = 3_300;
/// Time of a reset of a stick that answers on no port.
const RESET_UNHEARD_MS: u64 = 8_000;
/// Time from the reboot request to the next start of this service.
const REBOOT_MS: u64 = 25_000;
/// Turns at one time above which the loop counts as endless.
const TURNS_MAX: usize = 10_000;

enum Attempt {
    /// Until this time; PIN withheld; dial timeout; PIN counter required.
    Opening(u64, bool, u64, bool),
    /// Until this time.
    Dialling(Box<Dialer>, u64),
    Call(Box<Call>),
}

/// A scheduled event of the stick, the bus or the board.
enum Physical {
    Deliver(Event),
    Look,
    Leave,
    /// It appears on the bus, unless it is unplugged.
    Come,
    Plug,
    Restart,
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) machine: UplinkMachine,
    pub(crate) stick: Stick,
    pub(crate) network: Network,
    /// Reboots that the supervisor still grants.
    pub(crate) reboots_left: u32,
    /// Until this time it grants none, because of an operator at the console.
    pub(crate) attended_until: u64,
    pub(crate) power_works: bool,
    pub(crate) ejects_fail: u32,
    pulled: bool,
    pub(crate) pin: Option<&'static str>,
    /// The PIN may be sent to a stick that does not count.
    pub(crate) uncounted: bool,
    /// The stick's USB product id as a modem.
    pub(crate) product: u16,
    pub(crate) taken: Taken,
    /// Times of writes to the card.
    pub(crate) writes: Vec<u64>,
    pub(crate) log: Vec<(u64, String)>,
    /// Restores the network at this time.
    pub(crate) well_at: Option<u64>,
    /// Restores it after this many further calls.
    pub(crate) well_after_calls: Option<u32>,
    attempt: Option<Attempt>,
    plans: Vec<(u64, Physical)>,
    queue: VecDeque<Event>,
}

/// Number of times each rung was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) resets: u32,
    pub(crate) power_cycles: u32,
    pub(crate) reboots: u32,
}

impl World {
    /// Creates a box that has just started, with a stick in it.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            now: 0,
            machine: UplinkMachine::new(None, PinState::Usable, BootMillis(0)),
            stick: Stick::default(),
            network: Network::default(),
            reboots_left: 3,
            attended_until: 0,
            power_works: true,
            ejects_fail: 0,
            pulled: false,
            pin: None,
            uncounted: false,
            product: 0x2003,
            taken: Taken::default(),
            writes: Vec::new(),
            log: Vec::new(),
            well_at: None,
            well_after_calls: None,
            attempt: None,
            plans: Vec::new(),
            queue: VecDeque::new(),
        };
        world.plan(0, Physical::Come);
        world.feed(Event::HistoryLoaded(LoadedHistory::Read(Vec::new())));
        world
    }

    /// Returns whether packets of the LAN get answers.
    pub(crate) fn flows(&self) -> bool {
        let up = matches!(&self.attempt, Some(Attempt::Call(call)) if call.is_up());
        up && self.stick.hang.is_none()
            && !self.network.blackhole
            && !self.network.one_way
            && !self.network.silent
            && self.machine.state().phase == UplinkPhase::Up
    }

    pub(crate) fn pull(&mut self, back_ms: Option<u64>) {
        self.pulled = true;
        self.plan(0, Physical::Leave);
        if let Some(back) = back_ms {
            self.stick.revive(Hang::UntilPower);
            self.plan(back, Physical::Plug);
        }
    }

    pub(crate) fn drop_line(&mut self) {
        if let Some(Attempt::Call(call)) = &mut self.attempt {
            call.drop_line(self.now);
        }
    }

    pub(crate) fn terminate(&mut self) {
        if let Some(Attempt::Call(call)) = &mut self.attempt {
            call.terminate(self.now);
        }
    }

    /// Advances the time until `done`, at most to `end`; returns whether it was done.
    pub(crate) fn run_until(&mut self, end: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        loop {
            self.run_due();
            if done(self) {
                return true;
            }
            let next = [
                self.machine.deadline().map(|at| at.0),
                self.plans.iter().map(|(at, _)| *at).min(),
                self.well_at,
                self.next_of_attempt(),
            ];
            let next = next.into_iter().flatten().min().unwrap_or(end);
            if next > end || self.now >= end {
                self.now = end;
                return false;
            }
            self.now = next.max(self.now);
        }
    }

    fn next_of_attempt(&self) -> Option<u64> {
        match &self.attempt {
            None => None,
            Some(Attempt::Opening(at, ..)) => Some(*at),
            Some(Attempt::Dialling(_, wait)) => {
                let next = self.stick.next();
                Some(next.map_or(*wait, |next| next.min(*wait)))
            }
            Some(Attempt::Call(call)) => call.next(),
        }
    }

    /// Executes everything that is due now.
    fn run_due(&mut self) {
        for _ in 0..TURNS_MAX {
            if self.well_at.is_some_and(|at| at <= self.now) {
                self.well_at = None;
                self.network = Network::default();
            }
            if let Some(event) = self.queue.pop_front() {
                self.feed(event);
            } else if let Some(place) = self.plans.iter().position(|(at, _)| *at <= self.now) {
                let (_, physical) = self.plans.remove(place);
                self.happen(physical);
            } else if self.machine.deadline().is_some_and(|at| at.0 <= self.now) {
                self.feed(Event::Deadline);
            } else if self.next_of_attempt().is_some_and(|at| at <= self.now) {
                self.attempt_turn();
            } else {
                return;
            }
        }
        panic!("no end of turns at {} ms: {:?}", self.now, self.log.last());
    }

    fn plan(&mut self, after: u64, physical: Physical) {
        self.plans.push((self.now + after, physical));
        self.plans.sort_by_key(|(at, _)| *at);
    }

    fn happen(&mut self, physical: Physical) {
        match physical {
            Physical::Deliver(event) => self.queue.push_back(event),
            Physical::Leave => {
                self.stick.leave();
                self.plan(BUS_MS, Physical::Look);
            }
            Physical::Plug => {
                self.pulled = false;
                self.plan(0, Physical::Come);
            }
            Physical::Come => {
                if self.stick.tty.is_none() && !self.pulled {
                    self.stick.enumerate();
                }
                self.plan(BUS_MS, Physical::Look);
            }
            Physical::Look => self.look_at_bus(),
            Physical::Restart => {
                self.attempt = None;
                self.plans
                    .retain(|(_, plan)| matches!(plan, Physical::Plug));
                self.queue.clear();
                self.stick.leave();
                self.stick.revive(Hang::UntilReboot);
                self.machine = UplinkMachine::new(None, PinState::Usable, BootMillis(self.now));
                self.feed(Event::HistoryLoaded(LoadedHistory::Read(Vec::new())));
                self.plan(0, Physical::Come);
            }
        }
    }

    fn look_at_bus(&mut self) {
        let event = self.look();
        self.queue.push_back(event);
    }

    fn look(&self) -> Event {
        let device = |product| Device {
            vendor: 0x19d2,
            product,
            bus_path: "1-1.2".into(),
        };
        let presence = match self.stick.tty {
            None => Presence::Absent,
            Some(_) if self.stick.cdrom => Presence::NotReady(device(0x2000), NotReady::CdRom),
            Some(tty) => Presence::Ready(Found {
                device: device(self.product),
                profile: profile_for(0x19d2, self.product).unwrap(),
                interface: 2,
                tty: format!("ttyUSB{tty}"),
            }),
        };
        let others = Vec::new();
        Event::Bus(ScanResult { presence, others })
    }

    fn feed(&mut self, event: Event) {
        for action in self.machine.step(event, BootMillis(self.now)) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::LookAtBus => self.look_at_bus(),
            Action::Attempt {
                withhold_pin,
                require_pin_counter,
                dial_ms,
                ..
            } => {
                assert!(self.attempt.is_none(), "two attempts at once");
                self.attempt = Some(Attempt::Opening(
                    self.now + OPEN_MS,
                    withhold_pin,
                    dial_ms,
                    require_pin_counter,
                ));
            }
            Action::Abort => self.hang_up(),
            Action::Eject(_) => {
                if self.ejects_fail > 0 {
                    self.ejects_fail -= 1;
                    let stuck = Event::Ejected(Err("it is stuck".into()));
                    return self.plan(500, Physical::Deliver(stuck));
                }
                self.stick.cdrom = false;
                self.plan(500, Physical::Deliver(Event::Ejected(Ok(()))));
                self.plan(600, Physical::Leave);
                self.plan(4_000, Physical::Come);
            }
            Action::Reset(_) => {
                self.taken.resets += 1;
                if self.stick.hang.is_some_and(|hang| hang > Hang::UntilReset) {
                    let unheard = Outcome::ResetUnanswered("no answer".into());
                    let event = Event::Recovered(unheard);
                    return self.plan(RESET_UNHEARD_MS, Physical::Deliver(event));
                }
                self.stick.revive(Hang::UntilReset);
                let event = Event::Recovered(Outcome::ResetAccepted);
                self.plan(1_000, Physical::Deliver(event));
                self.plan(1_200, Physical::Leave);
                self.plan(1_200 + STICK_BOOT_MS, Physical::Come);
            }
            Action::PowerCycle => {
                self.taken.power_cycles += 1;
                if !self.power_works {
                    let kept = Outcome::PowerCycleFailed("no hub at 1-1".into());
                    return self.plan(200, Physical::Deliver(Event::Recovered(kept)));
                }
                self.stick.revive(Hang::UntilPower);
                self.plan(300, Physical::Leave);
                let cut = Outcome::PowerCycled("sysfs".into());
                self.plan(DARK_MS, Physical::Deliver(Event::Recovered(cut)));
                self.plan(DARK_MS + STICK_BOOT_MS, Physical::Come);
            }
            Action::Reboot(_) => {
                self.taken.reboots += 1;
                let answer = if self.now < self.attended_until {
                    Outcome::RebootRefused("somebody is logged in".into())
                } else if self.reboots_left > 0 {
                    self.reboots_left -= 1;
                    self.plan(REBOOT_MS, Physical::Restart);
                    Outcome::RebootGranted
                } else {
                    Outcome::RebootRefused("the budget is used up".into())
                };
                self.plan(10, Physical::Deliver(Event::Recovered(answer)));
            }
            Action::Log(_, text) => self.log.push((self.now, text)),
            // The persisted PIN state does not outlive the boot, and no process ends before it here.
            Action::PersistHistory => self.writes.push(self.now),
            Action::PersistPinRejected
            | Action::PersistPinUncertain
            | Action::DescribeBus
            | Action::Terminate
            | Action::Reply(_)
            | Action::Passthrough { .. }
            | Action::CancelPassthrough
            | Action::Exit => {}
        }
    }

    fn hang_up(&mut self) {
        self.attempt = None;
        self.stick.dtr(false);
    }

    fn attempt_turn(&mut self) {
        match self.attempt.take() {
            None => {}
            Some(Attempt::Opening(_, withhold_pin, dial_ms, require_pin_counter)) => {
                let profile = profile_for(0x19d2, self.product).unwrap();
                let mut settings = Settings::new("internet", "*99#", self.pin).unwrap();
                settings.dial_within(dial_ms);
                settings.allow_pin_without_counter(self.uncounted && !require_pin_counter);
                if withhold_pin {
                    settings.withhold_pin();
                }
                let dialer = Box::new(Dialer::new(profile, settings, self.now));
                self.attempt = Some(Attempt::Dialling(dialer, self.now));
                self.feed(Event::PortOpen);
            }
            Some(Attempt::Dialling(dialer, _)) => self.dial_turn(dialer),
            Some(Attempt::Call(mut call)) => {
                let hung = self.stick.hang.is_some() || self.stick.tty.is_none();
                let events = call.turn(self.network, hung, self.now);
                self.attempt = Some(Attempt::Call(call));
                for event in events {
                    if let Event::Ended(_) = event {
                        self.hang_up();
                    }
                    self.feed(event);
                }
            }
        }
    }

    fn dial_turn(&mut self, mut dialer: Box<Dialer>) {
        let input = self.stick.read(self.now);
        let mut rest = input.as_slice();
        loop {
            match dialer.step(&mut rest, self.now) {
                Output::Write(bytes) => {
                    self.stick.hear(bytes, self.now);
                    if let Some(Trap::Pull(back)) = self.stick.sprung.take() {
                        self.pull(Some(back));
                    }
                }
                Output::Dtr(on) => self.stick.dtr(on),
                Output::Progress(progress) => self.feed(Event::Dial(progress)),
                Output::Wait(until) => {
                    self.attempt = Some(Attempt::Dialling(dialer, until));
                    return;
                }
                Output::Connected(rate) => {
                    self.next_call();
                    let call = Box::new(Call::new(self.network, self.now));
                    self.attempt = Some(Attempt::Call(call));
                    return self.feed(Event::Connected(rate.to_string()));
                }
                Output::Failed(error) => {
                    self.hang_up();
                    return self.feed(Event::Ended(AttemptFailure::from(&error)));
                }
            }
        }
    }

    fn next_call(&mut self) {
        match &mut self.well_after_calls {
            Some(0) => {
                self.well_after_calls = None;
                self.network = Network::default();
            }
            Some(left) => *left -= 1,
            None => {}
        }
    }
}
