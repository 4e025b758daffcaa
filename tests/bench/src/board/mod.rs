//! Emulated boards: Raspberry Pis that boot the card image as the real ones do, and QEMU's `virt`
//! machine, which runs the 2B's kernel and userland ten times faster.
//!
//! Takes in images and the network namespace; gives out a running machine with its console and the
//! socket on which its USB bus accepts a stick. The machine ends when dropped.

mod card;
mod console;
mod error;
mod fault_agent;
mod qemu;
mod qmp;
mod usb_power;

use std::path::{Path, PathBuf};

pub use card::{Card, SECTOR};
pub use console::{Console, Mark};
pub use error::BoardError;
pub use fault_agent::{FaultAgent, Process, Sample};

use qmp::Qmp;
use serde_json::json;

use crate::{net::TestNetwork, stick::Transport};

/// Definition of the emulated machine.
#[derive(Clone, Debug)]
pub enum Machine {
    /// A Raspberry Pi: U-Boot from the card's FAT partition, then slot A.
    Pi {
        /// Which, and in how many bits.
        model: Model,
        /// U-Boot as QEMU loads it: `u-boot.uimage` in 32 bit, `u-boot.bin` in 64.
        u_boot: PathBuf,
        /// The device tree that the Pi's firmware would hand to U-Boot.
        device_tree: PathBuf,
        /// The card; written to.
        card: Card,
    },
    /// QEMU's `virt` board with a Cortex-A15.
    Virt {
        /// The kernel.
        kernel: PathBuf,
        /// The userland.
        userland: PathBuf,
        /// The part of the kernel's command line that is the same on all boards.
        kernel_args: String,
        /// The card, as a virtio disk; written to.
        card: Card,
        /// Whether the userland contains the fault agent.
        fault_agent: bool,
    },
}

/// Emulated Raspberry Pi model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The 2B.
    Rpi2,
    /// The 3B or 3B+ in 32 bit. QEMU starts its own 3B in 64 bit only, so the 2B stands in with the
    /// device tree of the 3: the same chip around other processors.
    Rpi3,
    /// The 3B or 3B+ in 64 bit.
    Rpi3_64,
    /// The 4B.
    Rpi4_64,
}

impl Model {
    /// The emulator for its processor, and the machine's name there.
    const fn emulator(self) -> (&'static str, &'static str) {
        match self {
            Self::Rpi2 | Self::Rpi3 => ("qemu-system-arm", "raspi2b"),
            Self::Rpi3_64 => ("qemu-system-aarch64", "raspi3b"),
            Self::Rpi4_64 => ("qemu-system-aarch64", "raspi4b"),
        }
    }

    /// Returns the number of serial ports before the one with the console.
    const fn silent_serial_ports(self) -> usize {
        match self {
            // The first leads to the radio, the mini UART to the pins.
            Self::Rpi3 | Self::Rpi3_64 => 1,
            // QEMU's 4B has a mini UART whose interrupt never goes away.
            Self::Rpi2 | Self::Rpi4_64 => 0,
        }
    }
}

impl Machine {
    /// Returns how a stick must transfer data on the machine's USB host controller.
    pub const fn transport(&self) -> Transport {
        match self {
            Self::Pi { .. } => Transport::Interrupt,
            Self::Virt { .. } => Transport::Bulk,
        }
    }

    /// The card in its slot.
    pub const fn card(&mut self) -> &mut Card {
        match self {
            Self::Pi { card, .. } | Self::Virt { card, .. } => card,
        }
    }

    /// The emulator for its processor.
    const fn emulator(&self) -> &'static str {
        match self {
            Self::Pi { model, .. } => model.emulator().0,
            Self::Virt { .. } => "qemu-system-arm",
        }
    }

    /// Returns the number of serial ports before the one with the console.
    const fn silent_serial_ports(&self) -> usize {
        match self {
            Self::Pi { model, .. } => model.silent_serial_ports(),
            Self::Virt { .. } => 0,
        }
    }

    fn arguments(&self, network: &TestNetwork, sockets: &Sockets) -> Vec<String> {
        let text = |path: &Path| path.display().to_string();
        let mut all: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_owned()));
        let tap = format!(
            "tap,id=lan,ifname={},script=no,downscript=no",
            network.pi_tap()
        );
        let socket = |id, path| format!("socket,id={id},path={},server=on,wait=off", text(path));
        let [stick, spare] = [
            socket("stick", &sockets.usb),
            socket("spare", &sockets.spare),
        ];
        match self {
            Self::Pi {
                model,
                u_boot,
                device_tree,
                card,
            } => {
                add(&["-machine", model.emulator().1]);
                add(&["-kernel", &text(u_boot), "-dtb", &text(device_tree)]);
                add(&["-drive", &card.drive("sd")]);
                add(&["-netdev", &tap, "-chardev", &stick]);
                // As on the boards: Ethernet is the hub's first port, the sockets are the others.
                add(&["-device", "usb-hub,id=hub,port=1,ports=4,port-power=on"]);
                add(&[
                    "-device",
                    "usb-net,netdev=lan,port=1.1,mac=b8:27:eb:fb:00:02",
                ]);
                add(&[
                    "-chardev",
                    &spare,
                    "-device",
                    "usb-redir,chardev=stick,port=1.2",
                ]);
                add(&["-device", "usb-redir,chardev=spare,port=1.3"]);
            }
            Self::Virt {
                kernel,
                userland,
                kernel_args,
                card,
                fault_agent,
            } => {
                add(&["-machine", "virt,highmem=off", "-cpu", "cortex-a15"]);
                // The real board has no RTC; `virt` has one, which must not provide the time.
                add(&["-rtc", "base=1970-01-02"]);
                add(&[
                    "-m",
                    "512",
                    "-kernel",
                    &text(kernel),
                    "-initrd",
                    &text(userland),
                ]);
                let start = if *fault_agent { FAULT_AGENT_ARGS } else { "" };
                add(&["-append", &format!("{VIRT_ARGS} {kernel_args}{start}")]);
                add(&["-drive", &card.drive("none")]);
                add(&["-device", "virtio-blk-pci,drive=card"]);
                add(&["-netdev", &tap, "-chardev", &stick]);
                add(&["-device", "virtio-net-pci,netdev=lan,mac=b8:27:eb:fb:00:02"]);
                add(&["-device", "qemu-xhci,id=usb"]);
                add(&[
                    "-device",
                    "usb-hub,id=hub,bus=usb.0,port=1,ports=4,port-power=on",
                ]);
                add(&[
                    "-chardev",
                    &spare,
                    "-device",
                    "usb-redir,chardev=stick,bus=usb.0,port=1.2",
                ]);
                add(&["-device", "usb-redir,chardev=spare,bus=usb.0,port=1.3"]);
                if *fault_agent {
                    add(&["-chardev", &socket("hand", &sockets.fault_agent)]);
                    add(&["-device", "virtio-serial-pci"]);
                    add(&["-device", "virtserialport,chardev=hand"]);
                }
            }
        }
        all
    }
}

/// Kernel arguments in place of U-Boot's `board_args` on `virt`; the others are those of the real
/// board.
const VIRT_ARGS: &str =
    "failberry.board=virt failberry.card=vda failberry.slot=a console=ttyAMA0,115200";

/// Kernel argument that starts the fault agent, which then executes the shipped `/init` as PID 1.
const FAULT_AGENT_ARGS: &str = " rdinit=/saboteur";

/// Sockets on which QEMU listens.
struct Sockets {
    usb: PathBuf,
    spare: PathBuf,
    fault_agent: PathBuf,
}

/// Running emulated board; it is killed when dropped.
pub struct Board {
    /// Its serial console.
    pub console: Console,
    sockets: Sockets,
    machine: Machine,
    qmp: Qmp,
    fault_agent: Option<FaultAgent>,
    power: usb_power::PortPower,
    qemu: qemu::Qemu,
}

/// USB port that a stick can be plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// Second port, the default.
    Usual,
    /// Third port.
    Spare,
}

impl Socket {
    /// Returns its hub port number.
    const fn port(self) -> u8 {
        match self {
            Self::Usual => 2,
            Self::Spare => 3,
        }
    }
}

impl Board {
    /// Boots `machine` as the Pi of `network`; sockets and logs go to `directory`.
    ///
    /// # Errors
    /// QEMU cannot be started.
    pub fn boot(
        machine: Machine,
        network: &TestNetwork,
        directory: &Path,
    ) -> Result<Self, BoardError> {
        let [console, monitor] = ["console.sock", "monitor.sock"].map(|name| directory.join(name));
        let sockets = Sockets {
            usb: directory.join("usb.sock"),
            spare: directory.join("spare.sock"),
            fault_agent: directory.join("hand.sock"),
        };
        let mut arguments = machine.arguments(network, &sockets);
        let orders = format!("unix:{},server=on,wait=off", monitor.display());
        arguments.extend(["-qmp".to_owned(), orders]);
        let log = directory.join("qemu.log");
        let power = usb_power::PortPower::default();
        let router = network.router();
        let mut qemu = qemu::start(&machine, router, &arguments, &console, &log, power.clone())?;
        let stream = qemu.connect(&console)?;
        let console = Console::listen(stream, &directory.join("console.log"))?;
        let qmp = Qmp::open(qemu.connect(&monitor)?).map_err(BoardError::io("monitor"))?;
        let fault_agent = match machine {
            Machine::Virt {
                fault_agent: true, ..
            } => {
                let stream = qemu.connect(&sockets.fault_agent)?;
                Some(FaultAgent::new(stream).map_err(BoardError::io("hand"))?)
            }
            _ => None,
        };
        Ok(Self {
            console,
            sockets,
            machine,
            qmp,
            fault_agent,
            power,
            qemu,
        })
    }

    /// Cuts the power at once.
    pub fn power_off(&mut self) {
        self.qemu.kill();
    }

    /// Returns the card; only change it while the board is off.
    pub const fn card(&mut self) -> &mut Card {
        self.machine.card()
    }

    /// Cuts the power at once and boots the board again.
    ///
    /// # Errors
    /// QEMU cannot be started again.
    pub fn power_cycle(
        &mut self,
        network: &TestNetwork,
        directory: &Path,
    ) -> Result<(), BoardError> {
        self.power_off();
        *self = Self::boot(self.machine.clone(), network, directory)?;
        Ok(())
    }

    /// Disconnects or connects the network cable.
    ///
    /// # Errors
    /// QEMU's.
    pub fn set_cable(&mut self, plugged: bool) -> Result<(), BoardError> {
        self.execute("set_link", &json!({ "name": "lan", "up": plugged }))
    }

    /// Makes every later read and write of the card fail.
    ///
    /// # Errors
    /// QEMU's.
    pub fn fail_card(&mut self) -> Result<(), BoardError> {
        let line = json!({ "command-line": "drive_del card" });
        self.execute("human-monitor-command", &line)
    }

    /// Resets the processor, as a watchdog does.
    ///
    /// # Errors
    /// QEMU's.
    pub fn reset(&mut self) -> Result<(), BoardError> {
        self.execute("system_reset", &json!({}))
    }

    fn execute(&mut self, name: &str, arguments: &serde_json::Value) -> Result<(), BoardError> {
        let done = self.qmp.execute(name, arguments);
        done.map(drop).map_err(BoardError::io("monitor"))
    }

    /// Returns the path of the usb-redir socket of a USB port.
    pub fn usb(&self, socket: Socket) -> &Path {
        match socket {
            Socket::Usual => &self.sockets.usb,
            Socket::Spare => &self.sockets.spare,
        }
    }

    /// Calls `line` whenever the box switches the port's power off (false) or on (true), until it
    /// returns false.
    pub fn watch_power(&self, socket: Socket, line: impl Fn(bool) -> bool + Send + 'static) {
        self.power.observe(socket.port(), line);
    }

    /// Returns the client of the fault agent.
    ///
    /// # Errors
    /// The board was booted without a fault agent.
    pub fn fault_agent(&self) -> Result<&FaultAgent, BoardError> {
        self.fault_agent.as_ref().ok_or(BoardError::NoFaultAgent)
    }

    /// Returns the machine definition.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }
}
