//! Leak detector: samples of each process, and whether any of its resources grow.

use failberry_bench::board::{Process, Sample};

/// Allowed fluctuation in KiB: sixteen pages.
const SLACK: u64 = 64;

/// Number of first samples ignored after a process start, while it touches its memory for the first
/// time.
const YOUNG: usize = 2;

/// Number of samples in a median.
const WINDOW: usize = 3;

/// Samples of one process, from start to exit.
pub(super) struct ProcessTrace {
    pub(super) name: String,
    pid: u32,
    young: usize,
    samples: Vec<Process>,
}

/// Medians at the beginning and at the end of a trace.
#[derive(Clone, Copy)]
pub(super) struct Span {
    pub(super) first: u64,
    pub(super) last: u64,
}

/// Traces of all processes.
#[derive(Default)]
pub(super) struct LeakCheck {
    pub(super) traces: Vec<ProcessTrace>,
    killed: Vec<&'static str>,
    samples: usize,
    dead: u64,
}

impl LeakCheck {
    /// Adds a sample of an idle box.
    pub(super) fn add(&mut self, sample: Sample) {
        let young = if self.samples == 0 { 0 } else { YOUNG };
        self.samples += 1;
        self.dead = self.dead.max(sample.dead);
        for process in sample.processes {
            let known = self
                .traces
                .iter_mut()
                .find(|trace| trace.name == process.name && trace.pid == process.pid);
            match known {
                Some(trace) => trace.samples.push(process),
                None => self.traces.push(ProcessTrace {
                    name: process.name.clone(),
                    pid: process.pid,
                    young,
                    samples: vec![process],
                }),
            }
        }
    }

    /// Records that a service was killed by the test. Kills during the warm-up do not count.
    pub(super) fn killed(&mut self, service: Option<&'static str>) {
        if self.samples > 0 {
            self.killed.extend(service);
        }
    }

    /// Returns the checks and their results.
    pub(super) fn verdicts(&self) -> Vec<(String, Result<(), String>)> {
        let mut all: Vec<_> = self
            .traces
            .iter()
            .filter(|trace| trace.tells())
            .map(|trace| {
                let what = format!(
                    "{} {} is flat over {} samples",
                    trace.name,
                    trace.pid,
                    trace.samples.len()
                );
                (what, trace.verdict())
            })
            .collect();
        all.push((
            "no service ended by itself".into(),
            self.check_unexpected_exits(),
        ));
        all.push(("nobody is left unburied".into(), {
            let dead = self.dead;
            (dead == 0)
                .then_some(())
                .ok_or_else(|| format!("expected none at any sample, got {dead}"))
        }));
        all
    }

    fn check_unexpected_exits(&self) -> Result<(), String> {
        let mut names: Vec<&str> = self
            .traces
            .iter()
            .map(|trace| trace.name.as_str())
            .collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            let traces = self
                .traces
                .iter()
                .filter(|trace| trace.name == name)
                .count();
            let killed = self.killed.iter().filter(|it| **it == name).count();
            // A service killed twice between two samples has one trace less.
            if traces > killed + 1 {
                return Err(format!(
                    "{name} was killed {killed} times and has had {traces} lives"
                ));
            }
        }
        Ok(())
    }
}

impl ProcessTrace {
    pub(super) fn samples(&self) -> usize {
        self.samples.len()
    }

    /// Returns whether it has enough samples to compare beginning and end.
    pub(super) fn tells(&self) -> bool {
        self.samples.len() >= self.young + 2 * WINDOW
    }

    /// Returns the medians of one figure at the beginning and at the end.
    pub(super) fn span(&self, figure: fn(&Process) -> u64) -> Span {
        let grown = self.samples.get(self.young..).unwrap_or_default();
        let median = |part: &[Process]| {
            let mut values: Vec<u64> = part.iter().map(figure).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        let window = WINDOW.min(grown.len());
        Span {
            first: median(grown.get(..window).unwrap_or_default()),
            last: median(grown.get(grown.len() - window..).unwrap_or_default()),
        }
    }

    fn verdict(&self) -> Result<(), String> {
        for (what, figure, slack) in FIGURES {
            let Span { first, last } = self.span(*figure);
            if first.abs_diff(last) > *slack {
                return Err(format!("{what}: {first} at first, {last} in the end"));
            }
        }
        Ok(())
    }
}

/// Label of a figure, its accessor, and its allowed difference.
type Figure = (&'static str, fn(&Process) -> u64, u64);

/// Figures that are compared.
const FIGURES: &[Figure] = &[
    ("memory (PSS) in KiB", |it| it.pss, SLACK),
    ("memory of its own in KiB", |it| it.anonymous, SLACK),
    ("open files", |it| it.files, 0),
    ("children", |it| it.children, 0),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, pss: u64, files: u64) -> Process {
        Process {
            name: "uplink".into(),
            pid,
            pss,
            anonymous: 100,
            rss: 900,
            files,
            children: 0,
            threads: 1,
        }
    }

    fn leak_check(processes: impl IntoIterator<Item = Process>) -> LeakCheck {
        let mut leak_check = LeakCheck::default();
        for process in processes {
            leak_check.add(Sample {
                processes: vec![process],
                dead: 0,
            });
        }
        leak_check
    }

    fn wrong(leak_check: &LeakCheck) -> Vec<String> {
        let verdicts = leak_check.verdicts().into_iter();
        verdicts.filter_map(|(_, verdict)| verdict.err()).collect()
    }

    #[test]
    fn fluctuation_is_no_leak_and_growth_is() {
        let noise = [400, 900, 410, 405, 300, 464, 470, 460];
        assert!(wrong(&leak_check(noise.map(|pss| process(9, pss, 8)))).is_empty());
        let leak = (0..10).map(|at| process(9, 400 + 10 * at, 8));
        assert_eq!(
            wrong(&leak_check(leak)),
            ["memory (PSS) in KiB: 410 at first, 480 in the end"]
        );
        let files = (0..8).map(|at| process(9, 400, 8 + at / 4));
        assert_eq!(
            wrong(&leak_check(files)),
            ["open files: 8 at first, 9 in the end"]
        );
    }

    #[test]
    fn killed_service_starts_new_trace_own_exit_fails() {
        let traces = (0..16).map(|at| process(9 + at / 8, 400 + 200 * u64::from(at / 8), 8));
        let mut leak_check = leak_check(traces);
        let told = wrong(&leak_check);
        assert_eq!(told, ["uplink was killed 0 times and has had 2 lives"]);
        leak_check.killed(Some("uplink"));
        assert!(wrong(&leak_check).is_empty());
    }
}
