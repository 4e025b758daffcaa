//! Executes slots orders on the boot loader's environment; runs as root's one-shot.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use failberry_environment::{Disk, EnvironmentError, Slots, Stored, VariableError};
use failberry_service::SlotsOrder;
use failberry_state::{Slot, SlotsState, StateFile};

/// The order could not be executed.
#[derive(Debug, thiserror::Error)]
pub enum SlotsError {
    /// The card cannot be opened.
    #[error("{path}: {source}")]
    Open {
        /// Block device of the card, or the kernel's command line.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The environment cannot be read or written.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A variable in it is malformed.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// The order concerns the running slot, which is unknown.
    #[error("the boot loader does not tell which slot runs, so it is not possible to {order}")]
    NoSlot {
        /// The order.
        order: SlotsOrder,
    },
    /// The slot to be tried is the one that runs.
    #[error("slot {slot} runs, so it cannot be tried as the new one")]
    Running {
        /// The slot.
        slot: Slot,
    },
}

/// Executes `order` on the card, a block device such as `/dev/mmcblk0`. Needs root.
///
/// # Errors
/// What failed; the card then boots as before.
pub fn carry_out(order: &SlotsOrder, card: &Path) -> Result<(), SlotsError> {
    const CMDLINE: &str = "/proc/cmdline";
    let open = |path: &Path| {
        let path = path.to_owned();
        move |source| SlotsError::Open { path, source }
    };
    let cmdline = fs::read_to_string(CMDLINE).map_err(open(Path::new(CMDLINE)))?;
    let mut file = File::options()
        .read(true)
        .write(true)
        .open(card)
        .map_err(open(card))?;
    publish(carry_out_on(order, running(&cmdline), &mut file)?);
    Ok(())
}

/// Publishes the slots; a failure is logged only, since the change is already on the card.
fn publish(slots: Slots) {
    if let Err(error) = StateFile::new().publish(&SlotsState::from(slots)) {
        log::warn!("{error}");
    }
}

/// Publishes the slots as they are on the card, a block device. Needs root.
///
/// # Errors
/// What cannot be read.
pub fn publish_from_card(card: &Path) -> Result<(), SlotsError> {
    let file = File::open(card).map_err(|source| SlotsError::Open {
        path: card.to_owned(),
        source,
    })?;
    publish(Slots::of(&Stored::read(&file)?.environment)?);
    Ok(())
}

/// Returns the slot that the boot loader names on the kernel's command line.
pub(crate) fn running(cmdline: &str) -> Option<Slot> {
    let mut words = cmdline.split_ascii_whitespace();
    words.find_map(|word| Slot::from_name(word.strip_prefix("failberry.slot=")?))
}

/// Executes `order` on any card, while `running` runs. Writes nothing if nothing changes. Returns
/// the slots afterwards.
///
/// # Errors
/// As [`carry_out`].
pub fn carry_out_on(
    order: &SlotsOrder,
    running: Option<Slot>,
    card: &mut impl Disk,
) -> Result<Slots, SlotsError> {
    let mut stored = Stored::read(card)?;
    let before = Slots::of(&stored.environment)?;
    let mut slots = before.clone();
    let running_slot = || {
        running.ok_or_else(|| SlotsError::NoSlot {
            order: order.clone(),
        })
    };
    match order {
        SlotsOrder::Try { slot, .. } if running == Some(*slot) => {
            return Err(SlotsError::Running { slot: *slot });
        }
        SlotsOrder::Try { slot, tries } => slots.begin_trial(*slot, *tries),
        SlotsOrder::Confirm => slots.prefer(running_slot()?),
        SlotsOrder::Choose { slot } => slots.prefer(*slot),
        // The slot that is given up is the one on trial; else the running one is good.
        SlotsOrder::GiveUp { .. } => {
            let running = running_slot()?;
            slots.prefer(if before.trial == Some(running) {
                running.other()
            } else {
                running
            });
        }
    }
    if slots != before {
        slots.put(&mut stored.environment);
        stored.save(card)?;
    }
    Ok(slots)
}

#[cfg(test)]
mod tests {
    use failberry_environment::{Environment, OFFSETS, SIZE};

    use super::*;

    fn card(entries: &[&str]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.set_len(OFFSETS[1] + SIZE as u64).unwrap();
        let copy = Environment::new(entries).copy(SIZE, 1).unwrap();
        file.write_at(OFFSETS[0], &copy).unwrap();
        file
    }

    fn after(
        entries: &[&str],
        order: &SlotsOrder,
        running: Option<Slot>,
    ) -> Result<Slots, SlotsError> {
        let mut card = card(entries);
        carry_out_on(order, running, &mut card)?;
        Ok(Slots::of(&Stored::read(&card)?.environment)?)
    }

    fn slots(order: [Slot; 2], trial: Option<Slot>, tries: u8) -> Slots {
        Slots {
            order: order.to_vec(),
            trial,
            tries,
        }
    }

    const ON_TRIAL: [&str; 3] = ["slots=a b", "trial=b", "tries=1"];

    fn give_up() -> SlotsOrder {
        SlotsOrder::GiveUp {
            reason: String::new(),
        }
    }

    #[test]
    fn each_order_writes_the_variables_u_boot_reads() {
        use Slot::{A, B};
        let try_b = SlotsOrder::Try { slot: B, tries: 2 };
        for (entries, order, running, expected) in [
            // The old slot comes first, whatever the order was before.
            (
                &["slots=b a"][..],
                try_b.clone(),
                A,
                slots([A, B], Some(B), 2),
            ),
            (&ON_TRIAL, SlotsOrder::Confirm, B, slots([B, A], None, 0)),
            // A second time, after a power loss.
            (
                &["slots=b a"],
                SlotsOrder::Confirm,
                B,
                slots([B, A], None, 0),
            ),
            (&ON_TRIAL, give_up(), B, slots([A, B], None, 0)),
            // Before a slot is overwritten: it must not be the one that is started.
            (&ON_TRIAL, give_up(), A, slots([A, B], None, 0)),
            (&["slots=b a"], give_up(), A, slots([A, B], None, 0)),
            (
                &ON_TRIAL,
                SlotsOrder::Choose { slot: B },
                A,
                slots([B, A], None, 0),
            ),
        ] {
            assert_eq!(
                after(entries, &order, Some(running)).unwrap(),
                expected,
                "{order:?}"
            );
        }
    }

    #[test]
    fn running_slot_cannot_be_tried() {
        let order = SlotsOrder::Try {
            slot: Slot::B,
            tries: 2,
        };
        let error = after(&["slots=a b"], &order, Some(Slot::B)).unwrap_err();
        assert!(matches!(error, SlotsError::Running { slot: Slot::B }));
    }

    #[test]
    fn unknown_running_slot_refuses_confirm_and_cancel() {
        for order in [SlotsOrder::Confirm, give_up()] {
            let error = after(&ON_TRIAL, &order, None).unwrap_err();
            assert!(matches!(error, SlotsError::NoSlot { .. }), "{error}");
            let words = format!("which slot runs, so it is not possible to {order}");
            assert!(error.to_string().ends_with(&words), "{error}");
        }
    }

    #[test]
    fn unchanged_environment_is_not_written() {
        let mut card = card(&["slots=b a", "tries=0"]);
        carry_out_on(&SlotsOrder::Confirm, Some(Slot::B), &mut card).unwrap();
        let mut copy = vec![0; SIZE];
        card.read_at(OFFSETS[1], &mut copy).unwrap();
        assert!(copy.iter().all(|byte| *byte == 0));
    }

    /// Cards of versions before 0.3.0 have the copies at other places, and a FAT partition at these.
    #[test]
    fn old_card_layout_is_not_written() {
        let mut card = tempfile::tempfile().unwrap();
        let copy = Environment::new(&ON_TRIAL).copy(SIZE, 1).unwrap();
        for at in [0x8_0000, 0xA_0000] {
            card.write_at(at, &copy).unwrap();
        }
        card.set_len(OFFSETS[1] + SIZE as u64).unwrap();
        let bytes = |card: &File| {
            let mut bytes = vec![0; usize::try_from(OFFSETS[1]).unwrap() + SIZE];
            card.read_at(0, &mut bytes).unwrap();
            bytes
        };
        let before = bytes(&card);
        for order in [SlotsOrder::Confirm, give_up()] {
            let error = carry_out_on(&order, Some(Slot::B), &mut card).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("0x800000") && text.contains("got none"),
                "{text}"
            );
        }
        assert!(bytes(&card) == before);
    }

    #[test]
    fn running_slot_is_read_from_the_command_line() {
        assert_eq!(running("x failberry.slot=b y"), Some(Slot::B));
        assert_eq!(running("failberry.slot=c"), None);
        assert_eq!(running("xfailberry.slot=a"), None);
    }
}
