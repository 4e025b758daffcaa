//! Our U-Boot itself, on QEMU's Pis: it reads what the box writes into its environment, and the box
//! reads what U-Boot saves. No slot holds an image, so that nothing but this happens.

// A test that meets the unexpected should stop there and say so.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use failberry_environment::{Environment, Slots, Stored};
use failberry_image::{
    board::{Board, Processor},
    card, data, environment, fat,
    layout::{Layout, Role},
    uimage,
};
use failberry_state::Slot;

/// U-Boot comes to its end in a second; on a busy machine it takes its time.
const BOUND: Duration = Duration::from_secs(240);

/// What it says when no slot holds an image, as is the case here.
const END: &str = "No slot starts.";

fn cache() -> PathBuf {
    env::var_os("FAILBERRY_CACHE").map_or_else(
        || Path::new(&env::var_os("HOME").unwrap()).join(".cache/failberrypi"),
        PathBuf::from,
    )
}

/// What QEMU has for a board: emulator, machine, and how many serial ports come before the one
/// with the console. It starts its 3B in 64 bit only: in 32 bit the 2B stands in for it.
const EMULATIONS: [(&str, &str, &str, usize); 4] = [
    ("rpi2", "qemu-system-arm", "raspi2b", 0),
    ("rpi3", "qemu-system-arm", "raspi2b", 1),
    ("rpi3_64", "qemu-system-aarch64", "raspi3b", 1),
    ("rpi4_64", "qemu-system-aarch64", "raspi4b", 1),
];

struct Bench {
    board: Board,
    directory: tempfile::TempDir,
}

impl Bench {
    fn new(name: &str) -> Self {
        Self::with(name, |_| ())
    }

    /// With U-Boot's variables changed.
    fn with(name: &str, change: impl FnOnce(&mut Vec<String>)) -> Self {
        let boards = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let board = Board::read(&boards, name).unwrap();
        let layout = Layout::read(&boards.join("layout.toml")).unwrap();
        let mut variables = environment::of_board(&boards, name).unwrap();
        change(&mut variables);
        let directory = tempfile::tempdir().unwrap();
        let boot = layout.partition(Role::Boot).unwrap().size();
        let kept = layout.partition(Role::Data).unwrap().size();
        let contents = card::Contents {
            boot: &fat::volume(boot, layout.erase_block(), &[], &[]).unwrap(),
            slot_a: None,
            data: &data::volume(kept, 0).unwrap(),
            environment: Some(&variables),
        };
        let parts = cache().join("parts").join(&board.kernel);
        let tree = parts.join(format!("{}.dtb", board.device_trees.first().unwrap()));
        let bench = Self { board, directory };
        fs::copy(tree, bench.path("device-tree")).unwrap();
        if name == "rpi4_64" {
            bench.put_the_card_where_qemu_has_it();
        }
        card::write(&bench.path("card"), &layout, &contents).unwrap();
        // QEMU takes SD cards of a power of two only.
        bench.card().set_len(128 << 20).unwrap();
        let u_boot = fs::read(cache().join("u-boot").join(name).join("u-boot.bin")).unwrap();
        let u_boot = match bench.board.processor {
            Processor::Armv7 => uimage::wrap(&u_boot),
            Processor::Aarch64 => u_boot,
        };
        fs::write(bench.path("u-boot"), u_boot).unwrap();
        bench
    }

    /// QEMU's 4B has the card at the controller that leads to the radio on the real one.
    fn put_the_card_where_qemu_has_it(&self) {
        let radio = "/soc/mmc@7e300000";
        for words in [
            [radio, "status", "okay"],
            ["/aliases", "mmc0", radio],
            ["/emmc2bus/mmc@7e340000", "status", "disabled"],
        ] {
            let mut fdtput = Command::new("fdtput");
            fdtput.args(["-t", "s"]).arg(self.path("device-tree"));
            assert!(fdtput.args(words).status().unwrap().success());
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn card(&self) -> fs::File {
        let path = self.path("card");
        fs::File::options()
            .read(true)
            .write(true)
            .open(path)
            .unwrap()
    }

    fn stored(&self) -> Environment {
        Stored::read(&self.card()).unwrap().environment
    }

    fn slots(&self) -> Slots {
        Slots::of(&self.stored()).unwrap()
    }

    /// Writes as the box does.
    fn change(&self, change: impl FnOnce(&mut Slots)) {
        let mut card = self.card();
        let mut stored = Stored::read(&card).unwrap();
        let mut slots = Slots::of(&stored.environment).unwrap();
        change(&mut slots);
        slots.put(&mut stored.environment);
        stored.save(&mut card).unwrap();
    }

    /// What U-Boot says until it knows that no slot starts.
    fn start(&self) -> String {
        let drive = format!("file={},if=sd,format=raw", self.path("card").display());
        let known = EMULATIONS.iter().find(|it| it.0 == self.board.name);
        let (_, emulator, machine, silent) = *known.unwrap();
        let mut qemu = Command::new(emulator)
            .args(["-machine", machine, "-display", "none", "-nodefaults"])
            .args(["-serial", "null"].repeat(silent))
            .args(["-serial", "stdio", "-drive", &drive, "-kernel"])
            .arg(self.path("u-boot"))
            .arg("-dtb")
            .arg(self.path("device-tree"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(qemu.stdout.take().unwrap());
        let (lines, said) = mpsc::channel();
        thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                let _ = lines.send(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let until = Instant::now() + BOUND;
        let mut text = String::new();
        while !text.contains(END) {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = said.recv_timeout(left) else {
                break;
            };
            text.push_str(&line);
            text.push('\n');
        }
        qemu.kill().unwrap();
        qemu.wait().unwrap();
        assert!(text.contains(END), "{text}");
        text
    }
}

#[test]
#[ignore = "needs board/setup"]
fn u_boot_reads_what_we_write_and_we_read_what_it_saves() {
    let bench = Bench::new("rpi2");
    let as_built = bench.stored();
    bench.change(|slots| slots.begin_trial(Slot::B, 2));
    for left in [1, 0] {
        let said = bench.start();
        let trial = format!("Slot b is on trial, {left} tries left after this one.");
        assert!(said.contains(&trial), "{said}");
        // The slot on trial first, then the old order.
        let tried: Vec<_> = said
            .lines()
            .map(str::trim)
            .filter(|it| it.ends_with(':') && it.starts_with("Slot "))
            .collect();
        assert_eq!(tried, ["Slot b:", "Slot a:", "Slot b:"], "{said}");
        let slots = bench.slots();
        assert_eq!((slots.trial, slots.tries), (Some(Slot::B), left));
        assert_eq!(slots.order, [Slot::A, Slot::B]);
    }
    let said = bench.start();
    assert!(
        said.contains("Slot b is given up: no tries left."),
        "{said}"
    );
    assert_eq!(bench.slots().trial, None);
    // All that it knew at the beginning it has kept, in its own order.
    let saved = bench.stored();
    for name in [
        "bootcmd",
        "choose",
        "keep",
        "start_slot",
        "board_args",
        "slot_addr",
    ] {
        assert_eq!(saved.get(name), as_built.get(name), "{name}");
    }
    assert_eq!(saved.get("ethaddr"), None);
    // And now a confirmed slot B.
    bench.change(|slots| slots.prefer(Slot::B));
    let said = bench.start();
    assert!(
        !said.contains("on trial") && !said.contains("bad CRC"),
        "{said}"
    );
    let [a, b] = ["Slot a:", "Slot b:"].map(|slot| said.find(slot).unwrap());
    assert!(b < a, "{said}");
    assert_eq!(bench.slots().order, [Slot::B, Slot::A]);
}

#[test]
#[ignore = "needs board/setup"]
fn the_kernel_is_told_whether_its_slot_is_on_trial() {
    let bench = Bench::with("rpi2", |variables| {
        variables.retain(|variable| !variable.starts_with("bootcmd="));
        // All but the start itself.
        let told = "run choose; for slot in ${order}; do run tell; printenv bootargs; done";
        variables.push(format!("bootcmd={told}; echo \"{END}\""));
    });
    bench.change(|slots| slots.begin_trial(Slot::B, 1));
    let told = || {
        let said = bench.start();
        let mut starts = Vec::new();
        for line in said
            .lines()
            .filter_map(|line| line.strip_prefix("bootargs="))
        {
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            let slot = words
                .iter()
                .find_map(|word| word.strip_prefix("failberry.slot="));
            assert!(words.contains(&"failberry.board=rpi2"), "{said}");
            assert!(words.contains(&"console=ttyAMA0,115200"), "{said}");
            let on_trial = words.contains(&"failberry.on_trial");
            starts.push((slot.unwrap().to_owned(), on_trial));
        }
        starts
    };
    let start = |slot: &str, on_trial| (slot.to_owned(), on_trial);
    // Should slot A be the one that starts in its place, it is the good one.
    let on_trial = [start("b", true), start("a", false), start("b", true)];
    assert_eq!(told(), on_trial);
    assert_eq!(told(), [start("a", false), start("b", false)]);
    // Nothing of it is kept.
    for name in ["on_trial", "bootargs"] {
        assert_eq!(bench.stored().get(name), None, "{name}");
    }
}

/// QEMU's watchdog bites as soon as it is set, however long the time: what can be seen is that
/// each trial sets it, and nothing else does.
#[test]
#[ignore = "needs board/setup"]
fn a_trial_is_started_under_the_watchdog() {
    let bench = Bench::new("rpi2");
    // U-Boot takes any device tree for a slot, up to the start itself.
    let tree = fs::read(bench.path("device-tree")).unwrap();
    let layout = Layout::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../layout.toml"));
    let place = layout.unwrap().partition(Role::SlotB).unwrap().bytes();
    bench.card().write_all_at(&tree, place.start).unwrap();
    bench.change(|slots| slots.begin_trial(Slot::B, 2));
    let said = bench.start();
    let starts = said.matches("U-Boot 20").count();
    assert_eq!(starts, 3, "{said}");
    for told in ["1 tries left", "0 tries left", "Slot b is given up"] {
        assert_eq!(said.matches(told).count(), 1, "{told}: {said}");
    }
    // In the last of them slot B is tried without, and does not start.
    assert!(said.contains("Slot b does not start."), "{said}");
}

#[test]
#[ignore = "needs board/setup"]
fn u_boot_of_the_other_boards_reads_and_writes_their_card() {
    for board in ["rpi3", "rpi3_64", "rpi4_64"] {
        let bench = Bench::new(board);
        bench.change(|slots| slots.begin_trial(Slot::B, 2));
        let said = bench.start();
        let trial = "Slot b is on trial, 1 tries left after this one.";
        assert!(said.contains(trial), "{board}: {said}");
        let slots = bench.slots();
        assert_eq!((slots.trial, slots.tries), (Some(Slot::B), 1), "{board}");
        let args = bench.stored().get("board_args").map(str::to_owned);
        let args = args.unwrap_or_default();
        assert!(
            args.starts_with(&format!("failberry.board={board} ")),
            "{args}"
        );
    }
}
