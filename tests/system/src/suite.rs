//! Test runner: runs the steps of a scene in order and prints each result with its duration.

use std::{
    error::Error,
    io::{Write, stdout},
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use failberry_bench::scene::{ScenarioConfig, Scene, repository};

/// Result of a step.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Returns the default seed of a random scene, from the clock.
pub(crate) fn seed_by_clock() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.unwrap_or_default().as_secs()
}

/// All results so far, and the filter of scenes.
pub struct Suite {
    passed: u32,
    failed: u32,
    filter: Option<String>,
    began: Instant,
}

/// Running scene and its suite.
pub struct Run<'a> {
    suite: &'a mut Suite,
    /// The scene.
    pub scene: Scene,
    name: &'static str,
}

impl Suite {
    /// Creates a suite that runs only the scenes whose names contain `filter`.
    pub fn new(filter: Option<String>) -> Self {
        Self {
            passed: 0,
            failed: 0,
            filter,
            began: Instant::now(),
        }
    }

    /// Starts a scene and runs `steps` in it.
    pub fn scene(
        &mut self,
        name: &'static str,
        setting: &ScenarioConfig,
        steps: impl FnOnce(&mut Run<'_>),
    ) {
        if !self.selects(name) {
            return;
        }
        println!("\nscene {name}");
        let directory = repository().join("out/system").join(name);
        let began = Instant::now();
        match Scene::start(setting, &directory, |text| println!("  ... {text}")) {
            Ok(scene) => {
                self.report(true, "the scene is set", began);
                let mut run = Run {
                    suite: self,
                    scene,
                    name,
                };
                steps(&mut run);
            }
            Err(error) => {
                self.report(false, "the scene is set", began);
                println!("{error}\nlogs: {}", directory.display());
            }
        }
    }

    /// Runs one step of a scene that boots several boxes in turn, with logs in `directory`.
    pub(crate) fn step(&mut self, what: &str, directory: &Path, step: impl FnOnce() -> Outcome) {
        let began = Instant::now();
        let outcome = step();
        self.report(outcome.is_ok(), what, began);
        if let Err(error) = outcome {
            println!("{error}\nlogs: {}", directory.display());
        }
    }

    /// Records the failure of a scene that cannot be prepared.
    pub(crate) fn fail_setup(&mut self, name: &'static str, why: &str) {
        if self.selects(name) {
            println!("\nscene {name}");
            self.report(false, "the scene is prepared", Instant::now());
            println!("{why}");
        }
    }

    /// Returns whether the scene passes the filter.
    pub(crate) fn selects(&self, name: &str) -> bool {
        let filter = self.filter.as_deref();
        filter.is_none_or(|filter| name.contains(filter))
    }

    /// Prints the summary; returns true if all steps passed and there was one.
    pub fn finish(&self) -> bool {
        println!(
            "\nin {} s\n{} passed, {} failed",
            self.began.elapsed().as_secs(),
            self.passed,
            self.failed
        );
        self.failed == 0 && self.passed > 0
    }

    fn report(&mut self, good: bool, what: &str, began: Instant) {
        let word = if good { "ok  " } else { "FAIL" };
        println!("  {word} {:6.1} s  {what}", began.elapsed().as_secs_f64());
        let _ = stdout().flush();
        if good {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }
}

impl Run<'_> {
    /// Runs one step; a failure does not stop later steps.
    pub fn step(&mut self, what: &str, step: impl FnOnce(&mut Scene) -> Outcome) {
        let began = Instant::now();
        let outcome = step(&mut self.scene);
        self.record(what, began, outcome);
    }

    /// Records the outcome of a step that began at `began`.
    pub(crate) fn record(&mut self, what: &str, began: Instant, outcome: Outcome) {
        self.suite.report(outcome.is_ok(), what, began);
        if let Err(error) = outcome {
            println!(
                "{error}\nscene {}, logs: {}",
                self.name,
                self.scene.directory().display()
            );
        }
    }
}

/// Returns an error with expected and actual value if they differ.
#[allow(clippy::needless_pass_by_value)] // as `assert_eq!` takes them
pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(what: &str, expected: T, got: T) -> Outcome {
    if expected == got {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected:?}, got {got:?}").into())
    }
}
