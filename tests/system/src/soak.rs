//! Soak test: an hour of random faults in one boot of the box. Traffic must return after each, and
//! no process may leak memory, descriptors or children.
//!
//! The sequence follows from the seed, which is printed first; only the timing depends on the
//! machine.

mod leak_check;
mod random_fault;
mod report;

use std::{
    fs::File,
    io::Write,
    ops::RangeInclusive,
    thread,
    time::{Duration, Instant},
};

use failberry_bench::{
    board::Mark,
    probe::{get, get_within},
    scene::{Kind, ScenarioConfig, Scene},
};
use fastrand::Rng;

use self::{
    leak_check::LeakCheck,
    random_fault::{RANDOM_FAULTS, RandomFault},
    report::Report,
};
use crate::{
    Suite, steps,
    suite::{self, Outcome, Run, expect},
};

/// Name of the scene.
pub const SCENE: &str = "soak";

/// Seconds from recovery to the next fault. About half the faults find a link too young to count as
/// good.
const PAUSE: RangeInclusive<u64> = 20..=100;

/// Pause during the warm-up, in seconds.
const SHORT_PAUSE: RangeInclusive<u64> = 10..=20;

/// Uptime after which a link counts as good: the next dial starts without delay, on the lowest rung
/// of the ladder.
const GOOD: Duration = Duration::from_secs(60);

/// Extra recovery time in seconds for a fault soon after another: the longest dial delay and a
/// restart of the stick.
const SOON: u64 = 60 + 30;

/// Interval of samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(60);

/// Longest time for a LAN host's request without a fault; allows two lost packets.
const UNBROKEN: Duration = Duration::from_secs(8);

/// Options of the soak test.
pub struct Choice {
    /// Seed of the random sequence; from the clock if `None`.
    pub seed: Option<u64>,
    /// Duration without the warm-up, in minutes.
    pub minutes: u64,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            seed: None,
            minutes: 60,
        }
    }
}

/// Runs the soak test.
pub fn run(suite: &mut Suite, choice: &Choice) {
    if !suite.selects(SCENE) {
        return;
    }
    let seed = choice.seed.unwrap_or_else(suite::seed_by_clock);
    println!("\nseed {seed}, {} minutes", choice.minutes);
    let setting = ScenarioConfig {
        fault_agent: true,
        ..ScenarioConfig::new("fbz", Kind::Virt)
    };
    suite.scene(SCENE, &setting, |run| {
        run.step("eth0 leases an address", steps::lease);
        run.step("dials and agrees with pppd", steps::dials);
        run.step("a LAN host reaches the internet", steps::masquerades);
        run.step("the DNS record is set", steps::sets_the_record);
        let mut soak = Soak::new(seed);
        soak.warm_up(run);
        soak.run_for(run, Duration::from_secs(60 * choice.minutes));
        for (what, verdict) in soak.leak_check.verdicts() {
            run.step(&what, |_| verdict.map_err(Into::into));
        }
        run.step("it was one life of the box all along", no_reboot);
        match soak.report() {
            Ok(table) => println!("\n{table}"),
            Err(error) => println!("the soak's table cannot be written: {error}"),
        }
    });
}

struct Soak {
    seed: u64,
    random: Rng,
    /// End of the warm-up.
    began: Instant,
    leak_check: LeakCheck,
    report: Report,
    sampled: Instant,
    healed: Instant,
    /// Times of stick crashes: power cycles an hour are limited.
    crashes: Vec<Instant>,
}

impl Soak {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            random: Rng::with_seed(seed),
            began: Instant::now(),
            leak_check: LeakCheck::default(),
            report: Report::default(),
            sampled: Instant::now(),
            healed: Instant::now(),
            crashes: Vec::new(),
        }
    }

    /// Injects each fault once, so that all memory that is ever needed has been touched.
    fn warm_up(&mut self, run: &mut Run<'_>) {
        let mut order: Vec<&RandomFault> = RANDOM_FAULTS.iter().collect();
        self.random.shuffle(&mut order);
        for fault in order {
            self.pause(run, SHORT_PAUSE);
            self.inject(run, fault);
        }
        self.pause(run, PAUSE);
        self.sample(run);
    }

    fn run_for(&mut self, run: &mut Run<'_>, time: Duration) {
        self.began = Instant::now();
        let until = self.began + time;
        while Instant::now() < until {
            self.pause(run, PAUSE);
            if self.sampled.elapsed() >= SAMPLE_EVERY {
                self.sample(run);
            }
            let fault = self.choose();
            self.inject(run, fault);
        }
        self.pause(run, PAUSE);
        self.sample(run);
    }

    /// Waits some time without a fault and checks that everything works.
    fn pause(&mut self, run: &mut Run<'_>, seconds: RangeInclusive<u64>) {
        let until = Instant::now() + Duration::from_secs(self.random.u64(seconds));
        let unbroken = || -> Outcome {
            while Instant::now() < until {
                get_within(run.scene.network.lan(), steps::PAGE_HOST, 80, "/", UNBROKEN)?;
                thread::sleep(Duration::from_secs(2));
            }
            Ok(())
        };
        if let Err(error) = unbroken() {
            run.step("nothing is broken, and traffic flows", |_| Err(error));
            self.wait_for_recovery(run);
        }
    }

    /// Waits for recovery after a failure, so that the next fault meets a working box.
    fn wait_for_recovery(&mut self, run: &mut Run<'_>) {
        let bound = Duration::from_secs(300);
        run.step("it comes back after all", |scene| {
            get_within(scene.network.lan(), steps::PAGE_HOST, 80, "/", bound)?;
            Ok(())
        });
        self.healed = Instant::now();
    }

    fn sample(&mut self, run: &mut Run<'_>) {
        self.sampled = Instant::now();
        let outcome = (|| -> Outcome {
            let sample = run.scene.board.fault_agent()?.sample()?;
            let log = run.scene.directory().join("samples.log");
            let mut log = File::options().append(true).create(true).open(log)?;
            writeln!(log, "{:.0} s: {sample:?}", run.scene.elapsed())?;
            self.leak_check.add(sample);
            self.report()?;
            Ok(())
        })();
        if outcome.is_err() {
            run.step("the hand takes a sample", |_| outcome);
        }
    }

    /// Writes the report so far.
    fn report(&self) -> std::io::Result<String> {
        let minutes = self.began.elapsed().as_secs() / 60;
        self.report.write(self.seed, minutes, &self.leak_check)
    }

    fn choose(&mut self) -> &'static RandomFault {
        let hour = Duration::from_secs(3600);
        self.crashes.retain(|at| at.elapsed() < hour);
        loop {
            let total = RANDOM_FAULTS.iter().map(|fault| fault.weight).sum();
            let mut at = self.random.u32(0..total);
            let chosen = RANDOM_FAULTS.iter().find(|fault| {
                let found = at < fault.weight;
                at = at.saturating_sub(fault.weight);
                found
            });
            if let Some(chosen) = chosen
                && (!chosen.costs_power || self.crashes.len() < random_fault::CRASHES_AN_HOUR)
            {
                return chosen;
            }
        }
    }

    fn inject(&mut self, run: &mut Run<'_>, fault: &RandomFault) {
        if fault.costs_power {
            self.crashes.push(Instant::now());
        }
        let soon = if self.healed.elapsed() < GOOD {
            SOON
        } else {
            0
        };
        let bound = run.scene.bound(fault.within + soon);
        let random = &mut self.random;
        let mut what = fault.name.to_owned();
        let mut killed = None;
        let began = Instant::now();
        let outcome = (|| -> Outcome {
            let scene = &mut run.scene;
            let mark = scene.board.console.mark();
            let done = (fault.inject)(scene, random)?;
            if let Some(service) = done.kills {
                what = format!("{what}: {service}");
                killed = Some(service);
            }
            if !done.says.is_empty() {
                wait_for_log(scene, mark, &done.says, bound)?;
            }
            random_fault::clear_faults(scene)?;
            let left = bound.saturating_sub(began.elapsed());
            get_within(scene.network.lan(), steps::PAGE_HOST, 80, "/again", left)?;
            if let Some(service) = killed {
                let left = bound.saturating_sub(began.elapsed());
                steps::is_ready(scene, service, left)?;
            }
            Ok(())
        })();
        let took = began.elapsed();
        self.healed = Instant::now();
        let healed = outcome.is_ok();
        self.report.add(&what, healed.then_some(took));
        self.leak_check.killed(killed);
        run.record(&what, began, outcome);
        if !healed {
            self.wait_for_recovery(run);
        }
    }
}

fn no_reboot(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    expect("starts", 1, console.lines_with("is PID 1, slot").len())?;
    let errors = console.lines_with("the kernel has erred");
    expect("errors of the kernel", &[] as &[String], errors.as_slice())
}

/// Waits for a console text. A LAN host keeps sending requests: some faults only show under
/// traffic.
fn wait_for_log(scene: &Scene, mark: Mark, text: &str, bound: Duration) -> Outcome {
    const LISTEN: Duration = Duration::from_millis(300);
    let until = Instant::now() + bound;
    loop {
        match scene.board.console.wait_from(mark, text, LISTEN) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= until => return Err(error.into()),
            Err(_) => {}
        }
        // The response does not matter yet.
        let _ = get(scene.network.lan(), steps::PAGE_HOST, 80, "/meanwhile");
    }
}
