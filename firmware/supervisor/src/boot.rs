//! Start and end of PID 1: early setup before the event loop, and the reboot after it.

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

/// Build time of the image in seconds since 1970. An earlier system time is wrong.
const BUILD_EPOCH: Option<&str> = option_env!("FAILBERRY_BUILD_EPOCH");

/// Hardware watchdog: the first one is that of the chip.
const WATCHDOG: &str = "/dev/watchdog0";

/// Delay of a reboot after an error, so that it can be read on the console.
const MESSAGE_DELAY: Duration = Duration::from_secs(10);

/// Longest wait for `sync`. A dead card can block it for ever.
const SYNC_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs PID 1. Never returns, since the kernel panics when PID 1 exits.
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
        // The panic hook has logged the reason.
        Err(_) => {
            thread::sleep(MESSAGE_DELAY);
            ShutdownMode::Reboot
        }
    };
    shut_down(mode)
}

/// Sets up the system and runs the event loop.
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
    // From here on ctrl-alt-del sends us SIGINT instead of resetting the machine.
    if let Err(error) = set_cad_enabled(false) {
        log::warn!("ctrl-alt-del stays a reset: {error}");
    }
    modules::load_all();
    let watchdog = (!cmdline.no_watchdog).then(|| WATCHDOG.into());
    Ok(run_event_loop(SupervisorOptions::for_pid1(
        log, state, watchdog,
    ))?)
}

/// Sets the clock to the build time if it is earlier.
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

/// Kills all processes, syncs the card, and reboots or powers off.
fn shut_down(mode: ShutdownMode) -> ! {
    // Nothing may write from here on; the services have been stopped before.
    let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        sync();
        // A process that cannot be killed keeps /data busy; read-only is as good for the card.
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
