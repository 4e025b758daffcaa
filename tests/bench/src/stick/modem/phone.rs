//! State shared by all ports: SIM, radio, URCs.

use super::super::{Sim, Urc};

/// Time from an unlocked SIM to registration.
const SEARCH_MS: u64 = 1_500;

/// Interval of the flood; real sticks repeat it every second or two.
const FLOOD_MS: u64 = 1_000;

/// Time from the PIN to the flood: the SIM is read meanwhile.
const AFTER_PIN_MS: u64 = 1_000;

/// Number of PUK tries.
pub(super) const PUK_TRIES: u8 = 10;

/// Number of PIN tries of a fresh SIM.
const PIN_TRIES: u8 = 3;

/// Line of the flood.
const FLOOD: &str = "+ZUSIMR:2";

/// Interval of `RING`.
const RING_MS: u64 = 3_000;

/// URC of an incoming call.
pub(in super::super) const RING: &str = "RING";

/// SIM and radio of one stick.
pub(in super::super) struct Phone {
    sim: Sim,
    /// When the SIM was unlocked in this power-up.
    open_since: Option<u64>,
    radio: bool,
    flood_at: Option<u64>,
    urcs: &'static [Urc],
    /// Number of URCs sent since the SIM was unlocked.
    urcs_sent: usize,
    /// Time of the next `RING`, and how many are left.
    rings: Option<(u64, u32)>,
    /// Whether the stick restarts as CD-ROM.
    pub(in super::super) autorun: bool,
    /// Access point names by context.
    contexts: Vec<(u8, String)>,
    next_answers: Vec<(String, String)>,
    /// Overridden answers that last until a restart, by command prefix.
    lasting_answers: Vec<(String, String)>,
}

/// Result of entering a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PinResult {
    /// The SIM is unlocked.
    Right,
    /// Wrong PIN.
    Wrong,
    /// No PIN was required.
    NotAsked,
    /// There is no SIM.
    NoSim,
}

impl Phone {
    /// Creates a powered-up stick with this SIM.
    pub(in super::super) fn new(sim: Sim, urcs: &'static [Urc], autorun: bool, now: u64) -> Self {
        let mut phone = Self {
            sim,
            open_since: None,
            radio: true,
            flood_at: None,
            urcs,
            urcs_sent: 0,
            rings: None,
            autorun,
            contexts: Vec::new(),
            next_answers: Vec::new(),
            lasting_answers: Vec::new(),
        };
        phone.power_up(now);
        phone
    }

    /// Resets the state as after a restart; the SIM keeps its tries.
    pub(in super::super) fn power_up(&mut self, now: u64) {
        self.radio = true;
        self.lasting_answers.clear();
        (self.urcs_sent, self.rings) = (0, None);
        self.open_since = matches!(self.sim, Sim::Ready).then_some(now);
        self.flood_at = (!matches!(self.sim, Sim::Absent)).then(|| now.saturating_add(FLOOD_MS));
    }

    /// Answers the next command with this prefix with this line.
    pub(in super::super) fn answer_next_with(&mut self, prefix: &str, answer: &str) {
        let prefix = prefix.to_ascii_uppercase();
        self.next_answers.push((prefix, answer.to_owned()));
    }

    /// Answers every command with this prefix with this line, until a restart.
    pub(in super::super) fn answer_all_with(&mut self, prefix: &str, answer: &str) {
        let prefix = prefix.to_ascii_uppercase();
        self.lasting_answers.push((prefix, answer.to_owned()));
    }

    /// Returns the overridden answer to this command, if any.
    pub(super) fn overridden_answer(&mut self, command: &str) -> Option<String> {
        let command = command.to_ascii_uppercase();
        let ordered = |(prefix, _): &(String, String)| command.starts_with(prefix);
        if let Some(place) = self.next_answers.iter().position(ordered) {
            return Some(self.next_answers.remove(place).1);
        }
        let lasting = self.lasting_answers.iter().find(|fault| ordered(fault));
        lasting.map(|(_, answer)| answer.clone())
    }

    /// Returns the next URC that is due; call it until there is none.
    pub(in super::super) fn next_urc(&mut self, now: u64) -> Option<&'static str> {
        if let Some(at) = self.flood_at.filter(|at| *at <= now) {
            self.flood_at = Some(at.max(now).saturating_add(FLOOD_MS));
            return Some(FLOOD);
        }
        if let Some((at, left)) = self.rings.filter(|(at, _)| *at <= now) {
            let next = at.max(now).saturating_add(RING_MS);
            self.rings = (left > 1).then(|| (next, left - 1));
            return Some(RING);
        }
        let (_, line) = self.next_delayed_urc().filter(|(at, _)| *at <= now)?;
        self.urcs_sent += 1;
        Some(line)
    }

    /// Returns when the next URC is due.
    pub(in super::super) fn deadline(&self) -> Option<u64> {
        let urcs = self.next_delayed_urc().map(|(at, _)| at);
        let rings = self.rings.map(|(at, _)| at);
        [self.flood_at, rings, urcs].into_iter().flatten().min()
    }

    fn next_delayed_urc(&self) -> Option<(u64, &'static str)> {
        let urc = self.urcs.get(self.urcs_sent)?;
        let after = u64::try_from(urc.after.as_millis()).unwrap_or(u64::MAX);
        Some((self.open_since?.saturating_add(after), urc.line))
    }

    /// Starts an incoming call that rings `times` times.
    pub(in super::super) fn ring(&mut self, times: u32, now: u64) {
        self.rings = (times > 0).then_some((now, times));
    }

    /// Ends the incoming call (`H` or `A`).
    pub(super) fn end_ringing(&mut self) {
        self.rings = None;
    }

    /// Stops the flood: message storage was queried (`+CPMS?`).
    pub(super) fn stop_flood(&mut self) {
        self.flood_at = None;
    }

    /// Returns the state of `+CPIN?`, `None` without a SIM.
    pub(super) fn pin_state(&self) -> Option<&'static str> {
        match (&self.sim, self.open_since) {
            (Sim::Absent, _) => None,
            (Sim::Puk, _) => Some("SIM PUK"),
            (Sim::Ready, _) | (Sim::Pin { .. }, Some(_)) => Some("READY"),
            (Sim::Pin { .. }, None) => Some("SIM PIN"),
        }
    }

    /// Returns the PIN tries left.
    pub(super) fn pin_tries(&self) -> u8 {
        match &self.sim {
            Sim::Pin { tries, .. } => *tries,
            Sim::Ready => PIN_TRIES,
            Sim::Puk | Sim::Absent => 0,
        }
    }

    /// `+CPIN=`.
    pub(super) fn enter_pin(&mut self, entered: &str, now: u64) -> PinResult {
        match &mut self.sim {
            Sim::Absent => PinResult::NoSim,
            Sim::Puk => PinResult::Wrong,
            _ if self.open_since.is_some() => PinResult::NotAsked,
            Sim::Pin { pin, .. } if pin == entered => {
                self.open_since = Some(now);
                self.flood_at = Some(now.saturating_add(AFTER_PIN_MS));
                PinResult::Right
            }
            Sim::Pin { tries, .. } => {
                *tries = tries.saturating_sub(1);
                if *tries == 0 {
                    self.sim = Sim::Puk;
                }
                PinResult::Wrong
            }
            Sim::Ready => PinResult::NotAsked,
        }
    }

    /// `+CFUN=0` and `1`.
    pub(super) fn set_radio(&mut self, on: bool, now: u64) {
        if on && !self.radio {
            self.open_since = self.open_since.map(|_| now);
        }
        self.radio = on;
    }

    /// Returns whether the radio is on.
    pub(super) fn radio(&self) -> bool {
        self.radio
    }

    /// Returns the state of `+CREG?`: 0 off, 1 home, 2 searching.
    pub(super) fn registration(&self, now: u64) -> u8 {
        match self.open_since.filter(|_| self.radio) {
            None => 0,
            Some(since) if now.saturating_sub(since) < SEARCH_MS => 2,
            Some(_) => 1,
        }
    }

    /// Returns whether calls are possible.
    pub(super) fn is_registered(&self, now: u64) -> bool {
        self.registration(now) == 1
    }

    /// `+CGDCONT=`.
    pub(super) fn set_context(&mut self, id: u8, access_point: &str) {
        self.contexts.retain(|(known, _)| *known != id);
        self.contexts.push((id, access_point.to_owned()));
        self.contexts.sort_unstable();
    }

    /// `+CGDCONT?`.
    pub(super) fn contexts(&self) -> &[(u8, String)] {
        &self.contexts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::super::urc, *};

    fn locked(tries: u8) -> Phone {
        let pin = "1234".to_owned();
        Phone::new(Sim::Pin { pin, tries }, urc::SILENT, false, 0)
    }

    #[test]
    fn a_pin_opens_the_sim_until_the_next_power_up() {
        let mut phone = locked(3);
        assert_eq!(
            (phone.pin_state(), phone.registration(9_000)),
            (Some("SIM PIN"), 0)
        );
        assert_eq!(phone.enter_pin("0000", 9_000), PinResult::Wrong);
        assert_eq!(phone.pin_tries(), 2);
        assert_eq!(phone.enter_pin("1234", 10_000), PinResult::Right);
        assert_eq!(phone.registration(10_000), 2);
        assert_eq!(phone.registration(12_000), 1);
        assert_eq!(phone.enter_pin("1234", 12_000), PinResult::NotAsked);
        phone.power_up(20_000);
        assert_eq!((phone.pin_state(), phone.pin_tries()), (Some("SIM PIN"), 2));
    }

    #[test]
    fn the_last_wrong_pin_locks_for_good() {
        let mut phone = locked(1);
        assert_eq!(phone.enter_pin("0000", 0), PinResult::Wrong);
        assert_eq!(phone.pin_state(), Some("SIM PUK"));
        assert_eq!(phone.enter_pin("1234", 0), PinResult::Wrong);
        phone.power_up(1);
        assert_eq!((phone.pin_state(), phone.pin_tries()), (Some("SIM PUK"), 0));
    }

    #[test]
    fn flood_stops_on_cpms_and_restarts_after_pin() {
        let mut phone = locked(3);
        assert_eq!(phone.next_urc(FLOOD_MS - 1), None);
        for turn in 1..4 {
            assert_eq!(phone.deadline(), Some(turn * FLOOD_MS));
            assert!(phone.next_urc(turn * FLOOD_MS).is_some());
        }
        phone.stop_flood();
        assert_eq!(phone.deadline(), None);
        phone.enter_pin("1234", 10_000);
        assert_eq!(phone.deadline(), Some(10_000 + AFTER_PIN_MS));
        assert_eq!(Phone::new(Sim::Absent, urc::ZTE, false, 0).deadline(), None);
    }

    #[test]
    fn registration_restarts_when_radio_turned_on() {
        let mut phone = Phone::new(Sim::Ready, urc::SILENT, false, 0);
        assert!(phone.is_registered(SEARCH_MS));
        phone.set_radio(false, 5_000);
        assert_eq!(phone.registration(6_000), 0);
        phone.set_radio(true, 7_000);
        assert_eq!(phone.registration(7_000), 2);
        assert!(phone.is_registered(7_000 + SEARCH_MS));
    }

    #[test]
    fn urcs_sent_once_after_each_sim_unlock() {
        let pin = "1234".to_owned();
        let sim = Sim::Pin { pin, tries: 3 };
        let mut phone = Phone::new(sim, urc::ZTE, false, 0);
        phone.stop_flood();
        assert_eq!((phone.next_urc(60_000), phone.deadline()), (None, None));
        for opened in [60_000, 90_000] {
            phone.enter_pin("1234", opened);
            phone.stop_flood();
            for urc in urc::ZTE {
                let at = phone.deadline().unwrap();
                assert_eq!(Duration::from_millis(at - opened), urc.after);
                assert_eq!(phone.next_urc(at - 1), None);
                assert_eq!(phone.next_urc(at), Some(urc.line));
            }
            assert_eq!(phone.deadline(), None);
            phone.power_up(opened);
        }
    }

    #[test]
    fn incoming_call_rings_until_ended() {
        let mut phone = Phone::new(Sim::Ready, urc::SILENT, false, 0);
        phone.stop_flood();
        phone.ring(3, 100);
        for turn in 0..2 {
            let at = 100 + turn * RING_MS;
            assert_eq!(
                (phone.deadline(), phone.next_urc(at)),
                (Some(at), Some(RING))
            );
        }
        phone.end_ringing();
        assert_eq!(phone.deadline(), None);
        phone.ring(1, 200);
        assert_eq!((phone.next_urc(200), phone.deadline()), (Some(RING), None));
    }
}
