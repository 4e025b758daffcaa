//! Broken slot image: U-Boot starts it, its init exits at once, and the kernel panics.

use failberry_image::cpio::{Node, Tree};

use crate::{slot, suite::Outcome};

/// Load address of the program.
const BASE: u32 = 0x1_0000;

/// ELF header and one program header.
const HEADERS: u32 = 52 + 32;

/// `exit(7)` for ARM: the number of the call in r7, its argument in r0.
const EXIT: [u32; 3] = [0xE3A0_7001, 0xE3A0_0007, 0xEF00_0000];

/// Returns the slot's image.
pub(super) fn slot() -> Outcome<Vec<u8>> {
    let mut tree = Tree::default();
    tree.put("dev", Node::Directory(0o755));
    tree.put("dev/console", Node::Device(0o600, 5, 1));
    tree.put("init", Node::File(0o755, program()));
    let userland = tree.to_archive(0);
    slot::with_userland(&userland)
}

/// Returns a static ELF program for 32-bit ARM (EABI 5).
fn program() -> Vec<u8> {
    let size = HEADERS + 4 * 3;
    let mut elf = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let half = |elf: &mut Vec<u8>, value: u16| elf.extend(value.to_le_bytes());
    let word = |elf: &mut Vec<u8>, value: u32| elf.extend(value.to_le_bytes());
    half(&mut elf, 2); // executable
    half(&mut elf, 40); // ARM
    word(&mut elf, 1);
    word(&mut elf, BASE + HEADERS); // entry
    word(&mut elf, 52); // program headers
    word(&mut elf, 0);
    word(&mut elf, 0x0500_0000); // EABI 5
    for value in [52, 32, 1, 0, 0, 0] {
        half(&mut elf, value);
    }
    // One segment: load, offset, addresses, sizes, readable and executable, alignment.
    for value in [1, 0, BASE, BASE, size, size, 5, 0x1000] {
        word(&mut elf, value);
    }
    for instruction in EXIT {
        word(&mut elf, instruction);
    }
    elf
}
