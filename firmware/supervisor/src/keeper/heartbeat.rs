//! The keeper's ear for signs of life: who is ready, who is silent, and what is done about it.

use failberry_state::{BootMillis, Service};
use log::Level;

use super::{Action, Keeper, Kept, Phase};
use crate::pulse::Remedy;

impl Keeper {
    /// A service whose process cannot even be killed.
    pub(crate) fn stuck(&self, now: BootMillis) -> Option<Service> {
        let stuck = |kept: &&Kept| kept.pid.is_some() && kept.pulse.stuck(now);
        self.kept.iter().find(stuck).map(|kept| kept.service)
    }

    /// A sign of life has come.
    pub(super) fn alive(&mut self, service: Service, now: BootMillis, todo: &mut Vec<Action>) {
        let first = self.find(service).is_some_and(|kept| kept.pulse.beat(now));
        if first {
            todo.push(Action::Publish);
        }
    }

    /// Nobody listened until now.
    pub(super) fn forgive(&mut self, now: BootMillis) {
        for kept in &mut self.kept {
            kept.pulse.forgive(now);
        }
    }

    /// Ends what has been silent for too long.
    pub(super) fn feel_pulses(&mut self, now: BootMillis, todo: &mut Vec<Action>) {
        if !matches!(self.phase, Phase::Keeping) {
            return;
        }
        for kept in &mut self.kept {
            let (Some(pid), name) = (kept.pid, kept.service.name()) else {
                continue;
            };
            let mut say = |text| todo.push(Action::Say(Level::Warn, text));
            match kept.pulse.remedy(now) {
                Some(Remedy::Abort) => {
                    kept.hung = true;
                    kept.hangs = kept.hangs.saturating_add(1);
                    let seconds = self.patience / 1000;
                    say(format!(
                        "{name} gave no sign of life for {seconds} s, ending it"
                    ));
                    todo.push(Action::Abort(pid));
                }
                Some(Remedy::Kill) => {
                    say(format!("{name} does not end, killing it"));
                    todo.push(Action::Kill(pid));
                }
                None => {}
            }
        }
    }
}
