//! Complete scenario: the box with its stick, the LAN with its router, the carrier, the internet.
//!
//! Takes in a [`ScenarioConfig`] (board, `failberrypi.toml`, SIM, carrier); gives out all parts,
//! running. Dropping it stops and removes everything.

mod error;
mod parts;
mod qemu_pi4;
mod services;
mod settings;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub use error::SceneError;
pub use failberry_image::layout::{Layout, Role};
pub use parts::{Kind, cache, flash, layout, repository, rpi2};
pub use services::{Impostor, Services};
pub use settings::{BUNDLE, KEY_ID, NAME, Pull, SECRET, Settings, ZONE};

use crate::{
    board::{Board, Card, Socket},
    carrier::{Carrier, CarrierSettings},
    net::TestNetwork,
    stick::{MF190, Mode, Model, Options, Sim, Stick},
};

/// Scenario definition: what [`Scene::start`] sets up.
#[derive(Clone, Debug)]
pub struct ScenarioConfig {
    /// Prefix of the network namespaces' names; scenes at the same time need different ones.
    pub prefix: String,
    /// The board.
    pub kind: Kind,
    /// The owner's settings.
    pub settings: Settings,
    /// Text of `failberrypi.toml` in place of `settings`, for tests of the file itself.
    pub file: Option<String>,
    /// Carrier behaviour.
    pub carrier: CarrierSettings,
    /// The stick's SIM; `None` plugs no stick in.
    pub sim: Option<Sim>,
    /// Stick model.
    pub model: &'static Model,
    /// Whether the card of `virt`, which boots without U-Boot, has U-Boot's environment: slot
    /// requests need it.
    pub environment: bool,
    /// Whether the fault agent runs inside the box; `virt` only.
    pub fault_agent: bool,
}

impl ScenarioConfig {
    /// Creates the default scenario: a good SIM, everything configured.
    pub fn new(prefix: &str, kind: Kind) -> Self {
        Self {
            prefix: prefix.to_owned(),
            kind,
            settings: Settings::default(),
            file: None,
            carrier: CarrierSettings::default(),
            sim: Some(Sim::Ready),
            model: &MF190,
            environment: false,
            fault_agent: false,
        }
    }
}

/// Running scenario.
pub struct Scene {
    /// The stick, while it is plugged in.
    pub stick: Option<Stick>,
    /// Model of the next stick that is plugged in.
    pub model: &'static Model,
    decoy: Option<Stick>,
    /// The box.
    pub board: Board,
    /// The internet side's services.
    pub services: Services,
    /// The carrier.
    pub carrier: Carrier,
    /// The namespaces.
    pub network: TestNetwork,
    kind: Kind,
    text: String,
    untouched: bool,
    directory: PathBuf,
    began: Instant,
}

impl Scene {
    /// Starts the scenario in `directory`, which gets sockets, logs and the card; calls `said` for
    /// each step.
    ///
    /// # Errors
    /// The first part that could not be started.
    pub fn start(
        setting: &ScenarioConfig,
        directory: &Path,
        mut said: impl FnMut(&str),
    ) -> Result<Self, SceneError> {
        // Files of an earlier run would be mistaken for this one's.
        if directory.exists() {
            fs::remove_dir_all(directory).map_err(SceneError::io(directory.display()))?;
        }
        fs::create_dir_all(directory).map_err(SceneError::io(directory.display()))?;
        said("laying out the network");
        let network = TestNetwork::create(&setting.prefix)?;
        let services = Services::start(&network)?;
        let text = setting
            .file
            .clone()
            .unwrap_or_else(|| setting.settings.text(services.authority.pem()));
        said("preparing the card");
        let machine = parts::machine(setting.kind, directory, &text, setting.fault_agent)?;
        if setting.environment {
            parts::write_rpi2_environment(&directory.join("card.img"))?;
        }
        said("starting the carrier");
        let carrier = Carrier::start(&network, directory, setting.carrier.clone())?;
        said("switching the box on");
        let began = Instant::now();
        let board = Board::boot(machine, &network, directory)?;
        let mut scene = Self {
            stick: None,
            model: setting.model,
            decoy: None,
            board,
            services,
            carrier,
            network,
            kind: setting.kind,
            text,
            untouched: true,
            directory: directory.to_owned(),
            began,
        };
        if let Some(sim) = &setting.sim {
            said("plugging the stick in");
            scene.plug(sim.clone())?;
        }
        Ok(scene)
    }

    /// Plugs a stick in.
    ///
    /// # Errors
    /// The board's USB bus does not take it.
    pub fn plug(&mut self, sim: Sim) -> Result<(), SceneError> {
        self.stick = Some(self.put(Socket::Usual, Mode::Modem, sim)?);
        Ok(())
    }

    /// Plugs in a stick that shows its CD-ROM first.
    ///
    /// # Errors
    /// The board's USB bus does not take it.
    pub fn plug_cdrom(&mut self) -> Result<(), SceneError> {
        self.stick = Some(self.put(Socket::Usual, Mode::CdRom, Sim::Ready)?);
        Ok(())
    }

    fn put(&self, socket: Socket, mode: Mode, sim: Sim) -> Result<Stick, SceneError> {
        let transport = self.board.machine().transport();
        let options = Options {
            model: self.model,
            mode,
            sim,
            ..Options::new(self.board.usb(socket), self.carrier.line(), transport)
        };
        let stick = Stick::plug(options)?;
        self.board.watch_power(socket, stick.power_line());
        Ok(stick)
    }

    /// Plugs a decoy, a modem of another make, into the third port: it occupies tty numbers.
    ///
    /// # Errors
    /// The board's USB bus does not take it.
    pub fn plug_decoy(&mut self) -> Result<(), SceneError> {
        let mut decoy = self.put(Socket::Spare, Mode::Foreign, Sim::Ready)?;
        // The kernel looks at one device after another, at those of a hub by their sockets: this one
        // has its ttys before the next comes, wherever that is plugged in. QEMU's hub sometimes says
        // nothing of a plug that comes upon another's pull.
        if decoy.wait_configured(self.bound(5)).is_err() {
            decoy.unplug()?;
            decoy = self.put(Socket::Spare, Mode::Foreign, Sim::Ready)?;
            decoy.wait_configured(self.bound(10))?;
        }
        self.decoy = Some(decoy);
        Ok(())
    }

    /// Unplugs the stick, if there is one.
    ///
    /// # Errors
    /// The bus did not let go of it.
    pub fn unplug(&mut self) -> Result<(), SceneError> {
        self.stick
            .take()
            .map_or(Ok(()), Stick::unplug)
            .map_err(Into::into)
    }

    /// Power-cycles the box with a stick plugged in; the card is unchanged.
    ///
    /// # Errors
    /// It does not start again.
    pub fn power_cycle(&mut self, sim: Sim) -> Result<(), SceneError> {
        self.board.power_cycle(&self.network, &self.directory)?;
        // The old USB bus ended with the board; there is nothing to unplug from.
        self.stick = None;
        self.decoy = None;
        self.plug(sim)
    }

    /// As [`Self::power_cycle`] with a good SIM; `change` edits the card while the box is off.
    ///
    /// # Errors
    /// `change` fails, or the box does not start again.
    pub fn edit_card(
        &mut self,
        change: impl FnOnce(&mut Card, &Layout) -> Result<(), SceneError>,
    ) -> Result<(), SceneError> {
        self.board.power_off();
        self.untouched = false;
        change(self.board.card(), &parts::layout()?)?;
        self.power_cycle(Sim::Ready)
    }

    /// As [`Self::power_cycle`] with a good SIM and a freshly flashed card without faults.
    ///
    /// # Errors
    /// The card cannot be written, or the box does not start again.
    pub fn flash(&mut self) -> Result<(), SceneError> {
        let (kind, text) = (self.kind, self.text.clone());
        self.edit_card(|card, _| {
            *card = Card::sound(card.path().to_owned());
            parts::flash(kind, card.path(), &text)
        })?;
        self.untouched = true;
        Ok(())
    }

    /// Flashes another card image at `path` with this scenario's settings.
    ///
    /// # Errors
    /// The image's.
    pub fn flash_to(&self, path: &Path) -> Result<(), SceneError> {
        parts::flash(self.kind, path, &self.text)
    }

    /// Returns whether only the box has changed the card since it was flashed.
    pub const fn card_is_untouched(&self) -> bool {
        self.untouched
    }

    /// Returns a timeout: `seconds` on `virt`, longer on a slower board.
    pub fn bound(&self, seconds: u64) -> Duration {
        Duration::from_secs(seconds) * self.kind.time_factor()
    }

    /// Returns the seconds since the box was switched on.
    pub fn elapsed(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Returns the directory of sockets and logs.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}
