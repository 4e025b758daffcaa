//! Signs of life: a line on the way of the log, written by the service's own loop.
//!
//! The pipe tells PID 1 whose it is, and ends with the process. A loop that blocks does not come
//! to write; one that waits for an event does.

use std::{future::Future, io::Write, time::Duration};

use smol::{Timer, future::FutureExt};

/// The line. Log lines begin with their level, so none can look like it.
pub const HEARTBEAT: &str = "<alive>";

/// Some go missing before PID 1 loses its patience after a minute.
const EVERY: Duration = Duration::from_secs(10);

/// Runs `service` on this thread to its end, with a sign of life each time it waits, every 10 s
/// at most. The first comes when it waits for the first time: from then on it counts as ready.
pub fn block_on<T>(service: impl Future<Output = T>) -> T {
    // Polled on one thread in this order: the sign of life comes after the service's own turn.
    smol::block_on(service.or(beating(|| {
        let line = format!("{HEARTBEAT}\n");
        // Nobody is left to be told of a closed pipe.
        let _ = std::io::stderr().write_all(line.as_bytes());
    })))
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
    fn a_service_that_never_waits_never_beats() {
        let mut beats = 0;
        smol::block_on(async {}.or(beating(|| beats += 1)));
        assert_eq!(beats, 0);
    }
}
