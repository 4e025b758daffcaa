//! One connection attempt: opens the modem port, dials, negotiates PPP, runs the link to its end.

use std::{convert::Infallible, pin::Pin};

use failberry_usb::Stick;
use smol::{
    channel::{self, Receiver, Sender},
    future::{self, Future, FutureExt},
};
use tokio_modem::{
    dial::Step,
    driver::{self, DriverError},
};

use crate::{
    cdrom_setting::{self, CdromOffList},
    dial_config::DialConfig,
    ladder::FailureKind,
    link,
    machine::{AttemptFailure, Event},
    port::{is_transient, open_with_retry},
};

/// An attempt in progress. Dropping it closes everything it has open.
pub(crate) struct Attempt {
    running: Pin<Box<dyn Future<Output = Infallible>>>,
    events: Receiver<Event>,
    stop: Sender<()>,
}

impl Attempt {
    /// Prepares an attempt; it makes progress only while [`Attempt::next`] is polled.
    pub(crate) fn start(
        mut dial_config: DialConfig,
        stick: Stick,
        withhold_pin: bool,
        had_cdrom: bool,
    ) -> Self {
        if withhold_pin {
            dial_config.settings.withhold_pin();
        }
        // Unbounded: a dozen or two events an attempt, and none while packets flow.
        let (sender, events) = channel::unbounded();
        let (stop, stopped) = channel::bounded(1);
        let running = Box::pin(async move {
            let failure = call(&dial_config, &stick, had_cdrom, &sender, &stopped).await;
            // The receiver exists exactly as long as this future.
            let _ = sender.send(Event::Ended(failure)).await;
            future::pending().await
        });
        Self {
            running,
            events,
            stop,
        }
    }

    /// Requests an orderly termination of the link.
    pub(crate) fn terminate(&self) {
        // A full channel means that it has been requested already.
        let _ = self.stop.try_send(());
    }

    /// Waits for the next event; the last one is [`Event::Ended`].
    pub(crate) async fn next(&mut self) -> Event {
        let Self {
            running, events, ..
        } = self;
        let event = async {
            match events.recv().await {
                Ok(event) => event,
                Err(_) => future::pending().await,
            }
        };
        let run = async { match running.await {} };
        event.or(run).await
    }
}

async fn call(
    dial_config: &DialConfig,
    stick: &Stick,
    had_cdrom: bool,
    sender: &Sender<Event>,
    stopped: &Receiver<()>,
) -> AttemptFailure {
    // The channel is unbounded and its receiver outlives this future: sending cannot fail.
    let emit = |event| drop(sender.try_send(event));
    cdrom_setting::apply_setting(
        stick,
        had_cdrom,
        dial_config.keep_cdrom,
        &CdromOffList::default(),
        &emit,
    )
    .await;
    let tty = match open_with_retry(&stick.tty).await {
        Ok(tty) => tty,
        Err(error) => return failure(&error),
    };
    emit(Event::PortOpen);
    let on_progress = |progress: &_| emit(Event::Dial(Clone::clone(progress)));
    let settings = dial_config.settings.clone();
    let dialled = driver::smol::dial(tty, stick.profile, settings, on_progress).await;
    let online = match dialled {
        Ok(online) => online,
        Err(error) => return failure(&error),
    };
    emit(Event::Connected(online.rate.to_string()));
    link::run(online, dial_config, &emit, stopped).await
}

fn failure(error: &DriverError) -> AttemptFailure {
    let failure = match error {
        DriverError::Dial { source, .. } => AttemptFailure::from(source),
        DriverError::Open { source, .. } if is_transient(source) => {
            AttemptFailure::new(FailureKind::Local, error.to_string())
        }
        // The device behind a tty that does not open, or accepts no bytes, is gone or hung.
        DriverError::Open { .. }
        | DriverError::Configure { .. }
        | DriverError::HungUp {
            step: Step::Synchronise,
            ..
        }
        | DriverError::Io {
            step: Step::Synchronise,
            ..
        } => AttemptFailure::new(FailureKind::Unresponsive, error.to_string()),
        DriverError::HungUp { .. } | DriverError::Io { .. } => {
            AttemptFailure::new(FailureKind::StoppedResponding, error.to_string())
        }
    };
    AttemptFailure {
        bad_input: error.counters().total(),
        ..failure
    }
}
