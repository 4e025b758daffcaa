//! Loader of the kernel modules that the lists of the image name.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    kmod::{ModuleInitFlags, finit_module},
};

/// Directory of the lists, one per board, with absolute paths in load order.
const LISTS: &str = "/lib/modules/load";

/// Loads the modules of all lists. A failure affects only the modules that depend on it.
pub(crate) fn load_all() {
    let (mut loaded, mut failed) = (0, 0);
    for path in lists(Path::new(LISTS)).iter().flat_map(|list| paths(list)) {
        match load(&path) {
            Ok(()) => loaded += 1,
            Err(error) => {
                failed += 1;
                log::warn!("cannot load {}: {error}", path.display());
            }
        }
    }
    if loaded + failed > 0 {
        log::info!("{loaded} kernel modules loaded, {failed} failed");
    }
}

fn load(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    match finit_module(&file, c"", ModuleInitFlags::empty()) {
        // The module is loaded already (two lists may name it) or built in.
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the paths of the lists, sorted.
fn lists(directory: &Path) -> Vec<PathBuf> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        // A kernel without modules has no lists.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            log::warn!("cannot read {}: {error}", directory.display());
            return Vec::new();
        }
    };
    let mut lists: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "list")
        })
        .collect();
    lists.sort();
    lists
}

/// Returns the module paths in a list.
fn paths(list: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(list).unwrap_or_else(|error| {
        log::warn!("cannot read {}: {error}", list.display());
        String::new()
    });
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(PathBuf::from)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lists_are_read_in_order() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("b.list"), "/x/c.ko\n").unwrap();
        fs::write(
            directory.path().join("a.list"),
            "# USB\n/x/a.ko\n\n  /x/b.ko",
        )
        .unwrap();
        fs::write(directory.path().join("README"), "/x/no.ko").unwrap();
        let found: Vec<_> = lists(directory.path())
            .iter()
            .flat_map(|list| paths(list))
            .collect();
        assert_eq!(found, ["/x/a.ko", "/x/b.ko", "/x/c.ko"].map(PathBuf::from));
        assert_eq!(lists(&directory.path().join("none")), Vec::<PathBuf>::new());
    }
}
