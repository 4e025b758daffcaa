//! The assembler as a program: see `failberry-image --help`.

mod args;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use args::{Args, Failure};
use failberry_image::{
    Error,
    board::{Board, Processor},
    boot, card, data, environment, fat,
    layout::{Layout, Role},
    modules::{List, Modules},
    release, slot, uimage, userland,
};

const HELP: &str = "\
Assembles FailberryPi's userland, slot and card image from finished parts.

failberry-image userland     --board B --binary F --parts D [--out D]
    userland.cpio.zst: the root file system that runs from memory
failberry-image card         --board B --binary F --parts D --u-boot D [--out D]
    the same, and card.img; for boards with U-Boot also slot.fit and u-boot.uimage or, in 64
    bit, u-boot.bin (U-Boot as QEMU loads it)
failberry-image release      --board B --image F [--version V] [--out D]
    failberrypi-B-V.img.xz with .img.xz.sha256 and .img.bmap
failberry-image set-config   --image F --config F
    puts another failberrypi.toml onto a card image

    --board B      rpi2, rpi3, rpi3_64, rpi4_64 or virt: a directory below board/
    --binary F     the failberry binary for the board
    --parts D      directory with zImage or Image, the board's device trees, modules/ and boot/
    --u-boot D     directory with u-boot.bin and mkimage (not used for virt)
    --repo D       the repository (default: where this is called)
    --out D        where the results go (default: out/B below the repository; for release: out)
    --version V    default: this program's version
    --epoch N      seconds since 1970 for every time stamp inside (default: 1735689600)
";

/// 1 January 2025, like U-Boot's build: the same parts give the same image whenever it is made.
const EPOCH: u32 = 1_735_689_600;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(reason)) => {
            eprintln!("failberry-image: {reason}\n\n{HELP}");
            ExitCode::from(2)
        }
        Err(Failure::Work(error)) => {
            eprintln!("failberry-image: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let (verb, args) = Args::parse(std::env::args().skip(1))?;
    match verb.as_str() {
        "userland" => Build::new(args)?.userland().map(|_| ()),
        "card" => Build::new(args)?.card(),
        "release" => release(args),
        "set-config" => set_config(args),
        "--help" | "-h" | "help" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(Failure::Usage(format!("unknown command {other:?}"))),
    }
}

fn layout(repo: &Path) -> Result<Layout, Error> {
    Layout::read(&repo.join("board/layout.toml"))
}

fn release(mut args: Args) -> Result<(), Failure> {
    let board = args.text("board")?;
    let image = args.path("image")?;
    let repo = args.path_or("repo", ".");
    let version = args.text_or("version", env!("CARGO_PKG_VERSION"));
    let out = args.path_or("out", repo.join("out"));
    args.done()?;
    let board = Board::read(&repo.join("board"), &board)?.name;
    fs::create_dir_all(&out).map_err(Error::file(&out))?;
    let name = format!("failberrypi-{board}-{version}");
    for path in release::write(&image, &layout(&repo)?, &out, &name)? {
        tell(&path)?;
    }
    Ok(())
}

fn set_config(mut args: Args) -> Result<(), Failure> {
    let image = args.path("image")?;
    let config = args.path("config")?;
    let repo = args.path_or("repo", ".");
    args.done()?;
    let text = fs::read_to_string(&config).map_err(Error::file(&config))?;
    Ok(card::set_config(&image, &layout(&repo)?, &text)?)
}

/// The flags of `userland` and `card`.
struct Build {
    board: Board,
    binary: PathBuf,
    parts: PathBuf,
    u_boot: PathBuf,
    board_dir: PathBuf,
    overlay: PathBuf,
    out: PathBuf,
    epoch: u32,
}

impl Build {
    fn new(mut args: Args) -> Result<Self, Failure> {
        let name = args.text("board")?;
        let repo = args.path_or("repo", ".");
        let out = args.path_or("out", repo.join("out").join(&name));
        let epoch = args.text_or("epoch", &EPOCH.to_string());
        let build = Self {
            binary: args.path("binary")?,
            parts: args.path("parts")?,
            u_boot: args.path_or("u-boot", ""),
            board_dir: repo.join("board"),
            overlay: repo.join("overlay"),
            epoch: epoch.parse().map_err(|_| {
                Failure::Usage(format!(
                    "--epoch: expected seconds since 1970, got {epoch:?}"
                ))
            })?,
            board: Board::read(&repo.join("board"), &name)?,
            out,
        };
        args.done()?;
        fs::create_dir_all(&build.out).map_err(Error::file(&build.out))?;
        Ok(build)
    }

    fn data(&self) -> Result<Vec<u8>, Failure> {
        let layout = Layout::read(&self.board_dir.join("layout.toml"))?;
        let size = layout.partition(Role::Data)?.size();
        Ok(data::volume(size, self.epoch)?)
    }

    fn userland(&self) -> Result<Vec<u8>, Failure> {
        let modules = Modules::read(&self.parts.join("modules"))?;
        let lists = [&self.board.name, "common"].map(|it| self.board_dir.join(it).join("modules"));
        let lists = [List::read(&lists[0])?, List::read(&lists[1])?];
        let tree = userland::tree(&userland::Parts {
            board: &self.board.name,
            binary: &self.binary,
            modules: &modules,
            lists: &lists,
            overlay: &self.overlay,
            data: &data::blocks(&self.data()?),
        })?;
        println!("{:>10} bytes  root file system, unpacked", tree.size());
        let archive = userland::archive(&tree, self.epoch)?;
        self.put("userland.cpio.zst", &archive)?;
        Ok(archive)
    }

    fn card(&self) -> Result<(), Failure> {
        let layout = Layout::read(&self.board_dir.join("layout.toml"))?;
        let userland = self.userland()?;
        let (mut slot_a, mut variables) = (None, None);
        if self.board.u_boot.is_some() {
            slot_a = Some(self.slot(&userland)?);
            variables = Some(environment::of_board(&self.board_dir, &self.board.name)?);
            self.u_boot_for_qemu()?;
        }
        let files = boot::files(
            &self.board,
            &boot::Sources {
                board_dir: &self.board_dir,
                parts: &self.parts,
                u_boot: &self.u_boot,
            },
        )?;
        let path = self.out.join("card.img");
        let contents = card::Contents {
            boot: &fat::volume(
                layout.partition(Role::Boot)?.size(),
                layout.erase_block(),
                &files.boot,
                &files.edited,
            )?,
            slot_a: slot_a.as_deref(),
            data: &self.data()?,
            environment: variables.as_deref(),
        };
        card::write(&path, &layout, &contents)?;
        tell(&path)
    }

    fn slot(&self, userland: &[u8]) -> Result<Vec<u8>, Failure> {
        let read = |name: &str| {
            let path = self.parts.join(name);
            fs::read(&path).map_err(Error::file(path))
        };
        let kernel = read(self.board.processor.kernel_file())?;
        let mut device_trees = Vec::new();
        for name in &self.board.device_trees {
            device_trees.push((name.clone(), read(&format!("{name}.dtb"))?));
        }
        let parts = slot::Parts {
            processor: self.board.processor,
            kernel: &kernel,
            device_trees: &device_trees,
            userland,
        };
        let slot = slot::build(&parts, &self.u_boot.join("mkimage"), self.epoch)?;
        self.put("slot.fit", &slot)?;
        Ok(slot)
    }

    /// In 64 bit QEMU loads U-Boot as it is.
    fn u_boot_for_qemu(&self) -> Result<(), Failure> {
        let path = self.u_boot.join("u-boot.bin");
        let u_boot = fs::read(&path).map_err(Error::file(path))?;
        match self.board.processor {
            Processor::Armv7 => self.put("u-boot.uimage", &uimage::wrap(&u_boot)),
            Processor::Aarch64 => self.put("u-boot.bin", &u_boot),
        }
    }

    fn put(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let path = self.out.join(name);
        fs::write(&path, content).map_err(Error::file(&path))?;
        tell(&path)
    }
}

/// One line for a finished file.
fn tell(path: &Path) -> Result<(), Failure> {
    let size = fs::metadata(path).map_err(Error::file(path))?.len();
    println!("{size:>10} bytes  {}", path.display());
    Ok(())
}
