//! Kernel modules: which files the lists in `board/` stand for, and in which order to load them.
//!
//! Takes in a module directory as `depmod` leaves it. Knows nothing of the userland.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Result, tool};

/// A module directory (`/lib/modules/<release>`) with its indexes read.
#[derive(Debug)]
pub struct Modules {
    directory: PathBuf,
    builtin: BTreeSet<String>,
    /// Name to file and names of what it needs.
    files: BTreeMap<String, (PathBuf, Vec<String>)>,
}

/// The wanted names of one list.
#[derive(Debug)]
pub struct List {
    /// What to call the list when something is wrong with it.
    name: String,
    wanted: Vec<String>,
}

impl List {
    /// Reads a list: one name a line; what follows a `#` does not count.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        Ok(Self::parse(&path.display().to_string(), &text))
    }

    fn parse(name: &str, text: &str) -> Self {
        let names = text.lines().filter_map(|line| line.split('#').next());
        Self {
            name: name.into(),
            wanted: names
                .flat_map(str::split_whitespace)
                .map(String::from)
                .collect(),
        }
    }
}

impl Modules {
    /// Reads `modules.dep` and `modules.builtin`. A kernel that loads no modules has only the
    /// second.
    pub fn read(directory: &Path) -> Result<Self> {
        let index = |name| {
            let path = directory.join(name);
            match fs::read_to_string(&path) {
                Err(error) if name == "modules.dep" && error.kind() == io::ErrorKind::NotFound => {
                    Ok(String::new())
                }
                result => result.map_err(Error::file(path)),
            }
        };
        let builtin = index("modules.builtin")?.lines().map(name_of).collect();
        let files = index("modules.dep")?
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(file, needs)| {
                let needs = needs.split_whitespace().map(name_of).collect();
                (name_of(file), (PathBuf::from(file), needs))
            })
            .collect();
        Ok(Self {
            directory: directory.to_owned(),
            builtin,
            files,
        })
    }

    /// Names of what the lists ask for and of what that needs, each once and after what it needs;
    /// without what is built into the kernel.
    pub fn in_load_order(&self, lists: &[List]) -> Result<Vec<String>> {
        let mut order = Vec::new();
        let mut seen = BTreeSet::new();
        for list in lists {
            for name in &list.wanted {
                self.add(&name_of(name), &list.name, &mut seen, &mut order)?;
            }
        }
        Ok(order)
    }

    fn add(
        &self,
        name: &str,
        list: &str,
        seen: &mut BTreeSet<String>,
        order: &mut Vec<String>,
    ) -> Result<()> {
        if self.builtin.contains(name) || !seen.insert(name.to_owned()) {
            return Ok(());
        }
        let (_, needs) = self.find(name, list)?;
        // `depmod` writes what is to be loaded first last.
        for need in needs.iter().rev() {
            self.add(need, list, seen, order)?;
        }
        order.push(name.to_owned());
        Ok(())
    }

    fn find(&self, name: &str, list: &str) -> Result<&(PathBuf, Vec<String>)> {
        self.files.get(name).ok_or_else(|| Error::UnknownModule {
            name: name.into(),
            list: list.into(),
            dir: self.directory.clone(),
        })
    }

    /// The module as the kernel takes it: unpacked where it is packed, and without a signature.
    pub fn content(&self, name: &str) -> Result<Vec<u8>> {
        self.packaged(name).map(unsigned)
    }

    fn packaged(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.directory.join(&self.find(name, "modules.dep")?.0);
        let unpacker = match path.extension().and_then(|it| it.to_str()) {
            Some("xz") => "xz",
            Some("gz") => "gzip",
            Some("zst") => "zstd",
            _ => return fs::read(&path).map_err(Error::file(path)),
        };
        tool::run(
            Command::new(unpacker)
                .args(["--decompress", "--stdout"])
                .arg(&path),
        )
    }
}

/// How a signed module ends (`include/linux/module_signature.h`).
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// `struct module_signature`: before the mark, and behind the signature whose length it ends with.
const SIGNATURE_INFO: usize = 12;

/// Takes a module's signature away. The slot's SHA-256 covers every module already; checking an
/// RSA signature for each as well takes most of the time that the modules need to load.
fn unsigned(mut module: Vec<u8>) -> Vec<u8> {
    let signature = module.strip_suffix(SIGNED).and_then(|signed| {
        let (signed, info) = signed.split_at_checked(signed.len().checked_sub(SIGNATURE_INFO)?)?;
        let length = info.last_chunk().copied().map(u32::from_be_bytes)?;
        signed.len().checked_sub(usize::try_from(length).ok()?)
    });
    module.truncate(signature.unwrap_or(module.len()));
    module
}

/// Name of a module from its path. The kernel takes `-` and `_` for the same.
fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.split(".ko").next().unwrap_or(file);
    stem.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "\
        kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz\n\
        kernel/fs/jbd2/jbd2.ko.xz:\n\
        kernel/fs/mbcache.ko.xz:\n\
        kernel/lib/crc16.ko.xz:\n\
        kernel/usb/usb-wwan.ko.xz: kernel/usb/usbserial.ko.xz\n\
        kernel/usb/usbserial.ko.xz:\n\
        kernel/usb/option.ko.xz: kernel/usb/usb-wwan.ko.xz kernel/usb/usbserial.ko.xz\n";

    fn modules() -> (tempfile::TempDir, Modules) {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("modules.dep"), DEP).unwrap();
        let builtin = "kernel/net/ipv6/ipv6.ko\nkernel/lib/crc-ccitt.ko\n";
        fs::write(directory.path().join("modules.builtin"), builtin).unwrap();
        let modules = Modules::read(directory.path()).unwrap();
        (directory, modules)
    }

    #[test]
    fn a_signature_is_taken_away_and_nothing_else() {
        let signed = |length: u32, signature: &[u8]| {
            let info = [&[0; 8][..], &length.to_be_bytes()].concat();
            [b"ELF code", signature, &info, SIGNED].concat()
        };
        assert_eq!(unsigned(signed(5, b"PKCS7")), b"ELF code");
        assert_eq!(unsigned(b"ELF code".to_vec()), b"ELF code");
        assert_eq!(unsigned(SIGNED.to_vec()), SIGNED);
        let lying = signed(5000, b"PKCS7");
        assert_eq!(unsigned(lying.clone()), lying);
    }

    #[test]
    fn everything_comes_once_and_after_what_it_needs() {
        let (_directory, modules) = modules();
        let lists = [
            List::parse("a", "option # the stick\n\n# usbserial\n"),
            List::parse("b", "ext4\nusb_wwan usbserial\nipv6 crc_ccitt"),
        ];
        let order = modules.in_load_order(&lists).unwrap();
        assert_eq!(
            order,
            [
                "usbserial",
                "usb_wwan",
                "option",
                "jbd2",
                "mbcache",
                "crc16",
                "ext4"
            ]
        );
        let place = |name: &str| order.iter().position(|it| it == name).unwrap();
        for (name, (_, needs)) in &modules.files {
            for need in needs {
                assert!(place(need) < place(name), "{need} {name}");
            }
        }
    }

    #[test]
    fn a_name_that_does_not_exist_is_told_with_its_list() {
        let (_directory, modules) = modules();
        let error = modules.in_load_order(&[List::parse("board/x/modules", "ext4 ext5")]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("ext5, wanted by board/x/modules"), "{error}");
    }

    #[test]
    fn a_kernel_without_modules_must_have_all_built_in() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Modules::read(directory.path()).is_err());
        fs::write(directory.path().join("modules.builtin"), "k/ext4.ko\n").unwrap();
        let modules = Modules::read(directory.path()).unwrap();
        let order = |text| modules.in_load_order(&[List::parse("list", text)]);
        assert!(order("ext4").unwrap().is_empty());
        let error = order("ext4 option").unwrap_err().to_string();
        assert!(error.contains("option, wanted by list"), "{error}");
    }

    #[test]
    fn packed_modules_are_unpacked() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let packed = tool::filter(Command::new("xz").arg("--stdout"), b"code").unwrap();
        fs::write(at("a-b.ko.xz"), packed).unwrap();
        fs::write(at("c.ko"), "more").unwrap();
        fs::write(at("modules.dep"), "a-b.ko.xz:\nc.ko: a-b.ko.xz\n").unwrap();
        fs::write(at("modules.builtin"), "").unwrap();
        let modules = Modules::read(directory.path()).unwrap();
        assert_eq!(modules.content("a_b").unwrap(), b"code");
        assert_eq!(modules.content("c").unwrap(), b"more");
    }
}
