//! From the kernel's first process to the loop, and from the loop to the end.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, SystemTime},
};

use failberry_service::confine;
use failberry_state::{BootMillis, RUN, Service, Slot, SupervisorState};
use nix::{
    mount::{MsFlags, mount, umount},
    sys::{
        reboot::{RebootMode, reboot, set_cad_enabled},
        signal::{Signal, kill},
        time::TimeSpec,
    },
    time::{ClockId, clock_settime},
    unistd::{Pid, sync},
};

use crate::{
    Ending, Kmsg, Settings, cmdline::Cmdline, keep, keeping::make_directories, last_words, modules,
    mounts, storage,
};

/// Seconds since 1970 when the image was built: no time before it can be right.
const BUILD_EPOCH: Option<&str> = option_env!("FAILBERRY_BUILD_EPOCH");

/// The first one, which is the chip's.
const WATCHDOG: &str = "/dev/watchdog0";

/// Time to read the reason on the console before the reboot.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A card that died can hold up `sync` for ever.
const SYNC_BOUND: Duration = Duration::from_secs(10);

/// Does everything PID 1 does. Never returns: the kernel panics when PID 1 ends.
pub fn run() -> ! {
    let ending = match catch_unwind(AssertUnwindSafe(boot_and_keep)) {
        Ok(Ok(ending)) => ending,
        Ok(Err(error)) => {
            log::error!(
                "cannot go on, rebooting in {} s: {error}",
                LAST_WORDS.as_secs()
            );
            thread::sleep(LAST_WORDS);
            Ending::Reboot
        }
        // The panic hook has told why.
        Err(_) => {
            thread::sleep(LAST_WORDS);
            Ending::Reboot
        }
    };
    end(ending)
}

fn boot_and_keep() -> Result<Ending, Box<dyn std::error::Error>> {
    let started = BootMillis::now();
    let trouble = mounts::all();
    let log = Kmsg::open()?;
    last_words::install(&log, Path::new(storage::MEMORY).join(last_words::FILE));
    let cmdline = Cmdline::read();
    let state = SupervisorState {
        version: env!("CARGO_PKG_VERSION").into(),
        slot: cmdline.slot.map(|s| s.name().into()).unwrap_or_default(),
        started,
        ..SupervisorState::default()
    };
    let slot = cmdline.slot.map_or("none", Slot::name);
    log::info!("failberry {} is PID 1, slot {slot}", state.version);
    for text in trouble {
        log::error!("{text}");
    }
    for text in confine(Service::Supervisor) {
        log::warn!("{text}");
    }
    raise_clock();
    if let Err(error) = make_directories(RUN.as_ref()) {
        log::error!("cannot make the directories below {RUN}: {error}");
    }
    // From here on ctrl-alt-del is a signal to us instead of a reset.
    if let Err(error) = set_cad_enabled(false) {
        log::warn!("ctrl-alt-del stays a reset: {error}");
    }
    modules::load_all();
    let watchdog = (!cmdline.no_watchdog).then(|| WATCHDOG.into());
    Ok(keep(Settings::of_the_machine(log, state, watchdog))?)
}

fn raise_clock() {
    let Some(floor) = BUILD_EPOCH.and_then(|text| text.parse::<u32>().ok()) else {
        return;
    };
    let floor = Duration::from_secs(floor.into());
    if SystemTime::UNIX_EPOCH + floor <= SystemTime::now() {
        return;
    }
    match clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(floor)) {
        Ok(()) => log::info!(
            "clock raised to the build time, {} s since 1970",
            floor.as_secs()
        ),
        Err(error) => log::warn!("cannot raise the clock to the build time: {error}"),
    }
}

fn end(ending: Ending) -> ! {
    // Nothing may write any more; everybody has been asked politely before.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        sync();
        // A process that cannot be killed keeps it busy; read-only is as good for the card.
        if umount("/data").is_err() {
            let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
            let _ = mount(None::<&str>, "/data", None::<&str>, flags, None::<&str>);
        }
        let _ = done.send(());
    });
    if wait.recv_timeout(SYNC_BOUND).is_err() {
        log::warn!("the card does not answer, not waiting for it");
    }
    let mode = match ending {
        Ending::Reboot => RebootMode::RB_AUTOBOOT,
        Ending::PowerOff => RebootMode::RB_POWER_OFF,
    };
    loop {
        let Err(error) = reboot(mode);
        log::error!("cannot {ending}: {error}; trying again");
        thread::sleep(LAST_WORDS);
    }
}
