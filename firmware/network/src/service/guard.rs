//! Keeps the firewall standing, and forwarding off while it does not.

use failberry_state::BootMillis;

use crate::{
    firewall::{self, Ruleset},
    sysctl,
};

/// First pause after the kernel refused the rules; doubled each time up to the cap. It will most
/// likely refuse them again, but the one time it would not must not be missed.
const RETRY_FIRST_MS: u64 = 2_000;
const RETRY_CAP_MS: u64 = 300_000;

pub(super) struct Guard {
    ruleset: Ruleset,
    stands: bool,
    error: Option<String>,
    next: BootMillis,
    pause: u64,
}

impl Guard {
    pub(super) const fn new(ruleset: Ruleset) -> Self {
        Self {
            ruleset,
            stands: false,
            error: None,
            next: BootMillis(0),
            pause: RETRY_FIRST_MS,
        }
    }

    pub(super) const fn stands(&self) -> bool {
        self.stands
    }

    pub(super) fn error(&self) -> Option<String> {
        self.error.clone()
    }

    pub(super) const fn deadline(&self) -> Option<BootMillis> {
        if self.stands { None } else { Some(self.next) }
    }

    /// Sets the rules where they are not set and the time has come.
    pub(super) fn keep(&mut self, now: BootMillis) {
        if self.stands || now < self.next {
            return;
        }
        let outcome = firewall::apply(&self.ruleset);
        self.stands = outcome.is_ok();
        for problem in sysctl::forwarding(self.stands) {
            log::warn!("{problem}");
        }
        match outcome {
            Ok(()) => {
                let rules: usize = self
                    .ruleset
                    .chains
                    .iter()
                    .map(|chain| chain.rules.len())
                    .sum();
                log::info!("firewall up, {rules} rules; forwarding on");
                self.error = None;
            }
            Err(error) => {
                let error = format!(
                    "no firewall, so no forwarding and no {}: {error}; trying again",
                    crate::CARRIER
                );
                if self.error.as_ref() != Some(&error) {
                    log::error!("{error}");
                }
                self.error = Some(error);
                self.next = now.plus(self.pause);
                self.pause = (self.pause * 2).min(RETRY_CAP_MS);
            }
        }
    }
}
