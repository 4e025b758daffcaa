//! A slot: kernel, device trees and userland in one FIT image, each with its SHA-256.

use std::{borrow::Cow, fmt::Write as _, fs, path::Path, process::Command};

use crate::{Error, Result, board::Processor, image64, tool, zimage};

/// Where U-Boot reads the slot to: `slot_addr` in `board/common/uboot.env`.
const SLOT_AT: u64 = 0x0800_0000;
/// U-Boot makes room in the device tree for what it adds (`CONFIG_SYS_FDT_PAD`), and some more.
const DEVICE_TREE_GROWS: u64 = 0x1_0000;

/// Where U-Boot puts the parts. They must be said: used where they lie in the slot, the device
/// tree grows into the userland behind it and the kernel dies without a word.
struct Places {
    kernel: u64,
    device_tree: u64,
    userland: u64,
}

impl Places {
    const fn of(processor: Processor) -> Self {
        match processor {
            Processor::Armv7 => Self {
                kernel: 0x0008_0000,
                device_tree: 0x0260_0000,
                userland: 0x0270_0000,
            },
            // The kernel wants a multiple of 2 MiB; below the first wait the other processors.
            // Unpacked it has three times the size.
            Processor::Aarch64 => Self {
                kernel: 0x0020_0000,
                device_tree: 0x0500_0000,
                userland: 0x0510_0000,
            },
        }
    }
}

/// What a slot is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// What it runs on.
    pub processor: Processor,
    /// The kernel: a zImage in 32 bit, an Image in 64 bit.
    pub kernel: &'a [u8],
    /// The device trees of all boards the slot is for, by name.
    pub device_trees: &'a [(String, Vec<u8>)],
    /// The packed userland.
    pub userland: &'a [u8],
}

/// The FIT image, made by U-Boot's `mkimage`.
pub fn build(parts: &Parts, mkimage: &Path, epoch: u32) -> Result<Vec<u8>> {
    check(parts)?;
    let work = tempfile::tempdir().map_err(Error::file("temporary directory"))?;
    let put = |name: &str, content: &[u8]| {
        let path = work.path().join(name);
        fs::write(&path, content).map_err(Error::file(path))
    };
    put("kernel", &packed_kernel(parts)?)?;
    for (name, tree) in parts.device_trees {
        put(name, tree)?;
    }
    put("ramdisk", parts.userland)?;
    put("slot.its", description(parts).as_bytes())?;
    let mkimage = mkimage.canonicalize().map_err(Error::file(mkimage))?;
    tool::run(
        Command::new(mkimage)
            .args(["-f", "slot.its", "slot.fit"])
            .env("SOURCE_DATE_EPOCH", epoch.to_string())
            .current_dir(work.path()),
    )?;
    let path = work.path().join("slot.fit");
    fs::read(&path).map_err(Error::file(path))
}

/// A zImage unpacks itself; an Image is packed here and unpacked by U-Boot.
fn packed_kernel<'a>(parts: &Parts<'a>) -> Result<Cow<'a, [u8]>> {
    match parts.processor {
        Processor::Armv7 => Ok(Cow::Borrowed(parts.kernel)),
        Processor::Aarch64 => {
            // One thread: how the work is split must not depend on the machine.
            let mut zstd = Command::new("zstd");
            zstd.args(["-19", "--single-thread", "--stdout", "--quiet"]);
            tool::filter(&mut zstd, parts.kernel).map(Cow::Owned)
        }
    }
}

/// Size that a slot's own header gives, or nothing where there is no slot.
pub fn size(slot: &[u8]) -> Option<u64> {
    const MAGIC: [u8; 4] = [0xD0, 0x0D, 0xFE, 0xED];
    let rest = slot.strip_prefix(&MAGIC)?;
    Some(u32::from_be_bytes(*rest.first_chunk()?).into())
}

/// Every part must fit between its own place and the next one's.
fn check(parts: &Parts) -> Result<()> {
    let at = Places::of(parts.processor);
    let kernel_end = match parts.processor {
        Processor::Armv7 => zimage::end_of_use(parts.kernel, at.kernel)?,
        Processor::Aarch64 => image64::end_of_use(parts.kernel, at.kernel)?,
    };
    let largest = parts.device_trees.iter().map(|(_, tree)| tree.len()).max();
    let places = [
        ("unpacking kernel", kernel_end, at.device_tree),
        (
            "device tree",
            at.device_tree + largest.unwrap_or(0) as u64 + DEVICE_TREE_GROWS,
            at.userland,
        ),
        (
            "userland",
            at.userland + parts.userland.len() as u64,
            SLOT_AT,
        ),
    ];
    for (part, end, limit) in places {
        if end > limit {
            return Err(Error::TooLarge {
                part: format!("{part} in memory"),
                got: end,
                room: limit,
            });
        }
    }
    Ok(())
}

/// The text from which `mkimage` works. The first device tree's configuration is the default.
fn description(parts: &Parts) -> String {
    let at = Places::of(parts.processor);
    let (arch, compression) = match parts.processor {
        Processor::Armv7 => ("arm", "none"),
        Processor::Aarch64 => ("arm64", "zstd"),
    };
    let trees = parts.device_trees.iter().map(|(name, _)| name.as_str());
    let mut text = String::from(
        "/dts-v1/;\n/ {\n\tdescription = \"FailberryPi\";\n\t#address-cells = <1>;\n\timages {\n",
    );
    // The userland is packed as well, but not for U-Boot to unpack.
    let images = [
        ("kernel", "kernel", at.kernel, compression),
        ("ramdisk", "ramdisk", at.userland, "none"),
    ];
    let images = images.into_iter().chain(
        trees
            .clone()
            .map(|name| (name, "flat_dt", at.device_tree, "none")),
    );
    for (name, kind, load, compression) in images {
        let entry = if name == "kernel" {
            format!("entry = <{load:#x}>; ")
        } else {
            String::new()
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "\t\t{name} {{ data = /incbin/(\"{name}\"); type = \"{kind}\"; arch = \"{arch}\"; \
             os = \"linux\"; compression = \"{compression}\"; load = <{load:#x}>; {entry}\
             hash {{ algo = \"sha256\"; }}; }};"
        );
    }
    let default = trees.clone().next().unwrap_or_default();
    let _ = writeln!(
        text,
        "\t}};\n\tconfigurations {{\n\t\tdefault = \"{default}\";"
    );
    for name in trees {
        let _ = writeln!(
            text,
            "\t\t{name} {{ kernel = \"kernel\"; fdt = \"{name}\"; ramdisk = \"ramdisk\"; }};"
        );
    }
    text.push_str("\t};\n};\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{image64::tests::image, zimage::tests::zimage};

    fn check_sizes(
        processor: Processor,
        kernel: u32,
        device_tree: usize,
        userland: usize,
    ) -> Result<()> {
        let kernel = match processor {
            Processor::Armv7 => zimage(kernel, 0),
            Processor::Aarch64 => image(kernel.into()),
        };
        check(&Parts {
            processor,
            kernel: &kernel,
            device_trees: &[
                ("small".into(), vec![]),
                ("large".into(), vec![0; device_tree]),
            ],
            userland: &vec![0; userland],
        })
    }

    #[test]
    fn parts_that_would_overwrite_one_another_in_memory_are_refused() {
        for (processor, kernel, kernel_limit, userland) in [
            (Processor::Armv7, 0x200_0000, 0x260_0000, 0x590_0000),
            (Processor::Aarch64, 0x4E0_0000, 0x4E0_0001, 0x2F0_0000),
        ] {
            check_sizes(processor, kernel, 0xF_0000, userland).unwrap();
            for (sizes, says) in [
                ((kernel_limit, 1, 1), "kernel"),
                ((1, 0xF_0001, 1), "device tree"),
                ((1, 1, userland + 1), "userland"),
            ] {
                let error = check_sizes(processor, sizes.0, sizes.1, sizes.2)
                    .unwrap_err()
                    .to_string();
                assert!(error.contains(says), "{error}");
            }
        }
    }

    #[test]
    fn u_boot_reads_the_slot_to_the_place_that_is_kept_free_for_it() {
        let env = Path::new(env!("CARGO_MANIFEST_DIR")).join("../common/uboot.env");
        let env = fs::read_to_string(env).unwrap();
        assert!(env.contains(&format!("slot_addr={SLOT_AT:#010x}\n")));
    }

    #[test]
    fn the_size_is_the_one_in_the_header() {
        assert_eq!(
            size(&[0xD0, 0x0D, 0xFE, 0xED, 0, 1, 0, 0, 9]),
            Some(0x1_0000)
        );
        assert_eq!(size(&[0; 512]), None);
        assert_eq!(size(&[0xD0, 0x0D, 0xFE, 0xED, 0]), None);
    }
}
