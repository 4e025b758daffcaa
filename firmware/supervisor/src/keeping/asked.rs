//! What becomes of requests, and of the wish to stop.

use failberry_service::{Reply, Request};
use failberry_state::{BootMillis, Service};
use nix::sys::signal::Signal;

use super::{Loop, permit::Circumstances};
use crate::{
    Ending,
    keeper::Event,
    orders::{self, Done, Order, Then},
    process,
    requests::{Asked, Asker},
};

impl Loop {
    pub(super) fn hear_requests(&mut self) {
        let now = BootMillis::now();
        let asked = self.requests.as_mut().map(|requests| requests.hear(now));
        for asked in asked.into_iter().flatten() {
            match orders::order(asked.asker, &asked.request) {
                None => {
                    let reply = self.decide(&asked, now);
                    asked.answer(&reply);
                }
                Some(Ok(order)) => self.begin(order, asked, now),
                Some(Err(why)) => refuse(asked, why),
            }
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
                let budgeted = !asked.asker.is_person();
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
            // Each of them is an order.
            Request::Slots(_) | Request::FactoryReset | Request::RevertConfig => Reply::Refused {
                why: "nobody carries it out".into(),
            },
        }
    }

    fn begin(&mut self, order: Order, asked: Asked, now: BootMillis) {
        if self.orders.is_running() || self.keeper.service_is_there(order.service) {
            return refuse(asked, "the card is busy with something else".into());
        }
        if self.stopping {
            return refuse(asked, "the box is going down".into());
        }
        let (name, who) = (order.service.name(), asked.asker.name());
        log::warn!("{who} asks for {name} {}", order.argument);
        self.last_words.retain(|(of, _)| *of != order.service);
        match self.spawn(order.service, &[&order.argument]) {
            Ok(pid) => self.orders.begun(pid, order, asked, now),
            Err(error) => refuse(asked, format!("cannot start {name}: {error}")),
        }
    }

    /// Gives up the order whose time is over.
    pub(super) fn hurry_orders(&mut self) {
        if let Some((pid, done)) = self.orders.overdue(BootMillis::now()) {
            process::signal(pid, Signal::SIGKILL);
            self.conclude(done);
        }
    }

    pub(super) fn conclude(&mut self, done: Done) {
        let Done {
            order,
            asked,
            outcome,
        } = done;
        let (name, who) = (order.service.name(), asked.asker.name());
        if let Err(how) = outcome {
            let words = self.last_words.iter().find(|(of, _)| *of == order.service);
            return refuse(asked, words.map_or(how, |(_, text)| text.clone()));
        }
        log::info!("{name} {} is done", order.argument);
        asked.answer(&Reply::Accepted);
        match order.then {
            Then::Nothing => {}
            Then::RestartServices => {
                let restarts = Service::SUPERVISED.map(Event::Restart);
                self.events.extend(restarts);
            }
            Then::Reboot => {
                let reason = format!("{who}: {}", order.argument);
                self.stop(Ending::Reboot, &reason, false);
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

fn refuse(asked: Asked, why: String) {
    let who = asked.asker.name();
    log::warn!("{who} asks for {}, refused: {why}", asked.request);
    asked.answer(&Reply::Refused { why });
}

impl Asker {
    /// Whether a person speaks through it, who has a reason and knows when to stop. So does one
    /// through `update`: it asks once for each bundle that a person has signed, and once more
    /// where that is given up, which must not have to wait.
    const fn is_person(self) -> bool {
        matches!(
            self,
            Self::Root | Self::Service(Service::Console | Service::Update)
        )
    }
}
