//! A slot: kernel, device tree and userland in one FIT image, each with its SHA-256.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use crate::{Error, Result, tool, zimage};

/// Where U-Boot puts the parts. They must be said: used where they lie in the slot, the device
/// tree grows into the userland behind it and the kernel dies without a word.
const KERNEL_AT: u64 = 0x0008_0000;
const DEVICE_TREE_AT: u64 = 0x0260_0000;
const USERLAND_AT: u64 = 0x0270_0000;
/// Where U-Boot reads the slot to: `slot_addr` in `board/rpi2/uboot.env`.
const SLOT_AT: u64 = 0x0800_0000;
/// U-Boot makes room in the device tree for what it adds (`CONFIG_SYS_FDT_PAD`), and some more.
const DEVICE_TREE_GROWS: u64 = 0x1_0000;

/// What a slot is made of.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The kernel, a zImage.
    pub kernel: &'a [u8],
    /// The board's device tree.
    pub device_tree: &'a [u8],
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
    put("kernel", parts.kernel)?;
    put("fdt", parts.device_tree)?;
    put("ramdisk", parts.userland)?;
    put("slot.its", description().as_bytes())?;
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

/// Size that a slot's own header gives, or nothing where there is no slot.
pub fn size(slot: &[u8]) -> Option<u64> {
    const MAGIC: [u8; 4] = [0xD0, 0x0D, 0xFE, 0xED];
    let rest = slot.strip_prefix(&MAGIC)?;
    Some(u32::from_be_bytes(*rest.first_chunk()?).into())
}

/// Every part must fit between its own place and the next one's.
fn check(parts: &Parts) -> Result<()> {
    let places = [
        (
            "unpacking kernel",
            zimage::end_of_use(parts.kernel, KERNEL_AT)?,
            DEVICE_TREE_AT,
        ),
        (
            "device tree",
            DEVICE_TREE_AT + parts.device_tree.len() as u64 + DEVICE_TREE_GROWS,
            USERLAND_AT,
        ),
        (
            "userland",
            USERLAND_AT + parts.userland.len() as u64,
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

/// The text from which `mkimage` works.
fn description() -> String {
    let mut text = String::from(
        "/dts-v1/;\n/ {\n\tdescription = \"FailberryPi\";\n\t#address-cells = <1>;\n\timages {\n",
    );
    for (name, kind, load) in [
        ("kernel", "kernel", KERNEL_AT),
        ("fdt", "flat_dt", DEVICE_TREE_AT),
        ("ramdisk", "ramdisk", USERLAND_AT),
    ] {
        let entry = if name == "kernel" {
            format!("entry = <{load:#x}>; ")
        } else {
            String::new()
        };
        // Writing to a String cannot fail. The userland is packed, but not for U-Boot to unpack.
        let _ = writeln!(
            text,
            "\t\t{name} {{ data = /incbin/(\"{name}\"); type = \"{kind}\"; arch = \"arm\"; \
             os = \"linux\"; compression = \"none\"; load = <{load:#x}>; {entry}\
             hash {{ algo = \"sha256\"; }}; }};"
        );
    }
    text.push_str(
        "\t};\n\tconfigurations {\n\t\tdefault = \"board\";\n\t\tboard { kernel = \"kernel\"; \
         fdt = \"fdt\"; ramdisk = \"ramdisk\"; };\n\t};\n};\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zimage::tests::zimage;

    fn check_sizes(kernel: u32, device_tree: usize, userland: usize) -> Result<()> {
        check(&Parts {
            kernel: &zimage(kernel, 0),
            device_tree: &vec![0; device_tree],
            userland: &vec![0; userland],
        })
    }

    #[test]
    fn parts_that_would_overwrite_one_another_in_memory_are_refused() {
        check_sizes(0x200_0000, 0xF_0000, 0x590_0000).unwrap();
        for (sizes, says) in [
            ((0x260_0000, 1, 1), "kernel"),
            ((1, 0xF_0001, 1), "device tree"),
            ((1, 1, 0x590_0001), "userland"),
        ] {
            let error = check_sizes(sizes.0, sizes.1, sizes.2)
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn u_boot_reads_the_slot_to_the_place_that_is_kept_free_for_it() {
        let env = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rpi2/uboot.env");
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
