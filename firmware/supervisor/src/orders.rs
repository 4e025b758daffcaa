//! Orders about the card: each is a process of root's that does one thing and ends, one at a time,
//! while the asker waits. A card that dies can hold it up for ever; PID 1 and the asker it cannot.

use failberry_service::{Request, SlotsOrder};
use failberry_state::{BootMillis, Service};

use crate::{
    keeper::CLEAN_EXIT,
    requests::{Asked, Asker},
};

/// A card takes some hundred milliseconds; a bad one, seconds.
pub(crate) const BOUND: u64 = 30_000;

/// What is to be done, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// The one-shot.
    pub(crate) service: Service,
    /// Its argument; readable for everybody in the process table.
    pub(crate) argument: String,
    /// What follows once it is done.
    pub(crate) then: Then,
}

/// What follows an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing.
    Nothing,
    /// Every service reads its settings again.
    RestartServices,
    /// The box starts anew.
    Reboot,
}

/// The argument of the one-shot `storage` that undoes everything a person or the box has set.
pub const FACTORY_RESET: &str = "factory-reset";

/// The argument of the one-shot `storage` that goes back to the settings before.
pub const REVERT_CONFIG: &str = "revert-config";

/// The order that `request` is, if it is one that `asker` may give.
pub(crate) fn order(asker: Asker, request: &Request) -> Option<Result<Order, String>> {
    let storage = |word: &str, then| Order {
        service: Service::Storage,
        argument: word.into(),
        then,
    };
    let (owner, order) = match request {
        Request::Reboot { .. } | Request::Restart { .. } => return None,
        Request::FactoryReset => (Service::Console, storage(FACTORY_RESET, Then::Reboot)),
        Request::RevertConfig => (
            Service::Console,
            storage(REVERT_CONFIG, Then::RestartServices),
        ),
        Request::Slots(order) => {
            let owner = match order {
                SlotsOrder::Try { .. } | SlotsOrder::Confirm | SlotsOrder::GiveUp { .. } => {
                    Service::Update
                }
                SlotsOrder::Choose { .. } => Service::Console,
            };
            let argument = match serde_json::to_string(order) {
                Ok(text) => text,
                Err(error) => return Some(Err(error.to_string())),
            };
            let then = Then::Nothing;
            let order = Order {
                service: Service::Slots,
                argument,
                then,
            };
            (owner, order)
        }
    };
    let allowed = [Asker::Root, Asker::Service(owner)].contains(&asker);
    Some(if allowed {
        Ok(order)
    } else {
        Err(format!(
            "expected {} to ask for that, got {}",
            owner.name(),
            asker.name()
        ))
    })
}

/// The order that is being carried out, if any.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    pid: i32,
    order: Order,
    until: BootMillis,
    /// Who waits for it; nobody where the time is over.
    asked: Option<Asked>,
}

/// An order that came to its end.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) order: Order,
    pub(crate) asked: Asked,
    /// Whether it was carried out; how its process ended where it was not.
    pub(crate) outcome: Result<(), String>,
}

impl Orders {
    /// Takes note of the process that carries out `order` for `asked`.
    pub(crate) fn begun(&mut self, pid: i32, order: Order, asked: Asked, now: BootMillis) {
        self.running = Some(Running {
            pid,
            order,
            until: now.plus(BOUND),
            asked: Some(asked),
        });
    }

    /// Whether a process of an order is still there.
    pub(crate) const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Whether the machine should go on for an order's sake.
    pub(crate) fn is_awaited(&self) -> bool {
        self.running
            .as_ref()
            .is_some_and(|running| running.asked.is_some())
    }

    /// When the present order has taken too long.
    pub(crate) fn deadline(&self) -> Option<BootMillis> {
        let running = self.running.as_ref()?;
        running.asked.is_some().then_some(running.until)
    }

    /// The one-shot that `pid` is.
    pub(crate) fn service_of(&self, pid: i32) -> Option<Service> {
        let running = self.running.as_ref().filter(|running| running.pid == pid)?;
        Some(running.order.service)
    }

    /// A process ended; gives out what came of the order that somebody waits for.
    pub(crate) fn ended(&mut self, pid: i32, how: &str) -> Option<Done> {
        let running = self.running.take_if(|running| running.pid == pid)?;
        Some(Done {
            order: running.order,
            asked: running.asked?,
            outcome: if how == CLEAN_EXIT {
                Ok(())
            } else {
                Err(how.to_owned())
            },
        })
    }

    /// The order whose time is over and its process, which is to be killed.
    pub(crate) fn overdue(&mut self, now: BootMillis) -> Option<(i32, Done)> {
        let running = self.running.as_mut().filter(|r| now >= r.until)?;
        let done = Done {
            order: running.order.clone(),
            asked: running.asked.take()?,
            outcome: Err(format!("not done after {} s", BOUND / 1000)),
        };
        Some((running.pid, done))
    }
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::net::UnixStream};

    use failberry_state::Slot;

    use super::*;

    fn asked(request: Request) -> (Asked, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Asked::new(Asker::Root, request, ours), theirs)
    }

    #[test]
    fn each_order_has_one_who_may_give_it() {
        let slot = Slot::B;
        let slots = Request::Slots;
        let reason = String::new();
        for (request, owner) in [
            (slots(SlotsOrder::Try { slot, tries: 3 }), Service::Update),
            (slots(SlotsOrder::Confirm), Service::Update),
            (slots(SlotsOrder::GiveUp { reason }), Service::Update),
            (slots(SlotsOrder::Choose { slot }), Service::Console),
            (Request::FactoryReset, Service::Console),
            (Request::RevertConfig, Service::Console),
        ] {
            assert!(order(Asker::Root, &request).unwrap().is_ok());
            for service in Service::SUPERVISED {
                let answer = order(Asker::Service(service), &request).unwrap();
                assert_eq!(answer.is_ok(), service == owner, "{request:?} {service:?}");
            }
        }
        let reboot = Request::Reboot {
            reason: String::new(),
        };
        assert_eq!(order(Asker::Root, &reboot), None);
    }

    #[test]
    fn an_argument_is_understood_again() {
        let wanted = SlotsOrder::Try {
            slot: Slot::A,
            tries: 2,
        };
        let order = order(Asker::Root, &Request::Slots(wanted.clone()));
        let argument = order.unwrap().unwrap().argument;
        assert_eq!(argument, r#"{"try":{"slot":"a","tries":2}}"#);
        let read: SlotsOrder = serde_json::from_str(&argument).unwrap();
        assert_eq!(read, wanted);
    }

    #[test]
    fn the_asker_hears_of_the_end_or_of_the_time() {
        let begin = |orders: &mut Orders| {
            let request = Request::FactoryReset;
            let order = order(Asker::Root, &request).unwrap().unwrap();
            let (asked, peer) = asked(request);
            orders.begun(7, order, asked, BootMillis(100));
            peer
        };
        let mut orders = Orders::default();
        assert!(!orders.is_running() && orders.deadline().is_none());
        let _peer = begin(&mut orders);
        assert_eq!(orders.service_of(7), Some(Service::Storage));
        assert_eq!(orders.service_of(8), None);
        assert!(orders.ended(8, CLEAN_EXIT).is_none());
        let done = orders.ended(7, CLEAN_EXIT).unwrap();
        assert_eq!((done.outcome, done.order.then), (Ok(()), Then::Reboot));
        assert!(!orders.is_running());

        let _peer = begin(&mut orders);
        let done = orders.ended(7, "exit code 1").unwrap();
        assert_eq!(done.outcome, Err("exit code 1".into()));

        let mut peer = begin(&mut orders);
        assert!(orders.overdue(BootMillis(100 + BOUND - 1)).is_none());
        assert!(orders.is_awaited());
        let (pid, done) = orders.overdue(orders.deadline().unwrap()).unwrap();
        assert_eq!((pid, done.outcome), (7, Err("not done after 30 s".into())));
        // Nobody waits any more, but the card is not free.
        assert!(!orders.is_awaited() && orders.is_running());
        assert!(orders.deadline().is_none());
        assert!(orders.overdue(BootMillis(u64::MAX)).is_none());
        drop(done.asked);
        let mut text = String::new();
        assert_eq!(peer.read_to_string(&mut text).unwrap(), 0);
        assert!(orders.ended(7, "signal SIGKILL").is_none());
        assert!(!orders.is_running());
    }
}
