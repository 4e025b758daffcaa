//! Signs of life: a line on the way of the log, written by the service's own loop.
//!
//! The pipe tells PID 1 whose it is, and ends with the process. A loop that blocks does not come
//! to write; one that waits for an event does.

use std::{future::Future, io::Write, time::Duration};

use failberry_state::BootMillis;
use smol::{Timer, future::FutureExt};

/// The line. Log lines begin with their level, so none can look like it.
pub const HEARTBEAT: &str = "<alive>";

/// Some go missing before PID 1 loses its patience after a minute.
const EVERY: Duration = Duration::from_secs(10);

/// Runs `service` on this thread to its end, with a sign of life each time it waits, every 10 s
/// at most. The first comes when it waits for the first time: from then on it counts as ready.
pub fn block_on<T>(service: impl Future<Output = T>) -> T {
    // Polled on one thread in this order: the sign of life comes after the service's own turn.
    smol::block_on(service.or(beating(beat)))
}

fn beat() {
    let line = format!("{HEARTBEAT}\n");
    // A closed pipe has no reader left.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The same for a service whose loop waits for events by itself, without futures.
#[derive(Debug, Default)]
pub struct Heartbeat {
    next: Option<BootMillis>,
}

impl Heartbeat {
    /// No sign of life yet.
    pub const fn new() -> Self {
        Self { next: None }
    }

    /// Gives the sign of life that is due, the first at once. To be called right before each wait.
    /// Returns when that wait has to end at the latest.
    pub fn beat(&mut self, now: BootMillis) -> BootMillis {
        self.beat_with(now, beat)
    }

    fn beat_with(&mut self, now: BootMillis, beat: impl FnOnce()) -> BootMillis {
        match self.next {
            Some(next) if now < next => next,
            _ => {
                beat();
                let next = now.plus(u64::try_from(EVERY.as_millis()).unwrap_or(u64::MAX));
                self.next = Some(next);
                next
            }
        }
    }
}

async fn beating<T>(mut beat: impl FnMut()) -> T {
    loop {
        beat();
        Timer::after(EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;

    #[test]
    fn the_first_beat_comes_after_the_first_turn_and_none_while_it_blocks() {
        let order = Rc::new(RefCell::new(Vec::new()));
        let service = async {
            order.borrow_mut().push("turn");
            // One wait, then the end.
            smol::future::yield_now().await;
            order.borrow_mut().push("end");
        };
        let beats = Rc::clone(&order);
        smol::block_on(service.or(beating(move || beats.borrow_mut().push("beat"))));
        assert_eq!(*order.borrow(), ["turn", "beat", "end"]);
    }

    #[test]
    fn loop_of_its_own_beats_before_waits_every_10_s() {
        let mut heartbeat = Heartbeat::new();
        let mut beats = Vec::new();
        for now in [500, 600, 10_499, 10_500, 15_000, 70_000, 79_999] {
            let next = heartbeat.beat_with(BootMillis(now), || beats.push(now));
            assert!(next > BootMillis(now), "{now}");
        }
        assert_eq!(beats, [500, 10_500, 70_000]);
    }

    #[test]
    fn a_service_that_never_waits_never_beats() {
        let mut beats = 0;
        smol::block_on(async {}.or(beating(|| beats += 1)));
        assert_eq!(beats, 0);
    }
}
