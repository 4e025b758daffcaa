//! What the environment says of the slots: their order, and which one is on trial.

use failberry_state::{Slot, SlotsState};

use crate::Environment;

/// U-Boot counts tries with one digit.
const MOST_TRIES: u8 = 9;

/// A variable that is not what U-Boot's script expects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("U-Boot's variable {name}: expected {expected}, got {got:?}")]
pub struct VariableError {
    /// The variable.
    name: &'static str,
    /// What it should be.
    expected: &'static str,
    /// What it is.
    got: String,
}

/// The slots as `board/common/uboot.env` understands them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slots {
    /// The order in which they are tried.
    pub order: Vec<Slot>,
    /// The slot that is tried before all others, while tries are left.
    pub trial: Option<Slot>,
    /// How often it may still be started.
    pub tries: u8,
}

impl Slots {
    /// Reads them. An environment without order is taken as "a b", as U-Boot's built-in one has it.
    ///
    /// # Errors
    /// The variable that makes no sense.
    pub fn of(environment: &Environment) -> Result<Self, VariableError> {
        let text = |name| environment.get(name).unwrap_or_default();
        let wrong = |name, expected, got: &str| VariableError {
            name,
            expected,
            got: got.to_owned(),
        };
        let slots = text("slots");
        let mut order = Vec::new();
        for name in slots.split_whitespace() {
            let slot = Slot::from_name(name)
                .filter(|slot| !order.contains(slot))
                .ok_or_else(|| wrong("slots", "a and b, each once", slots))?;
            order.push(slot);
        }
        if order.is_empty() {
            order = vec![Slot::A, Slot::B];
        }
        let trial = match text("trial") {
            "" => None,
            name => {
                Some(Slot::from_name(name).ok_or_else(|| wrong("trial", "a, b or nothing", name))?)
            }
        };
        let tries = match text("tries") {
            "" => 0,
            number => number
                .parse()
                .ok()
                .filter(|tries| *tries <= MOST_TRIES)
                .ok_or_else(|| wrong("tries", "a number from 0 to 9", number))?,
        };
        Ok(Self {
            order,
            trial,
            tries,
        })
    }

    /// Writes them into the environment.
    pub fn put(&self, environment: &mut Environment) {
        let names: Vec<_> = self.order.iter().map(|slot| slot.name()).collect();
        environment.set("slots", &names.join(" "));
        environment.set("trial", self.trial.map_or("", Slot::name));
        // U-Boot compares it as a number, which nothing is not.
        environment.set("tries", &self.tries.min(MOST_TRIES).to_string());
    }

    /// Starts with `first` from now on, and has the other one behind it.
    pub fn prefer(&mut self, first: Slot) {
        self.order = vec![first, first.other()];
        self.end_trial();
    }

    /// Nothing is on trial any more.
    pub const fn end_trial(&mut self) {
        self.trial = None;
        self.tries = 0;
    }

    /// Tries `slot` for so many boots, and starts the other one again after them.
    pub fn begin_trial(&mut self, slot: Slot, tries: u8) {
        self.prefer(slot.other());
        self.trial = Some(slot);
        self.tries = tries.min(MOST_TRIES);
    }
}

impl From<Slots> for SlotsState {
    fn from(slots: Slots) -> Self {
        let Slots {
            order,
            trial,
            tries,
        } = slots;
        Self {
            order,
            trial,
            tries,
        }
    }
}
