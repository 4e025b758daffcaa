//! Firewall installer: installs the ruleset with retries, and keeps forwarding off until it is
//! installed.

use failberry_state::BootMillis;

use crate::{
    firewall::{self, Ruleset},
    sysctl,
};

/// Pause after the first refusal by the kernel, in milliseconds; doubled each time up to the cap.
/// The kernel will most likely refuse again, but a success must not be missed.
const RETRY_FIRST_MS: u64 = 2_000;
const RETRY_CAP_MS: u64 = 300_000;

pub(super) struct FirewallInstaller {
    ruleset: Ruleset,
    is_installed: bool,
    error: Option<String>,
    next: BootMillis,
    pause: u64,
}

impl FirewallInstaller {
    pub(super) const fn new(ruleset: Ruleset) -> Self {
        Self {
            ruleset,
            is_installed: false,
            error: None,
            next: BootMillis(0),
            pause: RETRY_FIRST_MS,
        }
    }

    pub(super) const fn is_installed(&self) -> bool {
        self.is_installed
    }

    pub(super) fn error(&self) -> Option<String> {
        self.error.clone()
    }

    pub(super) const fn deadline(&self) -> Option<BootMillis> {
        if self.is_installed {
            None
        } else {
            Some(self.next)
        }
    }

    /// Installs the ruleset if it is not installed and an attempt is due.
    pub(super) fn ensure_installed(&mut self, now: BootMillis) {
        if self.is_installed || now < self.next {
            return;
        }
        let outcome = firewall::apply(&self.ruleset);
        self.is_installed = outcome.is_ok();
        for problem in sysctl::forwarding(self.is_installed) {
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
