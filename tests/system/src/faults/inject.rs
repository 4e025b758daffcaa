//! Runner of one fault: boots the box, injects the fault, and waits for recovery.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use failberry_bench::{
    carrier::CarrierSettings,
    probe::{get, get_within},
    scene::Scene,
    stick::Sim,
};

use super::{Fault, card, internet, lan};
use crate::{steps, suite::Outcome};

/// Durations measured for one fault.
#[derive(Clone, Copy)]
pub(super) struct RecoveryTimes {
    /// From the end of the injection to the console text.
    pub(super) noticed: Option<Duration>,
    /// From the start of the injection to recovery.
    pub(super) healed: Duration,
}

/// Runs one fault. If the box does not recover, the console log is saved.
pub(super) fn run(scene: &mut Scene, fault: &Fault) -> Outcome<RecoveryTimes> {
    let outcome = begin(scene).and_then(|()| inject(scene, fault));
    outcome.map_err(|error| match save_console_log(scene, fault.name) {
        Ok(kept) => format!("{error}\nconsole: {kept}").into(),
        Err(_) => error,
    })
}

/// Boots the box afresh, so that no fault is affected by the state left by an earlier one, such as
/// a grown back-off.
fn begin(scene: &mut Scene) -> Outcome {
    clear_faults(scene)?;
    lan::restore(scene)?;
    card::restore(scene)?;
    // Each boot has a log file of its own.
    match fs::remove_file(scene.directory().join("console.log")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    scene.power_cycle(Sim::Ready)?;
    let bound = scene.bound(60);
    get_within(scene.network.lan(), steps::PAGE_HOST, 80, "/before", bound)?;
    Ok(())
}

/// Injects the fault and waits for recovery; returns the durations.
fn inject(scene: &mut Scene, fault: &Fault) -> Outcome<RecoveryTimes> {
    let mark = scene.board.console.mark();
    let began = Instant::now();
    let bound = scene.bound(fault.within);
    (fault.inject)(scene)?;
    let mut noticed = None;
    if !fault.says.is_empty() {
        let struck = Instant::now();
        // A LAN host keeps sending requests, as users do: some faults only show under traffic.
        let heard = thread::scope(|scope| {
            let console = scene.board.console.clone();
            let waiting = scope.spawn(move || {
                let heard = console.wait_from(mark, fault.says, bound);
                heard.map(|_| struck.elapsed())
            });
            while !waiting.is_finished() {
                // The response does not matter yet.
                let _ = get(scene.network.lan(), steps::PAGE_HOST, 80, "/meanwhile");
            }
            waiting.join()
        });
        noticed = Some(heard.map_err(|_| "the console's listener panicked")??);
    }
    clear_faults(scene)?;
    (fault.recovers)(scene, bound.saturating_sub(began.elapsed()))?;
    let healed = began.elapsed();
    if healed > bound {
        let expected = fault.within;
        return Err(format!("expected it healed within {expected} s, it took {healed:?}").into());
    }
    if let (Some(took), Some(limit)) = (noticed, fault.noticed_within)
        && took > limit
    {
        return Err(format!("expected it noticed within {limit:?}, it took {took:?}").into());
    }
    Ok(RecoveryTimes { noticed, healed })
}

/// Clears the faults of carrier, LAN and internet; the box has to recover by itself.
fn clear_faults(scene: &mut Scene) -> Outcome {
    scene.carrier.blackhole(false)?;
    scene.carrier.mute(false);
    scene.carrier.set(CarrierSettings::default())?;
    scene.board.set_cable(true)?;
    internet::clear_faults(scene)
}

/// Waits until a LAN host reaches the internet.
pub(super) fn traffic_flows(scene: &mut Scene, bound: Duration) -> Outcome {
    get_within(scene.network.lan(), steps::PAGE_HOST, 80, "/again", bound)?;
    Ok(())
}

/// Copies the console log to a file named after the fault.
fn save_console_log(scene: &Scene, fault: &str) -> Outcome<String> {
    let word = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    let name: String = fault.chars().map(word).collect();
    let kept = scene.directory().join(format!("failed-{name}.log"));
    fs::copy(scene.directory().join("console.log"), &kept)?;
    Ok(kept.display().to_string())
}
