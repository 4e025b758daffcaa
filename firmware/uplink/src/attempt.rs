//! One attempt: open the modem port, dial, negotiate, keep the link to its end.

use std::{convert::Infallible, io, os::fd::OwnedFd, path::Path, pin::Pin, time::Duration};

use failberry_config::Secret;
use failberry_state::BootMillis;
use failberry_usb::Stick;
use smol::{
    Timer,
    channel::{self, Receiver, Sender},
    future::{self, Future, FutureExt},
};
use tokio_modem::{
    dial::{Settings, Step},
    driver::{self, DriverError},
};

use crate::{
    autorun::{self, Record},
    ladder::Trouble,
    link,
    machine::{Ending, Event},
};

/// The supervisor gives us a device node when the kernel has told it of the device, which it may
/// do later than us.
const NODE_MS: u64 = 2_000;

/// Steps in which it is tried: too short to be felt, too long to keep the processor busy.
const NODE_STEP: Duration = Duration::from_millis(50);

/// What to dial with.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) settings: Settings,
    pub(crate) user: String,
    pub(crate) password: Secret,
    pub(crate) keep_cdrom: bool,
}

/// An attempt under way. Letting go of it closes all it has open.
pub(crate) struct Attempt {
    running: Pin<Box<dyn Future<Output = Infallible>>>,
    news: Receiver<Event>,
    stop: Sender<()>,
}

impl Attempt {
    /// Prepares an attempt, which goes on while [`Attempt::next`] is waited for.
    pub(crate) fn start(
        mut recipe: Recipe,
        stick: Stick,
        spend_pin: bool,
        had_cdrom: bool,
    ) -> Self {
        if spend_pin {
            recipe.settings.withhold_pin();
        }
        // A dozen or two in an attempt, and none while packets flow.
        let (tell, news) = channel::unbounded();
        let (stop, stopped) = channel::bounded(1);
        let running = Box::pin(async move {
            let ending = call(&recipe, &stick, had_cdrom, &tell, &stopped).await;
            // The receiver lives exactly as long as this future.
            let _ = tell.send(Event::Ended(ending)).await;
            future::pending().await
        });
        Self {
            running,
            news,
            stop,
        }
    }

    /// Asks for an end in agreement with the peer.
    pub(crate) fn terminate(&self) {
        // Full means that it has been asked for already.
        let _ = self.stop.try_send(());
    }

    /// The next event, the last of them an ending.
    pub(crate) async fn next(&mut self) -> Event {
        let Self { running, news, .. } = self;
        let told = async {
            match news.recv().await {
                Ok(event) => event,
                Err(_) => future::pending().await,
            }
        };
        let run = async { match running.await {} };
        told.or(run).await
    }
}

async fn call(
    recipe: &Recipe,
    stick: &Stick,
    had_cdrom: bool,
    tell: &Sender<Event>,
    stopped: &Receiver<()>,
) -> Ending {
    // The channel has no bound and its receiver outlives us: sending cannot fail.
    let news = |event| drop(tell.try_send(event));
    autorun::settle(
        stick,
        had_cdrom,
        recipe.keep_cdrom,
        &Record::default(),
        &news,
    )
    .await;
    let tty = match patiently_opened(&stick.tty).await {
        Ok(tty) => tty,
        Err(error) => return failure(&error),
    };
    news(Event::PortOpen);
    let told = |progress: &_| news(Event::Dial(Clone::clone(progress)));
    let dialled = driver::smol::dial(tty, stick.profile, recipe.settings.clone(), told).await;
    let online = match dialled {
        Ok(online) => online,
        Err(error) => return failure(&error),
    };
    news(Event::Connected(online.rate.to_string()));
    link::keep(online, recipe, &news, stopped).await
}

fn failure(error: &DriverError) -> Ending {
    let ending = match error {
        DriverError::Dial { source, .. } => Ending::from(source),
        DriverError::Open { source, .. } if may_pass(source) => {
            Ending::new(Trouble::Local, error.to_string())
        }
        // A tty that does not open, or takes no bytes, has a stick behind it that is no more.
        DriverError::Open { .. }
        | DriverError::Configure { .. }
        | DriverError::HungUp {
            step: Step::Synchronise,
            ..
        }
        | DriverError::Io {
            step: Step::Synchronise,
            ..
        } => Ending::new(Trouble::Silent, error.to_string()),
        DriverError::HungUp { .. } | DriverError::Io { .. } => {
            Ending::new(Trouble::Faulty, error.to_string())
        }
    };
    Ending {
        bad_input: error.counters().total(),
        ..ending
    }
}

/// Opens a port of the stick that the kernel has just told of.
pub(crate) async fn patiently_opened(tty: &str) -> Result<OwnedFd, DriverError> {
    let path = Path::new("/dev").join(tty);
    patiently(|| driver::open(&path), is_not_ours_yet).await
}

fn is_not_ours_yet(error: &DriverError) -> bool {
    matches!(error, DriverError::Open { source, .. } if may_pass(source))
}

/// Tries until it works, fails for good, or [`NODE_MS`] have passed.
pub(crate) async fn patiently<T, E>(
    mut attempt: impl FnMut() -> Result<T, E>,
    passing: impl Fn(&E) -> bool,
) -> Result<T, E> {
    let until = BootMillis::now().plus(NODE_MS);
    loop {
        match attempt() {
            Err(error) if passing(&error) && BootMillis::now() < until => {
                Timer::after(NODE_STEP).await;
            }
            outcome => return outcome,
        }
    }
}

/// Whether a device node that could not be opened may be there, and ours, in a moment.
pub(crate) fn may_pass(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
    )
}
