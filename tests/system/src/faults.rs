//! Fault scenes: inject one fault after another into a working scenario, check what the console
//! logs, and measure the time to recovery.
//!
//! Each fault is a row of the report; the faults of a group share a scene. All groups share one
//! report.

mod card;
mod carrier;
mod inject;
mod internet;
mod lan;
mod power;
mod report;
mod services;
mod stick;

use std::time::Duration;

use failberry_bench::scene::{Kind, ScenarioConfig, Scene, Settings};

use self::report::{Report, Row};
use crate::{Suite, steps, suite::Outcome};

/// All groups, in execution order.
const GROUPS: &[Group] = &[LAN_AND_INTERNET, SERVICES, STICKS];

/// Faults of stick, carrier and power. The loss of the card comes last.
const STICKS: Group = Group {
    scene: "faults-sticks",
    prefix: "fbf",
    kind: Kind::Virt,
    settings: Settings::default,
    fault_agent: false,
    faults: &[carrier::FAULTS, stick::FAULTS, power::FAULTS],
};

/// Faults inside the box, injected by the fault agent.
const SERVICES: Group = Group {
    scene: "faults-services",
    prefix: "fbk",
    kind: Kind::Virt,
    settings: Settings::default,
    fault_agent: true,
    faults: &[services::FAULTS],
};

/// Faults of the LAN, the internet behind the carrier, and the card.
const LAN_AND_INTERNET: Group = Group {
    scene: "faults-house",
    prefix: "fbg",
    kind: Kind::Virt,
    settings: Settings::default,
    fault_agent: false,
    faults: &[lan::FAULTS, internet::FAULTS, card::FAULTS],
};

/// Faults that share a scenario.
struct Group {
    /// Name of the scene.
    scene: &'static str,
    /// Prefix of the network namespaces' names.
    prefix: &'static str,
    kind: Kind,
    /// Settings in `failberrypi.toml`.
    settings: fn() -> Settings,
    /// Whether the fault agent runs inside the box.
    fault_agent: bool,
    /// Faults by subsystem, in execution order.
    faults: &'static [&'static [Fault]],
}

/// Fault, its expected log line and its recovery.
struct Fault {
    /// Name in the report.
    name: &'static str,
    /// Injects the fault into a freshly booted, working box.
    inject: fn(&mut Scene) -> Outcome,
    /// Expected console text; empty if there is none.
    says: &'static str,
    /// Longest time from the end of the injection to the console text.
    noticed_within: Option<Duration>,
    /// Checks recovery, waiting up to the given time.
    recovers: fn(&mut Scene, Duration) -> Outcome,
    /// Longest time to recovery, in seconds.
    within: u64,
    /// Whether `make test` includes it; the others need `make test-all`.
    quick: bool,
}

impl Fault {
    /// Creates a fault of `make test`, recovered when a LAN host reaches the internet again.
    const fn quick(
        name: &'static str,
        says: &'static str,
        within: u64,
        inject: fn(&mut Scene) -> Outcome,
    ) -> Self {
        Self {
            name,
            inject,
            says,
            noticed_within: None,
            recovers: inject::traffic_flows,
            within,
            quick: true,
        }
    }

    /// As [`Self::quick`], of `make test-all` only.
    const fn slow(
        name: &'static str,
        says: &'static str,
        within: u64,
        inject: fn(&mut Scene) -> Outcome,
    ) -> Self {
        Self {
            quick: false,
            ..Self::quick(name, says, within, inject)
        }
    }

    /// Sets the longest time to the console text.
    const fn noticed_within(self, limit: Duration) -> Self {
        Self {
            noticed_within: Some(limit),
            ..self
        }
    }

    /// Replaces the check of recovery.
    const fn recovered_when(self, recovers: fn(&mut Scene, Duration) -> Outcome) -> Self {
        Self { recovers, ..self }
    }
}

/// Selection of faults.
pub struct Choice {
    /// Includes the slow ones.
    pub all: bool,
    /// If not empty, only faults whose names contain one of these, slow or not.
    pub rows: Vec<String>,
}

impl Choice {
    fn takes(&self, fault: &Fault) -> bool {
        if self.rows.is_empty() {
            return self.all || fault.quick;
        }
        let named = |text: &String| fault.name.contains(text.as_str());
        self.rows.iter().any(named)
    }
}

/// Runs the selected faults; writes the report if all groups were run.
pub fn run(suite: &mut Suite, choice: &Choice) {
    let mut report = Report::default();
    for group in GROUPS {
        group.run(suite, choice, &mut report);
    }
    let complete = choice.rows.is_empty() && GROUPS.iter().all(|group| suite.selects(group.scene));
    if let Err(error) = report.report(complete.then_some(choice.all)) {
        println!("the table of faults cannot be written: {error}");
    }
}

impl Group {
    fn run(&self, suite: &mut Suite, choice: &Choice, report: &mut Report) {
        let chosen = || {
            let all = self.faults.iter().copied().flatten();
            all.filter(|fault| choice.takes(fault))
        };
        if chosen().next().is_none() {
            return;
        }
        let setting = ScenarioConfig {
            settings: (self.settings)(),
            fault_agent: self.fault_agent,
            ..ScenarioConfig::new(self.prefix, self.kind)
        };
        suite.scene(self.scene, &setting, |run| {
            run.step("eth0 leases an address", steps::lease);
            run.step("dials and agrees with pppd", steps::dials);
            run.step("a LAN host reaches the internet", steps::masquerades);
            for fault in chosen() {
                run.step(fault.name, |scene| {
                    let outcome = inject::run(scene, fault);
                    report.add(Row::new(fault, outcome.as_ref().ok().copied()));
                    outcome.map(drop)
                });
            }
        });
    }
}
