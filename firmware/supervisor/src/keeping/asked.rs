//! What becomes of requests, and of the wish to stop.

use failberry_service::{Reply, Request};
use failberry_state::BootMillis;

use super::{Loop, permit::Circumstances};
use crate::{
    Ending,
    keeper::Event,
    requests::{Asked, Asker},
};

impl Loop {
    pub(super) fn hear_requests(&mut self) {
        let now = BootMillis::now();
        let asked = self.requests.as_mut().map(|requests| requests.hear(now));
        for asked in asked.into_iter().flatten() {
            let reply = self.decide(&asked, now);
            asked.answer(&reply);
        }
    }

    fn decide(&mut self, asked: &Asked, now: BootMillis) -> Reply {
        let who = asked.asker.name();
        match &asked.request {
            Request::Restart { service, reason } => {
                log::warn!("{who} asks for a restart of {}: {reason}", service.name());
                self.events.push_back(Event::Restart(*service));
                Reply::Accepted
            }
            Request::Reboot { reason } => {
                let budgeted = asked.asker != Asker::Root;
                let allowed = Circumstances::look(&self.settings.run).allow(!budgeted);
                let allowed = match allowed {
                    Ok(()) if budgeted => self.lives.allows(now),
                    told => told,
                };
                match allowed {
                    Ok(()) => {
                        log::warn!("{who} asks for a reboot: {reason}");
                        self.stop(Ending::Reboot, &format!("{who}: {reason}"), budgeted);
                        Reply::Accepted
                    }
                    Err(why) => {
                        log::warn!("{who} asks for a reboot ({reason}), refused: {why}");
                        self.lives.refuse(&mut self.settings.state);
                        self.publish();
                        Reply::Refused { why }
                    }
                }
            }
        }
    }

    pub(super) fn stop(&mut self, ending: Ending, reason: &str, budgeted: bool) {
        // The first reason is the one that counts.
        if !std::mem::replace(&mut self.stopping, true) {
            self.lives.end(reason, budgeted, BootMillis::now());
        }
        self.events.push_back(Event::Stop(ending));
    }
}
