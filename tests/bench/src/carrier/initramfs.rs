//! Guest's initramfs: the files prepared by board/setup/carrier.sh, and our own init.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use failberry_image::cpio::{Node, Tree};

use super::{CarrierError, guest};

/// File name of the guest's init.
const INIT: &str = "carrier_guest";

/// Environment variable with the path of init, if it is not beside the running program.
const INIT_VARIABLE: &str = "FAILBERRY_CARRIER_GUEST";

/// Returns the directory prepared by the set-up script.
pub(super) fn parts() -> Result<PathBuf, CarrierError> {
    let cache = std::env::var_os("FAILBERRY_CACHE").map_or_else(
        || {
            std::env::home_dir()
                .unwrap_or_default()
                .join(".cache/failberrypi")
        },
        PathBuf::from,
    );
    present(cache.join("carrier"), "board/setup/carrier.sh")
}

/// Returns the archive for the kernel. `dir` takes temporary files.
pub(super) fn build(parts: &Path, dir: &Path) -> Result<Vec<u8>, CarrierError> {
    let mut tree = Tree::default();
    for (path, permissions) in [
        ("dev", 0o755),
        ("proc", 0o555),
        ("sys", 0o555),
        ("run", 0o755),
    ] {
        tree.put(path, Node::Directory(permissions));
    }
    // Files that pppd reads and writes outside of /etc/ppp.
    tree.put("etc/ppp/options", Node::File(0o644, Vec::new()));
    tree.put(
        "etc/passwd",
        Node::File(0o644, b"root:x:0:0:root:/:/none\n".to_vec()),
    );
    tree.put("var/run", Node::Link("/run".into()));
    add_directory(&mut tree, "", &parts.join("root"))?;
    add_directory(&mut tree, guest::MODULES, &parts.join("modules"))?;
    add(&mut tree, guest::MODULE_ORDER, &parts.join("modules.order"))?;
    let init = init()?;
    for library in libraries(&init)? {
        let path = library.to_string_lossy().into_owned();
        add(&mut tree, &path, &library)?;
    }
    add(&mut tree, "init", &stripped(&init, dir)?)?;
    Ok(tree.to_archive(0))
}

fn present(path: PathBuf, remedy: &'static str) -> Result<PathBuf, CarrierError> {
    if path.exists() {
        Ok(path)
    } else {
        Err(CarrierError::Missing { path, remedy })
    }
}

/// Returns the init program: cargo puts it beside the bench's programs, one directory above test
/// programs.
fn init() -> Result<PathBuf, CarrierError> {
    const REMEDY: &str = "cargo build -p failberry-bench --bins";
    if let Some(path) = std::env::var_os(INIT_VARIABLE) {
        return present(path.into(), REMEDY);
    }
    let program = std::env::current_exe().map_err(CarrierError::file("/proc/self/exe"))?;
    let found = program
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join(INIT))
        .find(|it| it.exists());
    found.map_or_else(|| present(program.with_file_name(INIT), REMEDY), Ok)
}

/// Strips the program: debug information is ten times its size, and the emulated machine reads
/// every byte.
fn stripped(program: &Path, dir: &Path) -> Result<PathBuf, CarrierError> {
    let target = dir.join("carrier-init");
    output(
        "strip",
        Command::new("strip").arg("-o").arg(&target).arg(program),
    )?;
    Ok(target)
}

/// Returns the shared libraries and the loader, under the paths at which the loader looks for them.
fn libraries(program: &Path) -> Result<BTreeSet<PathBuf>, CarrierError> {
    let listing = output("ldd", Command::new("ldd").arg(program))?;
    let paths = listing
        .split_whitespace()
        .filter(|word| word.starts_with('/'));
    Ok(paths.map(PathBuf::from).collect())
}

fn output(tool: &'static str, command: &mut Command) -> Result<String, CarrierError> {
    let fail = |message| CarrierError::Tool { tool, message };
    let output = command.output().map_err(|error| fail(error.to_string()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(fail(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ))
    }
}

fn add(tree: &mut Tree, path: &str, source: &Path) -> Result<(), CarrierError> {
    let content = fs::read(source).map_err(CarrierError::file(source))?;
    tree.put(path, Node::File(0o755, content));
    Ok(())
}

fn add_directory(tree: &mut Tree, path: &str, source: &Path) -> Result<(), CarrierError> {
    for entry in fs::read_dir(source).map_err(CarrierError::file(source))? {
        let entry = entry.map_err(CarrierError::file(source))?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let inside = format!("{path}/{name}");
        if entry.is_dir() {
            add_directory(tree, &inside, &entry)?;
        } else {
            add(tree, &inside, &entry)?;
        }
    }
    Ok(())
}
