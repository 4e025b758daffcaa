//! How long things take, in seconds and in cycles of the core.

use std::{
    fs,
    hint::black_box,
    time::{Duration, Instant},
};

/// Long enough for the clock's grain, short enough to fall between two interruptions.
const SLICE: Duration = Duration::from_millis(1);

/// Slices of each contestant. The quickest counts: the others were disturbed.
const SLICES: usize = 150;

/// Seconds per call of both, who take turns so that they meet the same weather.
pub(crate) fn race(mut one: impl FnMut(), mut other: impl FnMut()) -> (f64, f64) {
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..SLICES {
        best.0 = best.0.min(slice(&mut one));
        best.1 = best.1.min(slice(&mut other));
    }
    best
}

/// Seconds per call of one alone.
pub(crate) fn time(one: impl FnMut()) -> f64 {
    race(one, || ()).0
}

fn slice(work: &mut impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut calls = 0_u32;
    loop {
        work();
        calls += 1;
        let passed = begin.elapsed();
        if passed >= SLICE {
            return passed.as_secs_f64() / f64::from(calls);
        }
    }
}

/// Cycles per second of the core under load, where they can be told without the kernel's help: a
/// guest's `/proc/cpuinfo` has the nominal figure, whatever the core runs at.
pub(crate) fn measured_hertz() -> Option<f64> {
    const ROUNDS: u32 = 10_000;
    /// Each of xorshift's three steps is a shift and an exclusive or of its result: six operations
    /// of one cycle each on any x86-64, and none can begin before the one before it ended.
    const CYCLES_PER_ROUND: u32 = 6;
    let mut x = 1_u64;
    let seconds = time(|| {
        for _ in 0..ROUNDS {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
        }
        x = black_box(x);
    });
    cfg!(target_arch = "x86_64").then(|| f64::from(ROUNDS * CYCLES_PER_ROUND) / seconds)
}

/// What the kernel says.
pub(crate) fn nominal_hertz() -> Option<f64> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("cpu MHz"))?;
    let megahertz: f64 = line.split_once(':')?.1.trim().parse().ok()?;
    Some(megahertz * 1e6)
}
