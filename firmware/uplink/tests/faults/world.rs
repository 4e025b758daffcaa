//! The product's machine, dialler and PPP engine in a world on virtual time.

use std::collections::VecDeque;

use failberry_state::{BootMillis, UplinkPhase};
use failberry_uplink::machine::{Action, Earlier, Ending, Event, Machine, Outcome, PinUse};
use failberry_usb::{Device, NotReady, Presence, ScanResult, Stick as Found};
use tokio_modem::{
    dial::{Dialer, Output, Settings},
    modem::profile_for,
};

use crate::{
    call::{Call, Network},
    stick::{Hang, Stick, Trap},
};

/// From power, or its own restart, until a stick is on the bus.
const STICK_BOOT_MS: u64 = 8_000;
/// The kernel adds a stick's interfaces one by one; an event leads to a look a little later.
const BUS_MS: u64 = 200;
/// Until a device node is ours.
const OPEN_MS: u64 = 50;
/// The sockets are dark for so long.
const DARK_MS: u64 = 3_300;
/// Asking each port of a stick that answers none.
const RESET_UNHEARD_MS: u64 = 8_000;
/// From the request to the end of the services, and from there to this service again.
const REBOOT_MS: u64 = 25_000;
/// More turns at one time mean a loop that never waits.
const TURNS_MAX: usize = 10_000;

enum Attempt {
    /// Until then; without the PIN; with this patience for `CONNECT`; the PIN only if counted.
    Opening(u64, bool, u64, bool),
    /// Until then.
    Dialling(Box<Dialer>, u64),
    Call(Box<Call>),
}

/// What happens to the stick or the board at a time.
enum Physical {
    Tell(Event),
    Look,
    Leave,
    /// It comes, if it is not pulled.
    Come,
    Plug,
    Restart,
}

pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) machine: Machine,
    pub(crate) stick: Stick,
    pub(crate) network: Network,
    /// Reboots that the supervisor still grants.
    pub(crate) reboots_left: u32,
    /// Until then it grants none, since somebody is logged in.
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
    /// When something was written to the card.
    pub(crate) keeps: Vec<u64>,
    pub(crate) said: Vec<(u64, String)>,
    /// Restores the network at this time.
    pub(crate) well_at: Option<u64>,
    /// Or with so many calls more.
    pub(crate) well_after_calls: Option<u32>,
    attempt: Option<Attempt>,
    plans: Vec<(u64, Physical)>,
    queue: VecDeque<Event>,
}

/// How often each rung was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) resets: u32,
    pub(crate) cuts: u32,
    pub(crate) reboots: u32,
}

impl World {
    /// A box that has just started, with a stick in it.
    pub(crate) fn new() -> Self {
        let mut world = Self {
            now: 0,
            machine: Machine::new(None, PinUse::Fresh, BootMillis(0)),
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
            keeps: Vec::new(),
            said: Vec::new(),
            well_at: None,
            well_after_calls: None,
            attempt: None,
            plans: Vec::new(),
            queue: VecDeque::new(),
        };
        world.plan(0, Physical::Come);
        world.feed(Event::Earlier(Earlier::Read(Vec::new())));
        world
    }

    /// Packets of the house come back.
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

    /// Lets time pass until `done`, at most until `end`; tells whether it was done.
    pub(crate) fn run_until(&mut self, end: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        loop {
            self.settle();
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
                let said = self.stick.next();
                Some(said.map_or(*wait, |said| said.min(*wait)))
            }
            Some(Attempt::Call(call)) => call.next(),
        }
    }

    /// Does everything that is due now.
    fn settle(&mut self) {
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
        panic!("no end of turns at {} ms: {:?}", self.now, self.said.last());
    }

    fn plan(&mut self, after: u64, physical: Physical) {
        self.plans.push((self.now + after, physical));
        self.plans.sort_by_key(|(at, _)| *at);
    }

    fn happen(&mut self, physical: Physical) {
        match physical {
            Physical::Tell(event) => self.queue.push_back(event),
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
                self.machine = Machine::new(None, PinUse::Fresh, BootMillis(self.now));
                self.feed(Event::Earlier(Earlier::Read(Vec::new())));
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
                spend_pin,
                count_pin,
                dial_ms,
                ..
            } => {
                assert!(self.attempt.is_none(), "two attempts at once");
                self.attempt = Some(Attempt::Opening(
                    self.now + OPEN_MS,
                    spend_pin,
                    dial_ms,
                    count_pin,
                ));
            }
            Action::Abort => self.hang_up(),
            Action::Eject(_) => {
                if self.ejects_fail > 0 {
                    self.ejects_fail -= 1;
                    let stuck = Event::Ejected(Err("it is stuck".into()));
                    return self.plan(500, Physical::Tell(stuck));
                }
                self.stick.cdrom = false;
                self.plan(500, Physical::Tell(Event::Ejected(Ok(()))));
                self.plan(600, Physical::Leave);
                self.plan(4_000, Physical::Come);
            }
            Action::Reset(_) => {
                self.taken.resets += 1;
                if self.stick.hang.is_some_and(|hang| hang > Hang::UntilReset) {
                    let unheard = Outcome::ResetUnanswered("no answer".into());
                    let told = Event::Recovered(unheard);
                    return self.plan(RESET_UNHEARD_MS, Physical::Tell(told));
                }
                self.stick.revive(Hang::UntilReset);
                let told = Event::Recovered(Outcome::ResetTaken);
                self.plan(1_000, Physical::Tell(told));
                self.plan(1_200, Physical::Leave);
                self.plan(1_200 + STICK_BOOT_MS, Physical::Come);
            }
            Action::CutPower => {
                self.taken.cuts += 1;
                if !self.power_works {
                    let kept = Outcome::PowerKept("no hub at 1-1".into());
                    return self.plan(200, Physical::Tell(Event::Recovered(kept)));
                }
                self.stick.revive(Hang::UntilPower);
                self.plan(300, Physical::Leave);
                let cut = Outcome::PowerCut("sysfs".into());
                self.plan(DARK_MS, Physical::Tell(Event::Recovered(cut)));
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
                self.plan(10, Physical::Tell(Event::Recovered(answer)));
            }
            Action::Say(_, text) => self.said.push((self.now, text)),
            // What is kept of the PIN does not outlive the boot, and no process ends here before.
            Action::Keep => self.keeps.push(self.now),
            Action::RememberPinRefused
            | Action::RememberPinDoubted
            | Action::DescribeBus
            | Action::Terminate
            | Action::Reply(_)
            | Action::Question { .. }
            | Action::DropQuestion
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
            Some(Attempt::Opening(_, spend_pin, dial_ms, count_pin)) => {
                let profile = profile_for(0x19d2, self.product).unwrap();
                let mut settings = Settings::new("internet", "*99#", self.pin).unwrap();
                settings.dial_within(dial_ms);
                settings.allow_pin_without_counter(self.uncounted && !count_pin);
                if spend_pin {
                    settings.withhold_pin();
                }
                let dialer = Box::new(Dialer::new(profile, settings, self.now));
                self.attempt = Some(Attempt::Dialling(dialer, self.now));
                self.feed(Event::PortOpen);
            }
            Some(Attempt::Dialling(dialer, _)) => self.dial_turn(dialer),
            Some(Attempt::Call(mut call)) => {
                let hung = self.stick.hang.is_some() || self.stick.tty.is_none();
                let news = call.turn(self.network, hung, self.now);
                self.attempt = Some(Attempt::Call(call));
                for event in news {
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
                    return self.feed(Event::Ended(Ending::from(&error)));
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
