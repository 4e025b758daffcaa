//! Simulated update run: installation, reboot, and the end of the trial.

use failberry_service::SlotsOrder;
use failberry_state::Slot;
use failberry_update::{Header, Signer, Unverified, Version, install, slots::carry_out_on};

use crate::{Card, Part, UBoot};

/// Update of a box that runs from slot A.
pub struct Update {
    /// Verified header.
    pub header: Header,
    /// Running image, in slot A.
    pub old: Vec<u8>,
    /// New image, to be written to slot B.
    pub new: Vec<u8>,
}

/// Stage that the update reached before the power loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UpdateStage {
    /// The image is incomplete, or not marked for trial yet.
    Writing,
    /// It is marked for trial, and U-Boot has not recorded an attempt.
    Tried,
    /// It runs on trial.
    Restarted,
    /// It is confirmed or rolled back.
    Decided,
}

impl Update {
    /// Creates an update from `old` to `new`, with blocks of `block` bytes.
    pub fn new(old: Vec<u8>, new: Vec<u8>, block: u32) -> Self {
        let signer = Signer::from_pkcs8(&Signer::generate().unwrap()).unwrap();
        let mut bundle = Vec::new();
        let version = Version([2, 0, 0]);
        signer
            .bundle("rpi2", version, block, || Ok(new.as_slice()), &mut bundle)
            .unwrap();
        let header = Unverified::read(&mut bundle.as_slice())
            .unwrap()
            .verify(&[signer.public()])
            .unwrap();
        Self { header, old, new }
    }

    /// Runs the update, the reboot by U-Boot, and the decision `ends` of the new image, until the
    /// power loss; returns the stage reached.
    pub fn run_until_power_loss(&self, card: &Card, ends: &SlotsOrder) -> UpdateStage {
        let mut whole = Part::whole(card);
        let mut slot = Part::slot(card, Slot::B);
        let order = |order: SlotsOrder| {
            let done = carry_out_on(&order, Some(Slot::A), &mut whole);
            done.map(drop).map_err(|it| it.to_string())
        };
        let source = &mut self.new.as_slice();
        let target = (Slot::B, &mut slot);
        if install(&self.header, target, source, order, |_| Ok(())).is_err() {
            return UpdateStage::Writing;
        }
        match UBoot::start(card) {
            None => return UpdateStage::Tried,
            Some(started) => assert!(started == (Slot::B, self.new.clone())),
        }
        if carry_out_on(ends, Some(Slot::B), &mut whole).is_err() {
            return UpdateStage::Restarted;
        }
        UpdateStage::Decided
    }
}
