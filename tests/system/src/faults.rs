//! Faults, one after another, each on a house that works: what is broken, what the box says, and
//! how long it takes until it does its work again.
//!
//! A fault is a row, a group of them shares a scene. All groups end in one table.

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

/// All groups, in the order in which they are played.
const GROUPS: &[Group] = &[LAN_AND_INTERNET, SERVICES, STICKS];

/// Stick, carrier and power. What costs the box its card comes last.
const STICKS: Group = Group {
    scene: "faults-sticks",
    prefix: "fbf",
    kind: Kind::Virt,
    settings: Settings::default,
    fault_agent: false,
    faults: &[carrier::FAULTS, stick::FAULTS, power::FAULTS],
};

/// What goes wrong inside the box.
const SERVICES: Group = Group {
    scene: "faults-services",
    prefix: "fbk",
    kind: Kind::Virt,
    settings: Settings::default,
    fault_agent: true,
    faults: &[services::FAULTS],
};

/// The house, the internet behind the carrier, and the card.
const LAN_AND_INTERNET: Group = Group {
    scene: "faults-house",
    prefix: "fbg",
    kind: Kind::Virt,
    settings: Settings::default,
    fault_agent: false,
    faults: &[lan::FAULTS, internet::FAULTS, card::FAULTS],
};

/// Faults that strike the same house.
struct Group {
    /// Name of the scene.
    scene: &'static str,
    /// Prefix of the network namespaces' names.
    prefix: &'static str,
    kind: Kind,
    /// What its owner wrote into `failberrypi.toml`.
    settings: fn() -> Settings,
    /// Whether the bench has a hand inside the box.
    fault_agent: bool,
    /// By duty, in the order in which they are played.
    faults: &'static [&'static [Fault]],
}

/// A fault and what must come of it.
struct Fault {
    /// In the words of the table.
    name: &'static str,
    /// Breaks it, on a box that has just started and works.
    inject: fn(&mut Scene) -> Outcome,
    /// What the console says then; empty where there is nothing to say.
    says: &'static str,
    /// How long it may take until the console says so, from the first packet that it hits.
    noticed_within: Option<Duration>,
    /// Shows that it is healed; waits for that no longer than it is told.
    recovers: fn(&mut Scene, Duration) -> Outcome,
    /// How long it may take until it is healed, in seconds.
    within: u64,
    /// Part of `make test`; the others are played by `make test-all`.
    quick: bool,
}

impl Fault {
    /// A row of `make test`, healed when a LAN host reaches the internet again.
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

    /// The same, of `make test-all` only.
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

    /// The console must say so that soon.
    const fn noticed_within(self, limit: Duration) -> Self {
        Self {
            noticed_within: Some(limit),
            ..self
        }
    }

    /// It is healed when this is seen.
    const fn recovered_when(self, recovers: fn(&mut Scene, Duration) -> Outcome) -> Self {
        Self { recovers, ..self }
    }
}

/// Which faults are played.
pub struct Choice {
    /// The slow ones too.
    pub all: bool,
    /// Only those with one of these in their names, slow or not.
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

/// Plays them, and writes the table where all groups had their turn.
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
