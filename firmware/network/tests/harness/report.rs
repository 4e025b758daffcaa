//! Counter of passed and failed checks.

use std::fmt::Debug;

#[derive(Default)]
pub(crate) struct Report {
    passed: u32,
    failed: u32,
}

impl Report {
    pub(crate) fn check(&mut self, name: &str, holds: bool) {
        self.count(name, holds.then_some(()).ok_or("does not hold"));
    }

    pub(crate) fn equal<T: PartialEq + Debug>(&mut self, name: &str, got: T, expected: T) {
        let outcome = if got == expected {
            Ok(())
        } else {
            Err(format!("expected {expected:#?}\n  got {got:#?}"))
        };
        self.count(name, outcome);
    }

    pub(crate) fn contains(&mut self, name: &str, text: &str, part: &str) {
        let outcome = if text.contains(part) {
            Ok(())
        } else {
            Err(format!("expected \"{part}\"\n  in {text}"))
        };
        self.count(name, outcome);
    }

    /// Prints the sums and ends the program.
    pub(crate) fn finish(self) -> ! {
        println!("{} passed, {} failed", self.passed, self.failed);
        std::process::exit(i32::from(self.failed > 0))
    }

    fn count(&mut self, name: &str, outcome: Result<(), impl std::fmt::Display>) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("ok: {name}");
            }
            Err(reason) => {
                self.failed += 1;
                println!("FAILED: {name}: {reason}");
            }
        }
    }
}
