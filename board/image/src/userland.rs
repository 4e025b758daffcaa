//! The userland: everything below `/` when the system runs, as one archive that the kernel unpacks.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use crate::{
    Error, Result,
    cpio::{Node, Tree},
    modules::{List, Modules},
    tool,
};

/// Where the supervisor looks for lists of modules to load.
const LISTS: &str = "lib/modules/load";

/// Where it finds the blocks of an empty data partition.
const EMPTY_DATA: &str = "lib/data.blocks";

/// Places for the supervisor to mount something on.
const DIRECTORIES: [(&str, u32); 7] = [
    ("dev", 0o755),
    ("proc", 0o555),
    ("sys", 0o555),
    ("run", 0o755),
    ("tmp", 0o1777),
    ("boot", 0o755),
    ("data", 0o755),
];

/// What a userland is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// Name of the board; its list of modules is called after it.
    pub board: &'a str,
    /// The `failberry` binary.
    pub binary: &'a Path,
    /// The kernel's modules.
    pub modules: &'a Modules,
    /// Which of them to take.
    pub lists: &'a [List],
    /// Files that go in as they are.
    pub overlay: &'a Path,
    /// The blocks of an empty data partition.
    pub data: &'a [u8],
}

/// All that lies below `/`.
pub fn tree(parts: &Parts) -> Result<Tree> {
    let mut tree = Tree::default();
    for (path, mode) in DIRECTORIES {
        tree.put(path, Node::Directory(mode));
    }
    // The kernel opens it for the first process, before anything is mounted.
    tree.put("dev/console", Node::Device(0o600, 5, 1));
    overlay(parts.overlay, "", &mut tree)?;
    let binary = fs::read(parts.binary).map_err(Error::file(parts.binary))?;
    tree.put("init", Node::File(0o755, binary));
    tree.put(EMPTY_DATA, Node::File(0o644, parts.data.to_vec()));
    let mut list = String::new();
    for name in parts.modules.in_load_order(parts.lists)? {
        let path = format!("lib/modules/{name}.ko");
        tree.put(&path, Node::File(0o644, parts.modules.content(&name)?));
        list.extend(["/", &path, "\n"]);
    }
    let path = format!("{LISTS}/{}.list", parts.board);
    tree.put(&path, Node::File(0o644, list.into_bytes()));
    Ok(tree)
}

/// The archive, packed. zstd unpacks three times faster than gzip on the Pi and packs better.
pub fn archive(tree: &Tree, epoch: u32) -> Result<Vec<u8>> {
    let archive = tree.to_archive(epoch);
    // One thread: how the work is split must not depend on the machine.
    // The kernel unpacks windows of up to 8 MiB; more (--ultra, --long) it refuses.
    let mut zstd = Command::new("zstd");
    zstd.args(["-19", "--single-thread", "--stdout", "--quiet"]);
    tool::filter(&mut zstd, &archive)
}

fn overlay(directory: &Path, below: &str, tree: &mut Tree) -> Result<()> {
    for entry in fs::read_dir(directory).map_err(Error::file(directory))? {
        let entry = entry.map_err(Error::file(directory))?;
        let source = entry.path();
        let path = format!("{below}/{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(Error::file(&source))?;
        if kind.is_dir() {
            tree.put(&path, Node::Directory(0o755));
            overlay(&source, &path, tree)?;
        } else if kind.is_symlink() {
            let target = fs::read_link(&source).map_err(Error::file(&source))?;
            tree.put(&path, Node::Link(target.to_string_lossy().into_owned()));
        } else {
            let metadata = entry.metadata().map_err(Error::file(&source))?;
            // Of the permissions only this one says something: the others are the cloner's umask.
            let runs = metadata.permissions().mode() & 0o100 != 0;
            let content = fs::read(&source).map_err(Error::file(&source))?;
            tree.put(&path, Node::File(if runs { 0o755 } else { 0o644 }, content));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn binary_overlay_and_modules_come_together_the_same_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (path, content) in [
            ("binary", "ELF"),
            ("overlay/etc/hosts", "localhost"),
            ("modules/modules.dep", "k/b-b.ko: k/a.ko\nk/a.ko:\n"),
            ("modules/modules.builtin", ""),
            ("modules/k/a.ko", "A"),
            ("modules/k/b-b.ko", "B"),
            ("list", "b-b"),
        ] {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), content).unwrap();
        }
        symlink("/run/x", at("overlay/etc/x")).unwrap();
        let modules = Modules::read(&at("modules")).unwrap();
        let lists = [List::read(&at("list")).unwrap()];
        let parts = Parts {
            board: "toy",
            binary: &at("binary"),
            modules: &modules,
            lists: &lists,
            overlay: &at("overlay"),
            data: b"blocks",
        };
        let tree = tree(&parts).unwrap();
        let file = |mode, text: &str| Node::File(mode, text.into());
        for (path, node) in [
            ("/init", file(0o755, "ELF")),
            ("/etc/hosts", file(0o644, "localhost")),
            ("/lib/data.blocks", file(0o644, "blocks")),
            ("/etc/x", Node::Link("/run/x".into())),
            ("/dev/console", Node::Device(0o600, 5, 1)),
            ("/tmp", Node::Directory(0o1777)),
            ("/lib/modules/b_b.ko", file(0o644, "B")),
            (
                "/lib/modules/load/toy.list",
                file(0o644, "/lib/modules/a.ko\n/lib/modules/b_b.ko\n"),
            ),
        ] {
            assert_eq!(tree.get(path), Some(&node), "{path}");
        }
        let packed = archive(&tree, 7).unwrap();
        assert_eq!(packed, archive(&super::tree(&parts).unwrap(), 7).unwrap());
        let mut zstd = Command::new("zstd");
        let unpacked = tool::filter(zstd.args(["-d", "--stdout"]), &packed).unwrap();
        assert_eq!(unpacked, tree.to_archive(7));
    }
}
