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
    Kmsg, ShutdownMode, SupervisorOptions,
    cmdline::Cmdline,
    crash_report,
    event_loop::{make_directories, run_event_loop},
    modules, mounts, storage,
};

/// Seconds since 1970 when the image was built: no time before it can be right.
const BUILD_EPOCH: Option<&str> = option_env!("FAILBERRY_BUILD_EPOCH");

/// The first one, which is the chip's.
const WATCHDOG: &str = "/dev/watchdog0";

/// Time to read the reason on the console before the reboot.
const MESSAGE_DELAY: Duration = Duration::from_secs(10);

/// A card that died can hold up `sync` for ever.
const SYNC_TIMEOUT: Duration = Duration::from_secs(10);

/// Does everything PID 1 does. Never returns: the kernel panics when PID 1 ends.
pub fn run() -> ! {
    let mode = match catch_unwind(AssertUnwindSafe(boot_and_supervise)) {
        Ok(Ok(mode)) => mode,
        Ok(Err(error)) => {
            log::error!(
                "cannot go on, rebooting in {} s: {error}",
                MESSAGE_DELAY.as_secs()
            );
            thread::sleep(MESSAGE_DELAY);
            ShutdownMode::Reboot
        }
        // The panic hook has told why.
        Err(_) => {
            thread::sleep(MESSAGE_DELAY);
            ShutdownMode::Reboot
        }
    };
    shut_down(mode)
}

fn boot_and_supervise() -> Result<ShutdownMode, Box<dyn std::error::Error>> {
    let started = BootMillis::now();
    let failures = mounts::mount_all();
    let log = Kmsg::open()?;
    crash_report::install_panic_hook(
        &log,
        Path::new(storage::SUPERVISOR_DATA_DIR).join(crash_report::FILE),
    );
    let cmdline = Cmdline::read();
    let state = SupervisorState {
        version: env!("CARGO_PKG_VERSION").into(),
        slot: cmdline.slot.map(|s| s.name().into()).unwrap_or_default(),
        started,
        ..SupervisorState::default()
    };
    let slot = cmdline.slot.map_or("none", Slot::name);
    log::info!("failberry {} is PID 1, slot {slot}", state.version);
    for text in failures {
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
    Ok(run_event_loop(SupervisorOptions::for_pid1(
        log, state, watchdog,
    ))?)
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

fn shut_down(mode: ShutdownMode) -> ! {
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
    if wait.recv_timeout(SYNC_TIMEOUT).is_err() {
        log::warn!("the card does not answer, not waiting for it");
    }
    let command = match mode {
        ShutdownMode::Reboot => RebootMode::RB_AUTOBOOT,
        ShutdownMode::PowerOff => RebootMode::RB_POWER_OFF,
    };
    loop {
        let Err(error) = reboot(command);
        log::error!("cannot {mode}: {error}; trying again");
        thread::sleep(MESSAGE_DELAY);
    }
}
